"""Waiting executions are rung for, again and again until a worker answers or they are too late."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from executions import rows
from executions.dispatch import BATCH, Bells
from executions.ending import TOO_LATE, end_waiting
from executions.gap import REASON as MIN_GAP
from executions.gap import TOO_CLOSE
from executions.occurrence import RING_AGAIN
from executions.rows import Row
from executions.switches import REASON as STOPPED
from executions.switches import stopped
from scheduler_project import clock
from webhooks.due import NEXT_BELL

#: a waiting execution of a paused call, or one that a switch holds back, is looked at this often
HELD_AGAIN = timedelta(seconds=60)
#: an attempt that is being looked after is left alone for this long
LOOKED_AFTER = timedelta(seconds=10)

_RING = f"""
WITH due AS (
    SELECT e.id, s.status = 'paused' AND e.trigger = 'schedule' AS paused,
        {stopped("s.agent_id", "s.phone_number")} AS stopped
    FROM executions_execution e JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
    WHERE e.status IN ('pending', 'retrying') AND e.ring_at <= %(now)s
    ORDER BY e.ring_at LIMIT %(limit)s FOR NO KEY UPDATE OF e SKIP LOCKED
)
UPDATE executions_execution e
SET ring_at = CASE WHEN due.paused OR due.stopped THEN %(later)s::timestamptz
                   ELSE %(again)s::timestamptz END
FROM due WHERE e.id = due.id
RETURNING e.id, e.reason = 'min_gap' AS too_close, e.expires_at < %(now)s AS late, due.paused,
    due.stopped
"""  # noqa: S608  own constants
# Many rows without their calls' locks: it must wait for nobody who may be waiting for it. What is
# locked is just being claimed or ended; if neither comes to be, it is rung for again as always.
_UNANSWERED = """
UPDATE executions_execution SET ring_at = %(now)s WHERE id IN (
    SELECT id FROM executions_execution
    WHERE id = ANY(%(ids)s::uuid[]) AND status IN ('pending', 'retrying')
    FOR NO KEY UPDATE SKIP LOCKED
)
"""
_LOOK = """
UPDATE executions_attempt SET look_at = %(again)s WHERE id = ANY(ARRAY(
    SELECT id FROM executions_attempt
    WHERE status IN ('dialing', 'in_progress', 'unknown') AND look_at <= %(now)s
    ORDER BY look_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)) RETURNING id
"""
# Each minimum reads one entry of one partial index, however many rows wait. CHECKs see to it that
# only an active call has a next run, and only a paused one wakes.
EARLIEST = f"""least(
    {NEXT_BELL},
    (SELECT min(next_run_at) FROM scheduled_calls_scheduledcall
     WHERE next_run_at > %(rung_until)s),
    (SELECT min(wake_at) FROM scheduled_calls_scheduledcall WHERE wake_at IS NOT NULL),
    (SELECT min(ring_at) FROM executions_execution WHERE status IN ('pending', 'retrying')),
    (SELECT min(look_at) FROM executions_attempt
     WHERE status IN ('dialing', 'in_progress', 'unknown'))
)"""  # noqa: S608  own constants


def ring_due(now: datetime, limit: int = BATCH) -> Bells:
    """The waiting executions to be rung for at `now`; ends those for which it is too late."""
    later = {"later": now + HELD_AGAIN, "again": now + RING_AGAIN}
    with connection.cursor() as cursor:
        found = rows.fetch(cursor, _RING, {"now": now, "limit": limit, **later})
        bells = Bells(more=len(found) == limit)
        ending: dict[str, list[UUID]] = {}
        for row in found:
            if (reason := _over(row)) is not None:
                ending.setdefault(reason, []).append(row["id"])
            elif not (row["paused"] or row["stopped"]):
                bells.calls.append(row["id"])
        for reason, ids in ending.items():
            becomes = TOO_CLOSE if reason == MIN_GAP else TOO_LATE
            with transaction.atomic():
                bells.webhooks += end_waiting(cursor, ids, becomes, reason, now)
    return bells


def _over(row: Row) -> str | None:
    """Why it rings no more, as a machine word; None while it may."""
    if row["too_close"]:
        return MIN_GAP
    if not row["late"]:
        return None
    return STOPPED if row["stopped"] else "too_late"


def ring_soon(ids: Sequence[UUID], now: datetime) -> None:
    """Lets these be rung for again at once: their bell could not be rung."""
    with connection.cursor() as cursor:
        cursor.execute(_UNANSWERED, {"now": now, "ids": rows.array(ids)})


def claim_looks(now: datetime, limit: int = BATCH) -> list[UUID]:
    """The attempts that must be looked after at `now`: lease over, or the service to be asked."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, {"now": now, "again": now + LOOKED_AFTER, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def look_ahead(rung_until: datetime) -> tuple[datetime, datetime | None]:
    """The instant now (UTC), and the earliest at which there is something to do, if any.

    Calls that were due up to `rung_until` (UTC) do not count: a worker has been asked to open them.
    One statement, so that a beat with nothing to do costs next to nothing.
    """
    with connection.cursor() as cursor:
        return clock.now_beside(cursor, EARLIEST, {"rung_until": rung_until})
