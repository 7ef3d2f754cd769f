"""An occurrence comes due: its name, whether it rings, is missed or is skipped, and its row."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.conf import settings

from executions.rows import Row
from executions.states import ExecutionStatus
from scheduled_calls.timing import Timed, execution_id, key_of, passed_runs, set_next
from scheduler_project.ids import uuid7

__all__ = [
    "DUE_COLUMNS",
    "INSERTED", "MOVED_ON", "RING_AGAIN", "DueCall", "Opening", "decide", "execution_id",
    "execution_row", "move_on", "occurrences",
]  # fmt: skip
#: a bell that nobody answered is rung again after this long
RING_AGAIN = timedelta(seconds=10)
#: the columns of a new execution
INSERTED = {
    "id": "uuid",
    "opened": "uuid",
    "scheduled_call_id": "uuid",
    "owner_id": "bigint",
    "occurrence_key": "varchar",
    "trigger": "varchar",
    "scheduled_for": "timestamptz",
    "due_at": "timestamptz",
    "expires_at": "timestamptz",
    "ring_at": "timestamptz",
    "status": "varchar",
    "attempt_count": "smallint",
    "started": "boolean",
    "error": "text",
    "reason": "varchar",
    "count": "integer",
    "ended_at": "timestamptz",
}
#: the columns of a scheduled call that its occurrences change
MOVED_ON = {
    "next_run_at": "timestamptz",
    "next_execution_id": "uuid",
    "last_opened_for": "timestamptz",
    "occurrence_count": "integer",
}


class Opening(Timed, Protocol):
    """A scheduled call, or the columns of one, as far as its executions copy them."""

    owner_id: int


@dataclass(slots=True)
class DueCall:
    """The columns of a scheduled call that moving it on takes; times in UTC."""

    id: UUID
    owner_id: int
    crontab_id: int | None
    cron_expression: str
    timezone: str
    timing_revision: int
    max_occurrences: int | None
    occurrence_count: int
    last_opened_for: datetime | None
    next_run_at: datetime | None
    next_execution_id: UUID | None = None


#: the same in SQL, in the same order, but for the last one, which is not needed to move on
DUE_COLUMNS = """
    id, owner_id, crontab_id, cron_expression, timezone, timing_revision, max_occurrences,
    occurrence_count, last_opened_for, next_run_at
"""


def decide(at: datetime, now: datetime, catch_up_seconds: float, *, busy: bool) -> ExecutionStatus:
    """What becomes of an occurrence that was to ring at `at` and is looked at `now`.

    `busy`: another execution of the same scheduled call is being placed or talking.
    """
    if (now - at).total_seconds() > catch_up_seconds:
        return ExecutionStatus.MISSED
    return ExecutionStatus.SKIPPED if busy else ExecutionStatus.PENDING


def occurrences(call: DueCall, busy: bool, now: datetime) -> Iterable[Row]:
    """The rows for all occurrences of one call up to `now`; moves the call on (not saved yet).

    The last of them may ring; those that are missed are one row that says how many they were.
    """
    if call.next_run_at is None:
        return
    first = call.next_run_at
    count, last, following = passed_runs(call, first, now)
    status = decide(last, now, settings.SCHEDULER.catch_up_seconds, busy=busy)
    missed = count - (status != ExecutionStatus.MISSED)
    if missed:
        yield execution_row(call, first, ExecutionStatus.MISSED, now, "too_late", count=missed)
    if status != ExecutionStatus.MISSED:
        yield execution_row(call, last, status, now, "overlap" if busy else "")
    move_on(call, last, following, rings=status == ExecutionStatus.PENDING)


def move_on(call: DueCall, last: datetime, following: datetime | None, *, rings: bool) -> None:
    """Where the call stands once its occurrences up to `last` are opened (not saved yet).

    `following`: the one after it (UTC), if there is one; `rings`: whether the last is one to count.
    """
    call.occurrence_count += rings
    call.last_opened_for = last
    spent = call.max_occurrences is not None and call.occurrence_count >= call.max_occurrences
    set_next(call, None if spent else following)


def execution_row(
    call: Opening,
    at: datetime,
    status: ExecutionStatus,
    now: datetime,
    reason: str = "",
    count: int = 1,
) -> Row:
    """The columns of a new execution of `call` for its occurrence at `at` (UTC)."""
    key = key_of(call, at)
    waiting = status == ExecutionStatus.PENDING
    return {
        "id": execution_id(call.id, key),
        "opened": uuid7(),
        "scheduled_call_id": call.id,
        "owner_id": call.owner_id,
        "occurrence_key": key,
        "trigger": "schedule",
        "scheduled_for": at,
        "due_at": at,
        "expires_at": at + timedelta(seconds=settings.SCHEDULER.catch_up_seconds),
        "ring_at": now + RING_AGAIN if waiting else None,
        "status": status,
        "attempt_count": 0,
        "started": False,
        "error": f"missed: {reason}" if status == ExecutionStatus.MISSED else None,
        "reason": reason,
        "count": count,
        "ended_at": None if waiting else now,
    }
