"""A scheduled call comes due: its occurrence is opened and the schedule moves on, all at once.

Any number of beats may run this: rows are claimed with SKIP LOCKED, an occurrence is one row by
constraint, and whoever comes second finds nothing to do.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg2.errors import LockNotAvailable

from executions import rows
from executions.ending import TOO_LATE, close_calls, end_waiting
from executions.notices import read_told, tell
from executions.occurrence import DUE_COLUMNS, INSERTED, MOVED_ON, DueCall, occurrences
from executions.rows import Row
from executions.states import ExecutionStatus
from scheduled_calls.models import ScheduledCall, Status

log = logging.getLogger(__name__)
BATCH = 500
#: so long does a worker wait for a call that somebody is just changing
LONGEST_WAIT = "3s"

_READ = f"SELECT {DUE_COLUMNS} FROM scheduled_calls_scheduledcall"  # noqa: S608  own constants
_DUE = f"""
{_READ} WHERE status = 'active' AND next_run_at IS NOT NULL AND next_run_at <= %(now)s
ORDER BY next_run_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
_THESE = f"""
{_READ} WHERE status = 'active' AND next_run_at <= %(now)s AND id = ANY(%(these)s::uuid[])
ORDER BY id FOR NO KEY UPDATE
"""
_FREE = f"{_THESE} SKIP LOCKED"
_AGAIN = f"{_READ} WHERE id = ANY(%(ids)s::uuid[])"
_UNDER_WAY = """
SELECT e.* FROM unnest(%(ids)s::uuid[]) AS due(id) CROSS JOIN LATERAL (
    SELECT id, scheduled_call_id, status, trigger FROM executions_execution
    WHERE scheduled_call_id = due.id
      AND status IN ('pending', 'dialing', 'in_progress', 'retrying') OFFSET 0
) e
"""


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
    return _open(_DUE, {"now": now, "limit": limit}, now)


def open_these(now: datetime, ids: Sequence[UUID | str], *, wait: bool = False) -> Bells:
    """As `open_due`, of these scheduled calls, which are still due at `now`.

    With `wait` also those that somebody is just changing, if that takes less than LONGEST_WAIT.
    """
    these = {"now": now, "these": rows.array(ids)}
    if wait:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
                return _open(_THESE, these, now)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            log.warning("call_is_held count=%d", len(ids))  # beat will come back to it
    return _open(_FREE, these, now)


def _open(which: str, given: dict[str, Any], now: datetime) -> Bells:
    with transaction.atomic(), connection.cursor() as cursor:
        calls = _read(cursor, which, given)
        if not calls:
            return Bells()
        ids = rows.array([call.id for call in calls])
        under_way = rows.fetch(cursor, _UNDER_WAY, {"ids": ids})
        # One person, one phone: what still waits for an earlier time gives way to the new one.
        old = [row["id"] for row in under_way if _gives_way(row)]
        bells = Bells(more=len(calls) == given.get("limit"))
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
    """As `occurrences`; a call whose times cannot be computed is paused, for an operator to see.

    It must not hold up everybody else's nine o'clock.
    """
    before = call.occurrence_count, call.last_opened_for
    try:
        return list(occurrences(call, busy, now))
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
    told = read_told(cursor, list(changes))
    happened = [(row["execution_status"], row, changes[id_]) for id_, row in told.items()]
    return tell(cursor, happened, now)
