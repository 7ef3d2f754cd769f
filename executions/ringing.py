"""Waiting executions are rung for, again and again until a worker answers or they are too late."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from executions.dispatch import BATCH, RING_AGAIN, Bells
from executions.ending import TOO_LATE, end_waiting

#: a waiting execution of a paused call is looked at this often
PAUSED_AGAIN = timedelta(seconds=60)
#: an attempt that is being looked after is left alone for this long
LOOKED_AFTER = timedelta(seconds=30)

_RING = """
WITH due AS (
    SELECT e.id, s.status = 'paused' AND e.trigger = 'schedule' AS paused
    FROM executions_execution e JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
    WHERE e.status IN ('pending', 'retrying') AND e.ring_at <= %(now)s
    ORDER BY e.ring_at LIMIT %(limit)s FOR NO KEY UPDATE OF e SKIP LOCKED
)
UPDATE executions_execution e
SET ring_at = CASE WHEN due.paused THEN %(later)s::timestamptz ELSE %(again)s::timestamptz END
FROM due WHERE e.id = due.id
RETURNING e.id, e.expires_at < %(now)s, due.paused
"""
_UNANSWERED = """
UPDATE executions_execution SET ring_at = %(now)s
WHERE id = ANY(%(ids)s::uuid[]) AND status IN ('pending', 'retrying')
"""
_LOOK = """
UPDATE executions_attempt SET look_at = %(again)s WHERE id IN (
    SELECT id FROM executions_attempt
    WHERE status IN ('dialing', 'in_progress', 'unknown') AND look_at <= %(now)s
    ORDER BY look_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id
"""
# Each minimum reads one entry of one partial index, however many rows wait.
_NEXT = """
SELECT least(
    (SELECT min(next_run_at) FROM scheduled_calls_scheduledcall
     WHERE status = 'active' AND next_run_at IS NOT NULL),
    (SELECT min(wake_at) FROM scheduled_calls_scheduledcall
     WHERE status = 'paused' AND wake_at IS NOT NULL),
    (SELECT min(ring_at) FROM executions_execution WHERE status IN ('pending', 'retrying')),
    (SELECT min(look_at) FROM executions_attempt
     WHERE status IN ('dialing', 'in_progress', 'unknown'))
)
"""


def ring_due(now: datetime, limit: int = BATCH) -> Bells:
    """The waiting executions to be rung for at `now`; ends those for which it is too late."""
    later = {"later": now + PAUSED_AGAIN, "again": now + RING_AGAIN}
    with connection.cursor() as cursor:
        cursor.execute(_RING, {"now": now, "limit": limit, **later})
        found = cursor.fetchall()
        bells = Bells(
            calls=[id_ for id_, late, paused in found if not late and not paused],
            more=len(found) == limit,
        )
        if too_late := [id_ for id_, late, _ in found if late]:
            with transaction.atomic():
                bells.webhooks = end_waiting(cursor, too_late, TOO_LATE, "too_late", now)
    return bells


def ring_soon(ids: Sequence[UUID], now: datetime) -> None:
    """Lets these be rung for again at once: their bell could not be rung."""
    with connection.cursor() as cursor:
        cursor.execute(_UNANSWERED, {"now": now, "ids": [str(id_) for id_ in ids]})


def claim_looks(now: datetime, limit: int = BATCH) -> list[UUID]:
    """The attempts that must be looked after at `now`: lease over, or the service to be asked."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, {"now": now, "again": now + LOOKED_AFTER, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def next_time() -> datetime | None:
    """The earliest instant at which there is something to do; None when nothing is planned."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        earliest: datetime | None = cursor.fetchone()[0]
        return earliest
