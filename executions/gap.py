"""A number is not rung twice within SCHEDULER_MIN_GAP_SECONDS for one owner. Off when that is 0.

The gap counts from the end of the last call, or from when it became unknown; an attempt that
provably never left does not count. It is decided where a worker claims, under a lock on owner and
number that lasts until the claim is committed, so that of two workers one sees the other's call.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from executions import rows
from executions.readiness import JOINED, MAY_RING, NUMBER

#: what a waiting execution becomes that came too soon after another call, by what it was
TOO_CLOSE = {"pending": "skipped", "retrying": "failed"}
REASON = "min_gap"
#: the two-number kind of advisory lock, which no worker's key can meet
GAP_LOCKS = 7_001_003
#: retries go on for at most ten times a day and its jitter after the time of their execution
LONGEST_RETRIES = timedelta(days=12)

_KEY = f"hashtext(e.owner_id || ':' || {NUMBER})"
_KEYS = f"""
SELECT DISTINCT {_KEY} FROM unnest(%(ids)s::uuid[]) AS asked(execution_id) {JOINED} ORDER BY 1
"""  # noqa: S608  own constants
# In the array's order, so that two workers cannot wait for each other.
_LOCK = "SELECT pg_advisory_xact_lock(%(locks)s, key) FROM unnest(%(keys)s::int[]) AS key"
# Left for beat to end, over a connection and in an order of locks of its own; waits for nobody.
_MARK = """
UPDATE executions_execution SET reason = 'min_gap', ring_at = %(now)s WHERE id IN (
    SELECT id FROM executions_execution
    WHERE id = ANY(%(ids)s::uuid[]) AND ring_at IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED
)
"""


def _rung_lately(owner: str, number: str) -> str:
    """SQL: whether this owner's call rang this number after %(since)s, or is ringing it.

    Looks among the calls that have the number now, by the index of the list's filter.
    """
    return f"""EXISTS (
        SELECT FROM scheduled_calls_scheduledcall c
        JOIN executions_execution p ON p.scheduled_call_id = c.id
            AND p.scheduled_for > %(long_ago)s AND p.attempt_count > 0
        JOIN executions_attempt a ON a.execution_id = p.id
        WHERE c.owner_id = {owner} AND c.phone_number = {number}
          AND a.sent->>'phone_number' = {number}
          AND (a.status IN ('dialing', 'in_progress')
               OR a.status IN ('unknown', 'ended') AND coalesce(
                      CASE WHEN a.outcome IS NULL OR a.outcome = 'unknown' THEN a.unknown_since
                           ELSE a.ended_at END, a.started_at) > %(since)s
                  AND (a.call_id IS NULL
                       AND (a.outcome = 'cancelled' OR a.error LIKE 'not sent%%')) IS NOT TRUE)
    )"""


_SORT = f"""
SELECT e.id, {_KEY} AS key, s.owner_id, {NUMBER} AS number, e.due_at,
    {_rung_lately("s.owner_id", NUMBER)} AS close
FROM unnest(%(ids)s::uuid[]) AS asked(execution_id) {JOINED}
WHERE {MAY_RING} ORDER BY s.id FOR SHARE OF s
"""  # noqa: S608  own constants
_ONE = f"SELECT {_rung_lately('%(owner)s', '%(number)s')}"


def keep_apart(cursor: Any, ids: Sequence[str], now: datetime) -> tuple[list[str], list[str]]:
    """Those of the executions that may ring at `now`, and those that are too close to a call.

    To be called in the transaction that claims; of two to one number the earlier may ring.
    """
    asked = {"ids": list(ids), **_times(now)}
    cursor.execute(_KEYS, asked)
    locked = [row[0] for row in cursor.fetchall()]
    cursor.execute(_LOCK, {"locks": GAP_LOCKS, "keys": locked})
    found = rows.fetch(cursor, _SORT, asked)
    apart: dict[tuple[int, str], str] = {}
    close = []
    for row in sorted(found, key=lambda row: (row["due_at"], row["id"])):
        if row["key"] not in locked:
            continue  # its number has just been changed: the next bell will ask again
        whom = (row["owner_id"], row["number"])
        if row["close"] or whom in apart:
            close.append(str(row["id"]))
        else:
            apart[whom] = str(row["id"])
    return list(apart.values()), close


def mark_too_close(cursor: Any, ids: Sequence[str], now: datetime) -> None:
    """Leaves these to beat, which ends them in its next round."""
    cursor.execute(_MARK, {"ids": list(ids), "now": now})


def too_close(owner_id: int, phone_number: str, now: datetime) -> bool:
    """Whether a call to this number of this owner would come too soon at `now`."""
    if not settings.SCHEDULER.min_gap_seconds:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_ONE, {"owner": owner_id, "number": phone_number, **_times(now)})
        return bool(cursor.fetchone()[0])


def _times(now: datetime) -> dict[str, datetime]:
    since = now - timedelta(seconds=settings.SCHEDULER.min_gap_seconds)
    longest = timedelta(seconds=settings.SCHEDULER.max_call_seconds)
    return {"now": now, "since": since, "long_ago": since - longest - LONGEST_RETRIES}
