"""The checker sees what it is for: a second ring, a lost one, an early one, a wrong history."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.checker import Verdict, Wanted, judge, recovery

AT = datetime(2027, 3, 1, 9, tzinfo=UTC).timestamp()
ONE = Wanted("s-1", "plain", AT - 60, at=AT)


def ring(**said: Any) -> dict[str, Any]:
    """A line of the call service's log."""
    scheduled = {"schedule_id": "s-1", "scheduled_time": "2027-03-01T09:00:00Z"}
    placed = {"attempt_id": "a-1", "call_id": "call-1", "at": AT + 0.2}
    return {"event": "ring", **scheduled, **placed, **said}


def row(status: str = "completed", call_id: str | None = "call-1", reason: str = "") -> Any:
    """An execution's row as `ROWS` reads it, with the attempt that placed the call."""
    attempt = {"id": "a-1", "status": "ended", "outcome": status, "call_id": call_id}
    attempts = [attempt | {"resends": 0, "doubted": False}] if call_id else []
    return ("e-1", "s-1", AT, status, reason, call_id, attempts)


def verdict(log: list[dict[str, Any]], rows: list[Any]) -> Verdict:
    """What the checker says of one wanted call."""
    return judge(Verdict("test", 1), [ONE], log, rows)


def test_one_ring_that_is_written_down_is_right() -> None:
    found = verdict([ring()], [row()])
    assert found.ok
    assert (found.wanted, found.rings, found.late_max) == (1, 1, 0.2)


@pytest.mark.parametrize(
    ("what", "log", "rows"),
    [
        ("doubled", [ring(), ring()], [row()]),
        ("doubled", [ring(attempt_id="a-0"), ring()], [row()]),
        ("lost", [], [row()]),
        ("lost", [], []),
        ("early", [ring(at=AT - 1)], [row()]),
        ("unexplained", [ring(), ring(schedule_id="s-2")], [row()]),
        ("unexplained", [ring(), ring(scheduled_time="2027-03-01T09:01:00Z")], [row()]),
        ("differs", [ring(call_id="call-2")], [row()]),
        ("differs", [ring()], [row("missed", None, "too_late")]),
        ("unknown", [ring()], [row("unknown", None)]),
        ("still_open", [ring()], [row("in_progress")]),
        ("unrung", [], [row("missed", None, "too_late")]),
    ],
)
def test_whatever_is_wrong_is_counted(what: str, log: list[Any], rows: list[Any]) -> None:
    found = verdict(log, rows)
    assert getattr(found, what)
    assert not found.ok


def test_a_forged_callback_that_was_taken_in_is_a_complaint() -> None:
    forged = {"event": "callback", "how": "forged", "status": 204}
    assert not verdict([ring(), forged], [row()]).ok
    assert verdict([ring(), forged | {"status": 401}], [row()]).ok


def test_expected_occurrences_are_walked_by_cronsim() -> None:
    daily = Wanted("s", "plain", AT, cron="30 2 * * *", zone="America/New_York", times=14)
    hours = {datetime.fromtimestamp(at, UTC).hour for at in daily.occurrences()}
    assert hours == {6, 7}  # before and after the clocks change on 2027-03-14


def test_recovery_is_the_wait_for_the_next_ring_and_for_the_last_that_was_due() -> None:
    fault = (AT, AT + 10)
    rang = [(AT - 5, AT - 5), (AT + 3, AT + 12), (AT + 4, AT + 19), (AT + 11, AT + 11.5)]
    assert recovery([fault], rang) == (0.5, 9.0)
    assert recovery([], rang) == (0.0, 0.0)
