"""A call's metadata is written down beside the calls, for its filter; empty metadata is not."""

from typing import Any

from django.db import connection

from scheduled_calls.models import CallMetadata, ScheduledCall
from tests.client import Api


def kept() -> dict[str, Any]:
    """What is written down, by the call's name."""
    return dict(CallMetadata.objects.values_list("call__name", "metadata"))


def found(api: Api, **query: str) -> list[str]:
    """The names of the calls that a filter shows."""
    given = {f"metadata.{key}": value for key, value in query.items()}
    return [call["name"] for call in api.get("scheduled-calls", given).json()["results"]]


def test_it_follows_what_is_done_to_a_call(api: Api) -> None:
    ids = {
        name: api.schedule_recurring(name=name, metadata=metadata)["id"]
        for name, metadata in (("a", {"n": 1}), ("b", {}), ("c", {"n": "1"}))
    }
    assert kept() == {"a": {"n": 1}, "c": {"n": "1"}}
    assert found(api, n="1") == ["c", "a"]

    api.send("patch", f"scheduled-calls/{ids['a']}", {"metadata": {"n": 2}})
    api.send("patch", f"scheduled-calls/{ids['b']}", {"metadata": {"n": True}})
    api.send("patch", f"scheduled-calls/{ids['c']}", {"metadata": {}})
    assert kept() == {"a": {"n": 2}, "b": {"n": True}}
    assert (found(api, n="1"), found(api, n="2"), found(api, n="true")) == ([], ["a"], ["b"])

    ScheduledCall.objects.get(pk=ids["a"]).delete()
    assert kept() == {"b": {"n": True}}


def test_calls_that_are_made_together_are_written_down_together(api: Api) -> None:
    body = {"agent_id": "a", "phone_number": "+12125550123", "cron_expression": "0 9 * * *"}
    calls = [{**body, "name": f"{n}", "metadata": {"n": n} if n else {}} for n in range(3)]
    assert api.post("scheduled-calls/bulk", {"calls": calls}).status_code < 300
    assert kept() == {"1": {"n": 1}, "2": {"n": 2}}
    assert found(api, n="2") == ["2"]


def test_metadata_left_behind_stops_no_creation(api: Api) -> None:
    call = api.schedule_recurring(name="a", metadata={"n": 0})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM scheduled_calls_scheduledcall")
        cursor.execute("DELETE FROM scheduled_calls_scheduledcall")
        cursor.execute("UPDATE kept SET metadata = '{\"n\": 7}'")
        cursor.execute("INSERT INTO scheduled_calls_scheduledcall SELECT * FROM kept")
    assert CallMetadata.objects.get(pk=call["id"]).metadata == {"n": 7}
    assert (found(api, n="0"), found(api, n="7")) == ([], ["a"])
