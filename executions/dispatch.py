"""A scheduled call comes due: its occurrence is opened and the schedule moves on, all at once.

Any number of beats may run this: rows are claimed with SKIP LOCKED, an occurrence is one row by
constraint, and whoever comes second finds nothing to do.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from executions import rows
from executions.ending import TOO_LATE, close_calls, end_waiting
from executions.notices import COLUMNS, tell
from executions.occurrence import decide, execution_id
from executions.rows import Row
from executions.states import ExecutionStatus
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.timing import Timed, key_of, passed_runs, set_next
from scheduler_project.ids import uuid7

log = logging.getLogger(__name__)
BATCH = 500
#: a bell that nobody answered is rung again after this long
RING_AGAIN = timedelta(seconds=10)

_READ = """
SELECT id, owner_id, crontab_id, cron_expression, timezone, timing_revision, max_occurrences,
    occurrence_count, last_opened_for, next_run_at, next_execution_id
FROM scheduled_calls_scheduledcall
"""
_DUE = f"""
{_READ} WHERE status = 'active' AND next_run_at IS NOT NULL AND next_run_at <= %(now)s
ORDER BY next_run_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
_AGAIN = f"{_READ} WHERE id = ANY(%(ids)s::uuid[])"
_UNDER_WAY = """
SELECT e.* FROM unnest(%(ids)s::uuid[]) AS due(id) CROSS JOIN LATERAL (
    SELECT id, scheduled_call_id, status, trigger FROM executions_execution
    WHERE scheduled_call_id = due.id
      AND status IN ('pending', 'dialing', 'in_progress', 'retrying') OFFSET 0
) e
"""
_TOLD = f"""
SELECT {COLUMNS} FROM executions_execution e
JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
WHERE e.id = ANY(%(ids)s::uuid[])
"""  # noqa: S608  own constants
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
    """The columns of a scheduled call that dispatch reads, in the order of `_DUE`; times in UTC."""

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
    next_execution_id: UUID | None


@dataclass(slots=True)
class Bells:
    """What is to be rung for after the commit: executions to dial, deliveries to send."""

    calls: list[UUID] = field(default_factory=list)
    webhooks: list[UUID] = field(default_factory=list)
    #: whether a full batch was found, so that more may be waiting
    more: bool = False

    def add(self, other: "Bells") -> None:
        """Takes the other's bells too."""
        self.calls += other.calls
        self.webhooks += other.webhooks
        self.more = self.more or other.more


def open_due(now: datetime, limit: int = BATCH) -> Bells:
    """Opens the occurrences of up to `limit` scheduled calls that are due at `now` (UTC)."""
    with transaction.atomic(), connection.cursor() as cursor:
        calls = _read(cursor, _DUE, {"now": now, "limit": limit})
        if not calls:
            return Bells()
        ids = rows.array(call.id for call in calls)
        under_way = rows.fetch(cursor, _UNDER_WAY, {"ids": ids})
        # One person, one phone: what still waits for an earlier time gives way to the new one.
        old = [row["id"] for row in under_way if _gives_way(row)]
        bells = Bells(more=len(calls) == limit)
        if old:
            bells.webhooks += end_waiting(cursor, old, TOO_LATE, "superseded", now)
            calls = _read(cursor, _AGAIN, {"ids": ids})  # some have got their count back
        busy = {row["scheduled_call_id"] for row in under_way if not _gives_way(row)}
        opened = [row for call in calls for row in _open_safely(call, call.id in busy, now)]
        bells.add(_write(cursor, calls, opened, now))
        return bells


def _read(cursor: Any, sql: str, parameters: dict[str, Any]) -> list[DueCall]:
    cursor.execute(sql, parameters)
    return [DueCall(*row) for row in cursor.fetchall()]


def _open_safely(call: DueCall, busy: bool, now: datetime) -> list[Row]:
    """As `_open`; a call whose times cannot be computed is paused, for an operator to see.

    It must not hold up everybody else's nine o'clock.
    """
    before = call.occurrence_count, call.last_opened_for
    try:
        return list(_open(call, busy, now))
    except Exception as error:
        log.exception("call_defect schedule=%s", call.id)
        call.occurrence_count, call.last_opened_for = before
        call.next_run_at = call.next_execution_id = None
        ScheduledCall.objects.filter(pk=call.id).update(
            status=Status.PAUSED,
            paused_reason=f"defect: {error}"[:255],
            next_run_at=None,
            next_execution_id=None,
            updated_at=now,
        )
        return []


def _gives_way(row: Row) -> bool:
    return row["trigger"] == "schedule" and row["status"] in ("pending", "retrying")


def _open(call: DueCall, busy: bool, now: datetime) -> Iterable[Row]:
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
    call.occurrence_count += status == ExecutionStatus.PENDING
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


def _write(cursor: Any, calls: list[DueCall], opened: list[Row], now: datetime) -> Bells:
    fresh = set(rows.insert(cursor, "executions_execution", INSERTED, opened))
    new = [row for row in opened if str(row["id"]) in fresh]
    # Counted when it was first opened: an occurrence that is there already counts once.
    again = {
        row["scheduled_call_id"]
        for row in opened
        if row["status"] == ExecutionStatus.PENDING and str(row["id"]) not in fresh
    }
    for call in calls:
        call.occurrence_count -= call.id in again
    moved = [{name: getattr(call, name) for name in ("id", *MOVED_ON)} for call in calls]
    rows.update(cursor, "scheduled_calls_scheduledcall", MOVED_ON, moved)
    return Bells(
        calls=[row["id"] for row in new if row["status"] == ExecutionStatus.PENDING],
        webhooks=close_and_tell(cursor, [row for row in new if row["ended_at"]], now),
    )


def close_and_tell(cursor: Any, over: list[Row], now: datetime) -> list[UUID]:
    """Tells of new executions that were final from the start, and closes their calls."""
    if not over:
        return []
    missed = [row["scheduled_call_id"] for row in over if row["status"] == ExecutionStatus.MISSED]
    close_calls(cursor, [row["scheduled_call_id"] for row in over], now, missed=missed)
    changes = {row["id"]: row for row in over}
    told = rows.fetch(cursor, _TOLD, {"ids": rows.array(changes)})
    happened = [(row["execution_status"], row, changes[row["execution_id"]]) for row in told]
    return tell(cursor, happened, now)
