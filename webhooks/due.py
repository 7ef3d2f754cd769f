"""What is due, by index, and whose bell must be rung: the questions that celery beat asks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

#: a bell that nobody answered is rung again after this
RING_AGAIN = timedelta(seconds=15)

_BELLS = """
UPDATE webhooks_delivery SET ring_at = %(again)s
WHERE id = ANY(ARRAY(
  SELECT id FROM webhooks_delivery
  WHERE status IN ('pending', 'sending') AND ring_at <= %(now)s
  ORDER BY ring_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING id
"""
#: SQL: when the next bell is to be rung; null when nothing waits
NEXT_BELL = "(SELECT min(ring_at) FROM webhooks_delivery WHERE status IN ('pending', 'sending'))"


def claim_bells(cursor: Any, now: datetime, limit: int) -> list[UUID]:
    """Up to `limit` deliveries to ring for now; each is rung again after 15 s unless answered.

    `cursor` is a DB-API cursor. Several callers at once get different deliveries. A lease that is
    over counts as due: the worker that answers the bell rescues it.
    """
    cursor.execute(_BELLS, {"now": now, "again": now + RING_AGAIN, "limit": limit})
    return [UUID(str(row[0])) for row in cursor.fetchall()]


def return_bells(cursor: Any, ids: Sequence[UUID], now: datetime) -> None:
    """The bells could not be rung (the broker is away): they are due again at `now`."""
    cursor.execute(
        "UPDATE webhooks_delivery SET ring_at = %s"
        " WHERE id = ANY(%s::uuid[]) AND status = 'pending'",
        (now, [str(id_) for id_ in ids]),
    )
