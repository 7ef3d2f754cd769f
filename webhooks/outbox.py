"""The outcome is being written: its messages are written with it, in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scheduler_project.ids import uuid7

ENDPOINT_LENGTH = 512

_INSERT = """
INSERT INTO webhooks_delivery
    (id, owner_id, url, endpoint, event, type, body, schedule_id, execution_id,
     status, attempt_count, failures, next_attempt_at, ring_at, created_at, last_error)
SELECT n.id, n.owner_id, n.url, n.endpoint, n.event, n.type, n.body, n.schedule_id, n.execution_id,
       'pending', 0, 0, %(now)s, %(now)s, %(now)s, ''
FROM unnest(%(id)s::uuid[], %(owner_id)s::bigint[], %(url)s::text[], %(endpoint)s::text[],
            %(event)s::text[], %(type)s::text[], %(body)s::text[],
            %(schedule_id)s::uuid[], %(execution_id)s::uuid[])
  AS n(id, owner_id, url, endpoint, event, type, body, schedule_id, execution_id)
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to be: who owns it, where it goes, what it says.

    `event` is the bare word ("completed"); the delivery's type is "call.completed" unless `type`
    says otherwise. `body` is JSON text and is signed and sent as it stands.
    """

    owner_id: int
    url: str
    event: str
    body: str
    schedule_id: UUID | None = None
    execution_id: UUID | None = None
    type: str = ""


def enqueue(cursor: Any, notices: Sequence[Notice], now: datetime) -> list[UUID]:
    """Writes the notices as deliveries due at `now`, in the caller's transaction, in one statement.

    `cursor` is a DB-API cursor, Django's or psycopg2's own. Returns the deliveries' ids in the
    order of the notices, so that a front door may ring for them after its commit.
    """
    if not notices:
        return []
    ids = [uuid7() for _ in notices]
    cursor.execute(
        _INSERT,
        {
            "now": now,
            # Ids go as text: a raw psycopg2 cursor knows no UUIDs unless told.
            "id": [str(id_) for id_ in ids],
            "owner_id": [notice.owner_id for notice in notices],
            "url": [notice.url for notice in notices],
            "endpoint": [endpoint_of(notice.url) for notice in notices],
            "event": [notice.event for notice in notices],
            "type": [notice.type or f"call.{notice.event}" for notice in notices],
            "body": [notice.body for notice in notices],
            "schedule_id": [_text(notice.schedule_id) for notice in notices],
            "execution_id": [_text(notice.execution_id) for notice in notices],
        },
    )
    return ids


def endpoint_of(url: str) -> str:
    """The URL without its query: what "two at a time" is counted by. Never raises."""
    return url.partition("?")[0][:ENDPOINT_LENGTH]


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)
