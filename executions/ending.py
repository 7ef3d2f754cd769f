"""A waiting execution ends without another ring: missed, skipped, cancelled, or given up."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from executions import rows
from executions.notices import COLUMNS, tell
from executions.rows import Row
from executions.states import OPEN
from scheduled_calls.models import ScheduledCall
from scheduled_calls.timing import next_run, set_next

log = logging.getLogger(__name__)
#: what a waiting execution becomes when it can no longer ring in time, by what it was
TOO_LATE = {"pending": "missed", "retrying": "failed"}
#: what it becomes when its time was changed, or its one occurrence is not wanted
NOT_WANTED = {"pending": "skipped", "retrying": "cancelled"}
#: what it becomes when its scheduled call was cancelled
CALLED_OFF = {"pending": "cancelled", "retrying": "cancelled"}

# Locks are always taken in this order: scheduled call, execution, attempt.
_WAITING = f"""
SELECT {COLUMNS}, s.occurrence_count FROM executions_execution e
JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
WHERE e.id = ANY(%(ids)s::uuid[]) AND e.status IN ('pending', 'retrying')
ORDER BY s.id FOR NO KEY UPDATE OF s FOR NO KEY UPDATE OF e
"""  # noqa: S608  own constants
_END_ATTEMPTS = """
UPDATE executions_attempt SET status = 'ended', outcome = 'cancelled', ended_at = %(now)s,
    error = 'never sent', look_at = NULL, worker = NULL, lease_until = NULL
WHERE execution_id = ANY(%(ids)s::uuid[]) AND status = 'waiting'
"""
_GIVE_BACK = """
UPDATE scheduled_calls_scheduledcall SET occurrence_count = occurrence_count - 1
WHERE id = ANY(%(ids)s::uuid[]) AND occurrence_count > 0
RETURNING id, next_run_at IS NULL AND status = 'active' AND crontab_id IS NOT NULL
"""
# OFFSET 0, here and wherever it is asked whether something of a call is open: one look by the call
# for each. Else PostgreSQL, whose statistics of a quiet night know of nothing open, joins: it reads
# all that is open, for each call of the batch, and nine o'clock costs the square of its calls.
_CLOSE = """
UPDATE scheduled_calls_scheduledcall s SET updated_at = %(now)s, wake_at = NULL,
    status = CASE WHEN s.crontab_id IS NULL AND s.id = ANY(%(missed)s::uuid[])
                  THEN 'missed' ELSE 'completed' END
WHERE s.id = ANY(%(ids)s::uuid[]) AND s.next_run_at IS NULL
  AND (s.status = 'active'
       OR s.status = 'paused' AND s.crontab_id IS NULL AND s.last_opened_for IS NOT NULL)
  AND NOT EXISTS (SELECT FROM executions_execution e
                  WHERE e.scheduled_call_id = s.id AND e.status = ANY(%(open)s) OFFSET 0)
"""
CHANGED = {
    "status": "varchar",
    "reason": "varchar",
    "error": "text",
    "ring_at": "timestamptz",
    "ended_at": "timestamptz",
}


def end_waiting(
    cursor: Any, ids: Sequence[UUID], becomes: Mapping[str, str], reason: str, now: datetime
) -> list[UUID]:
    """Ends those of the executions that still wait; returns webhook deliveries to ring for.

    To be called in a transaction. An occurrence that never began gives its count back.
    """
    waiting = rows.fetch(cursor, _WAITING, {"ids": rows.array(ids)})
    if not waiting:
        return []
    changes = [_ended(row, becomes[row["execution_status"]], reason, now) for row in waiting]
    ended = rows.array(change["id"] for change in changes)
    cursor.execute(_END_ATTEMPTS, {"now": now, "ids": ended})
    rows.update(cursor, "executions_execution", CHANGED, changes)
    pairs = list(zip(waiting, changes, strict=True))
    give_back(cursor, [row["schedule_id"] for row in waiting if _never_began(row)], now)
    close_calls(
        cursor,
        [row["schedule_id"] for row in waiting],
        now,
        missed=[row["schedule_id"] for row, change in pairs if change["status"] == "missed"],
    )
    return tell(cursor, [(change["status"], row, change) for row, change in pairs], now)


def _ended(row: Row, status: str, reason: str, now: datetime) -> Row:
    error = f"{status}: {reason}" if status in ("failed", "missed") else None
    return {
        "id": row["execution_id"],
        "status": status,
        "reason": reason,
        "error": error,
        "ring_at": None,
        "ended_at": now,
    }


def _never_began(row: Row) -> bool:
    return bool(row["execution_status"] == "pending" and row["trigger"] == "schedule")


def give_back(cursor: Any, schedule_ids: Sequence[UUID], now: datetime) -> None:
    """Counts one occurrence less for each call, and finds a next one where the count had ended it.

    The caller holds the calls' rows.
    """
    if not schedule_ids:
        return
    cursor.execute(_GIVE_BACK, {"ids": rows.array(schedule_ids)})
    for schedule_id, may_go_on in cursor.fetchall():
        if may_go_on:
            call = ScheduledCall.objects.get(pk=schedule_id)
            try:
                set_next(call, next_run(call, now))
            except ValueError:  # its cron or zone cannot be read any more
                log.exception("call_defect schedule=%s", call.id)
                continue
            call.save(update_fields=["next_run_at", "next_execution_id"])


def close_calls(
    cursor: Any, schedule_ids: Sequence[UUID], now: datetime, *, missed: Sequence[UUID] = ()
) -> None:
    """Completes the calls that have nothing left to ring and nothing under way.

    A one-time call among `missed` becomes missed instead.
    """
    if schedule_ids:
        cursor.execute(
            _CLOSE,
            {
                "ids": rows.array(schedule_ids),
                "missed": rows.array(missed),
                "now": now,
                "open": sorted(OPEN),
            },
        )
