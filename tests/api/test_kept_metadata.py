"""A call's metadata is written down beside the calls, for its filter; empty metadata is not."""

from typing import Any

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


def test_what_somebody_left_behind_stops_no_call(api: Api) -> None:
    call = ScheduledCall.objects.get(pk=api.schedule_recurring(name="a")["id"])
    CallMetadata.objects.create(call=call, metadata={"n": 0})
    api.send("patch", f"scheduled-calls/{call.pk}", {"metadata": {"n": 7}})
    assert kept() == {"a": {"n": 7}}
