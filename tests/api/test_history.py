"""The history of a scheduled call: the seed's rows, oldest first, the coming one last."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.occurrence import execution_id
from scheduled_calls.models import ScheduledCall
from scheduled_calls.timing import key_of
from tests.client import Api, wrong_fields
from tests.rows import make_attempt, make_execution

AT = datetime(2026, 2, 2, 14, 0, tzinfo=UTC)
SEEDS = ["execution_id", "scheduled_time", "actual_time", "call_id", "status", "duration", "error"]
MORE = {
    "scheduled_time_utc", "actual_time_utc", "trigger", "reason", "next_retry_at", "attempts",
    "details",
}  # fmt: skip


def rows(api: Api, schedule_id: str, **query: str | int) -> list[dict[str, Any]]:
    answer = api.get(f"scheduled-calls/{schedule_id}/history", query)
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()["executions"]
    return found


def test_the_seeds_shape_is_answered_exactly(api: Api) -> None:
    call = api.schedule_recurring()
    make_execution(
        call["id"],
        scheduled_for=AT,
        actual_time=AT + timedelta(seconds=5, milliseconds=700),
        call_id="call-456",
        duration=180,
    )
    answer = api.get(f"scheduled-calls/{call['id']}/history").json()
    assert answer["schedule_id"] == call["id"]
    done, coming = answer["executions"]
    seeds = {name: done[name] for name in SEEDS if name != "execution_id"}
    assert seeds == {
        "scheduled_time": "2026-02-02 09:00:00",
        "actual_time": "2026-02-02 09:00:05",
        "call_id": "call-456",
        "status": "completed",
        "duration": 180,
        "error": None,
    }
    assert list(done)[:7] == SEEDS
    assert [name for name in coming if name in SEEDS] == [n for n in SEEDS if n != "duration"]
    assert {coming[name] for name in ("actual_time", "call_id", "error")} == {None}
    assert coming["status"] == "pending"
    assert done.keys() >= MORE
    assert coming.keys() >= MORE


def test_the_pending_row_is_the_next_occurrence_under_the_id_it_will_have(api: Api) -> None:
    call = api.schedule_recurring()
    (coming,) = rows(api, call["id"])
    row = ScheduledCall.objects.get(pk=call["id"])
    assert row.next_run_at
    assert coming["scheduled_time_utc"] == call["next_run_at"]
    assert coming["execution_id"] == str(execution_id(row.id, key_of(row, row.next_run_at)))


def test_a_call_that_will_not_ring_has_no_pending_row(api: Api) -> None:
    call = api.schedule()
    api.post(f"scheduled-calls/{call['id']}/pause")
    assert rows(api, call["id"]) == []


def test_rows_stand_oldest_first(api: Api) -> None:
    call = api.schedule_recurring()
    for days in (3, 1, 2):
        make_execution(call["id"], scheduled_for=AT + timedelta(days=days))
    times = [row["scheduled_time"] for row in rows(api, call["id"])]
    assert times == sorted(times, key=str)
    assert len(times) == 4


def test_an_occurrence_that_was_just_opened_is_not_shown_twice(api: Api) -> None:
    call = api.schedule_recurring()
    (coming,) = rows(api, call["id"])
    make_execution(call["id"], id=coming["execution_id"], status="pending")
    (opened,) = rows(api, call["id"])
    assert opened["execution_id"] == coming["execution_id"]
    assert "duration" not in opened


def test_the_newest_hundred_are_shown_and_earlier_leads_to_the_rest(api: Api) -> None:
    call = api.schedule_recurring()
    ids = [
        str(make_execution(call["id"], scheduled_for=AT + timedelta(hours=hour // 2)).pk)
        for hour in range(105)
    ]
    answer = api.get(f"scheduled-calls/{call['id']}/history").json()
    assert [row["execution_id"] for row in answer["executions"]][:-1] == ids[5:]
    query = {"before": answer["earlier"], "limit": 3}
    answer = api.get(f"scheduled-calls/{call['id']}/history", query).json()
    assert [row["execution_id"] for row in answer["executions"]] == ids[2:5]
    query = {"before": answer["earlier"]}
    answer = api.get(f"scheduled-calls/{call['id']}/history", query).json()
    assert [row["execution_id"] for row in answer["executions"]] == ids[:2]
    assert answer["earlier"] is None


def test_before_may_be_an_instant(api: Api) -> None:
    call = api.schedule_recurring()
    early = make_execution(call["id"], scheduled_for=AT)
    make_execution(call["id"], scheduled_for=AT + timedelta(days=1))
    (row,) = rows(api, call["id"], before="2026-02-03T14:00:00Z")
    assert row["execution_id"] == str(early.pk)


@pytest.mark.parametrize(
    "query",
    ["before=x", "before=%00", "before=01900000-0000-7000-8000-000000000000", "limit=0",
     "limit=x", "limit=1.5", "after=2027-01-01", "before="],
)  # fmt: skip
def test_a_wrong_parameter_is_a_400_that_names_it(api: Api, query: str) -> None:
    call = api.schedule()
    answer = api.ask(f"/api/scheduled-calls/{call['id']}/history?{query}")
    assert list(wrong_fields(answer)) == [query.partition("=")[0]]


def test_a_retry_says_when_and_what_was_tried(api: Api) -> None:
    call = api.schedule_recurring()
    due = AT + timedelta(minutes=5)
    execution = make_execution(
        call["id"], scheduled_for=AT, status="retrying", due_at=due, error="busy: line busy"
    )
    make_attempt(execution, outcome="busy", error="busy: line busy", call_id="call-1")
    row = rows(api, call["id"])[0]
    assert row["next_retry_at"] == "2026-02-02T14:05:00Z"
    assert row["status"] == "retrying"
    assert str(row["error"]).startswith("busy")
    (attempt,) = row["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["call_id"]) == (1, "busy", "call-1")


def test_a_missed_row_says_why_and_how_many_it_stands_for(api: Api) -> None:
    call = api.schedule_recurring()
    make_execution(call["id"], status="missed", reason="too_late", count=4)
    row = rows(api, call["id"])[0]
    assert (row["status"], row["reason"], row["count"]) == ("missed", "too_late", 4)


def test_what_the_call_service_tells_is_shown(api: Api) -> None:
    call = api.schedule_recurring()
    make_execution(call["id"], details={"summary": "wants a ring on Friday"})
    assert rows(api, call["id"])[0]["details"] == {"summary": "wants a ring on Friday"}


def test_the_number_of_queries_does_not_grow_with_the_rows(api: Api) -> None:
    call = api.schedule_recurring()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            rows(api, call["id"])
        return len(captured)

    make_attempt(make_execution(call["id"]))
    few = queries()
    for _ in range(10):
        make_attempt(make_execution(call["id"]))
    assert queries() == few
