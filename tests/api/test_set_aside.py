"""A call that is paused, cancelled or missed is written down beside the calls; others are not."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User

from scheduled_calls.models import ScheduledCall, SetAside
from tests.client import Api


def statuses() -> dict[str, str]:
    """What is written down, by the call's name."""
    return dict(SetAside.objects.values_list("call__name", "status"))


def test_it_follows_what_is_done_to_a_call(api: Api, alice: User) -> None:
    ids = {name: api.schedule_recurring(name=name)["id"] for name in ("a", "b", "c")}
    assert statuses() == {}
    api.post(f"scheduled-calls/{ids['a']}/pause")
    api.send("delete", f"scheduled-calls/{ids['b']}")
    assert statuses() == {"a": "paused", "b": "cancelled"}
    api.post(f"scheduled-calls/{ids['a']}/resume")
    assert statuses() == {"b": "cancelled"}
    api.post(f"scheduled-calls/{ids['c']}/pause")
    api.send("delete", f"scheduled-calls/{ids['c']}")
    assert statuses() == {"b": "cancelled", "c": "cancelled"}
    shown = api.get("scheduled-calls", {"status": "cancelled"}).json()["results"]
    assert [call["name"] for call in shown] == ["c", "b"]


def test_a_missed_call_that_gets_a_new_time_is_no_longer_among_the_missed(api: Api) -> None:
    call = api.schedule(name="late")
    ScheduledCall.objects.filter(pk=call["id"]).update(
        status="missed", next_run_at=None, next_execution_id=None
    )
    assert statuses() == {"late": "missed"}
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = api.send("patch", f"scheduled-calls/{call['id']}", {"scheduled_time": later})
    assert answer.json()["status"] == "active"
    assert statuses() == {}


def test_a_call_that_is_completed_is_not_written_down(api: Api) -> None:
    call = api.schedule()
    rows = ScheduledCall.objects.filter(pk=call["id"])
    rows.update(status="completed", next_run_at=None, next_execution_id=None)
    assert statuses() == {}
    shown = api.get("scheduled-calls", {"status": "completed"}).json()["results"]
    assert [found["id"] for found in shown] == [call["id"]]
