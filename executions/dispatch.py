"""A scheduled call comes due: its occurrence is opened and the schedule moves on, all at once.

Any number of beats may run this: rows are claimed with SKIP LOCKED, an occurrence is one row by
constraint, and whoever comes second finds nothing to do.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
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
from scheduled_calls.timing import key_of, passed_runs, set_next
from scheduler_project.ids import uuid7

log = logging.getLogger(__name__)
BATCH = 500
#: a bell that nobody answered is rung again after this long
RING_AGAIN = timedelta(seconds=10)

_DUE = """
SELECT id FROM scheduled_calls_scheduledcall
WHERE status = 'active' AND next_run_at IS NOT NULL AND next_run_at <= %(now)s
ORDER BY next_run_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
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
        cursor.execute(_DUE, {"now": now, "limit": limit})
        ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return Bells()
        under_way = rows.fetch(cursor, _UNDER_WAY, {"ids": [str(id_) for id_ in ids]})
        # One person, one phone: what still waits for an earlier time gives way to the new one.
        old = [row["id"] for row in under_way if _gives_way(row)]
        bells = Bells(more=len(ids) == limit)
        bells.webhooks += end_waiting(cursor, old, TOO_LATE, "superseded", now)
        busy = {row["scheduled_call_id"] for row in under_way if not _gives_way(row)}
        calls = ScheduledCall.objects.select_related("clocked").in_bulk(ids)
        opened = [row for id_ in ids for row in _open_safely(calls[id_], id_ in busy, now)]
        bells.add(_write(cursor, list(calls.values()), opened, now))
        return bells


def _open_safely(call: ScheduledCall, busy: bool, now: datetime) -> list[Row]:
    """As `_open`; a call whose times cannot be computed is paused, for an operator to see.

    It must not hold up everybody else's nine o'clock.
    """
    try:
        return list(_open(call, busy, now))
    except Exception as error:
        log.exception("call_defect schedule=%s", call.id)
        call.refresh_from_db()
        call.status, call.paused_reason = Status.PAUSED, f"defect: {error}"[:255]
        set_next(call, None)
        call.save()
        return []


def _gives_way(row: Row) -> bool:
    return row["trigger"] == "schedule" and row["status"] in ("pending", "retrying")


def _open(call: ScheduledCall, busy: bool, now: datetime) -> Iterable[Row]:
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
    call: ScheduledCall,
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


def _write(cursor: Any, calls: list[ScheduledCall], opened: list[Row], now: datetime) -> Bells:
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
    told = rows.fetch(cursor, _TOLD, {"ids": [str(id_) for id_ in changes]})
    happened = [(row["execution_status"], row, changes[row["execution_id"]]) for row in told]
    return tell(cursor, happened, now)
