"""Every move of a delivery in one file: claimed, recorded, put back, rescued, asked for again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from scheduler_project import clock
from scheduler_project.errors import Conflict, NotFound
from webhooks.answers import Answer
from webhooks.due import RING_AGAIN
from webhooks.models import Delivery
from webhooks.retry import SCHEDULE, next_attempt_at

#: Longer than a claim's last send can take: 20 s until it begins, 15 s for itself, and the record.
LEASE = timedelta(seconds=60)
#: what one claim takes for an endpoint that the claimer knows nothing of
PER_ENDPOINT = 8
LOST = "The worker that sent this was lost on the way; whether it arrived is not known."


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send until its lease is over."""

    id: UUID
    claim: UUID
    claimed_at: datetime
    owner_id: int
    url: str
    endpoint: str
    body: str
    failures: int


@dataclass(frozen=True, slots=True)
class Tried:
    """One try that is over."""

    delivery: Claimed
    started_at: datetime
    duration_ms: int
    answer: Answer


# One claim at a time over all workers, for a few milliseconds: "is this endpoint busy?" must see
# what others have just claimed. A claimer that freezes here loses its session, not our time.
_ONE_AT_A_TIME = """
SET LOCAL idle_in_transaction_session_timeout = '10s';
SET LOCAL lock_timeout = '10s';
SELECT pg_advisory_xact_lock(7733120045)
"""

_RESCUE = """
WITH lost AS (
  SELECT id, lease_until FROM webhooks_delivery
  WHERE status = 'sending' AND lease_until <= %(now)s FOR UPDATE SKIP LOCKED),
moved AS (
  UPDATE webhooks_delivery d
  SET attempt_count = d.attempt_count + 1, failures = d.failures + 1,
      status = CASE WHEN d.failures < %(tries)s THEN 'pending' ELSE 'failed' END,
      next_attempt_at = CASE WHEN d.failures < %(tries)s THEN %(now)s END,
      ring_at = CASE WHEN d.failures < %(tries)s THEN %(now)s END,
      lease_until = NULL, claimed_by = NULL, last_error = %(error)s
  FROM lost WHERE d.id = lost.id
  RETURNING d.id, d.attempt_count, lost.lease_until - %(lease)s AS started_at)
INSERT INTO webhooks_deliveryattempt
    (delivery_id, number, started_at, duration_ms, status_code, error, response_excerpt)
SELECT id, attempt_count, started_at,
       (extract(epoch FROM %(now)s - started_at) * 1000)::bigint, NULL, %(error)s, ''
FROM moved
"""

# An endpoint that others send to is busy, so one process alone holds all that is sent to it. Only
# what is taken is locked: a lock is a write.
_CLAIM = """
WITH busy AS MATERIALIZED (
  SELECT DISTINCT endpoint FROM webhooks_delivery
  WHERE status = 'sending' AND claimed_by <> ALL(%(mine)s::uuid[])),
due AS MATERIALIZED (
  SELECT d.id, d.endpoint FROM webhooks_delivery d
  WHERE d.status = 'pending' AND d.next_attempt_at <= %(now)s AND {which}
    AND d.endpoint <> ALL(%(closed)s::text[])
    AND d.endpoint NOT IN (SELECT endpoint FROM busy)
  ORDER BY d.ring_at, d.id LIMIT %(look)s),
fair AS (
  SELECT id, endpoint, row_number() OVER (PARTITION BY endpoint ORDER BY id) AS place FROM due),
chosen AS (
  SELECT id FROM fair
  LEFT JOIN unnest(%(known)s::text[], %(rooms)s::int[]) AS known(endpoint, room) USING (endpoint)
  WHERE place <= coalesce(room, %(per_endpoint)s) ORDER BY place, id LIMIT %(limit)s),
taken AS (
  SELECT id FROM webhooks_delivery
  WHERE id IN (SELECT id FROM chosen) AND status = 'pending' FOR UPDATE SKIP LOCKED)
UPDATE webhooks_delivery d
SET status = 'sending', claimed_by = %(claim)s, lease_until = %(until)s, ring_at = %(until)s
FROM taken WHERE d.id = taken.id
RETURNING d.id, d.owner_id, d.url, d.endpoint, d.body, d.failures
"""
_THESE = "d.id = ANY(%(ids)s::uuid[])"
# A bell already on its way has put `ring_at` a little ahead; such a row is due all the same.
_ANY = "d.ring_at <= %(soon)s"

_RECORD = """
WITH tried AS (
  SELECT * FROM unnest(%(id)s::uuid[], %(claim)s::uuid[], %(status)s::text[],
                       %(next)s::timestamptz[], %(started)s::timestamptz[], %(ms)s::int[],
                       %(code)s::int[], %(error)s::text[], %(excerpt)s::text[])
    AS t(id, claim, status, next_at, started_at, ms, code, error, excerpt)),
moved AS (
  UPDATE webhooks_delivery d
  SET status = t.status, attempt_count = d.attempt_count + 1,
      failures = d.failures + CASE WHEN t.status = 'delivered' THEN 0 ELSE 1 END,
      next_attempt_at = t.next_at, ring_at = t.next_at, lease_until = NULL, claimed_by = NULL,
      delivered_at = CASE WHEN t.status = 'delivered' THEN %(now)s ELSE d.delivered_at END,
      last_error = t.error
  FROM tried t WHERE d.id = t.id AND d.status = 'sending' AND d.claimed_by = t.claim
  RETURNING d.id, d.attempt_count)
INSERT INTO webhooks_deliveryattempt
    (delivery_id, number, started_at, duration_ms, status_code, error, response_excerpt)
SELECT moved.id, moved.attempt_count, t.started_at, t.ms, t.code, t.error, t.excerpt
FROM moved JOIN tried t ON t.id = moved.id
RETURNING delivery_id
"""

_PUT_BACK = """
UPDATE webhooks_delivery
SET status = 'pending', next_attempt_at = %(at)s, ring_at = %(at)s,
    lease_until = NULL, claimed_by = NULL
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'sending' AND claimed_by = ANY(%(claims)s::uuid[])
"""


def claim(
    ids: Sequence[UUID] | None,
    limit: int,
    rooms: Mapping[str, int] | None = None,
    mine: Sequence[UUID] = (),
) -> list[Claimed]:
    """pending → sending: takes up to `limit` due deliveries, these ones or (None) any.

    For each endpoint at most its room, 8 where `rooms` does not name it; and none for an endpoint
    that has something on its way by other claims than `mine`. What a lost worker left behind
    becomes due again first. Its own transaction.
    """
    known = {endpoint: room for endpoint, room in (rooms or {}).items() if room}
    claim_id = uuid4()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        now = clock.now_on(cursor)
        rescue(cursor, now)
        cursor.execute(
            _CLAIM.format(which=_ANY if ids is None else _THESE),
            {
                "now": now,
                "soon": now + RING_AGAIN,
                "until": now + LEASE,
                "claim": str(claim_id),
                "ids": [str(id_) for id_ in ids or ()],
                "mine": [str(one) for one in mine],
                "closed": [endpoint for endpoint, room in (rooms or {}).items() if not room],
                "known": list(known),
                "rooms": list(known.values()),
                "look": limit * 2,
                "limit": limit,
                "per_endpoint": PER_ENDPOINT,
            },
        )
        return [
            Claimed(id_, claim_id, now, owner_id, url, endpoint, body, failures)
            for id_, owner_id, url, endpoint, body, failures in cursor.fetchall()
        ]


def rescue(cursor: Any, now: datetime) -> None:
    """sending → pending (or failed): what a lost worker held is sent again, under the same id."""
    cursor.execute(_RESCUE, {"now": now, "tries": len(SCHEDULE), "error": LOST, "lease": LEASE})


def record(tries: Sequence[Tried]) -> list[UUID]:
    """sending → delivered, pending (next try) or failed, with one attempt row each.

    Fenced: a try whose lease was lost to somebody else changes nothing. Returns what was written.
    """
    if not tries:
        return []
    with connection.cursor() as cursor:
        now = clock.now_on(cursor)
        moves = [_move(one, now) for one in tries]
        cursor.execute(
            _RECORD,
            {
                "now": now,
                "id": [str(one.delivery.id) for one in tries],
                "claim": [str(one.delivery.claim) for one in tries],
                "status": [str(status) for status, _ in moves],
                "next": [at for _, at in moves],
                "started": [one.started_at for one in tries],
                "ms": [one.duration_ms for one in tries],
                "code": [one.answer.status_code for one in tries],
                "error": [one.answer.error for one in tries],
                "excerpt": [one.answer.excerpt for one in tries],
            },
        )
        return [row[0] for row in cursor.fetchall()]


def put_back(unsent: Sequence[Claimed], wait: timedelta) -> None:
    """sending → pending: nothing was sent, so no try is counted; due again after `wait`."""
    if not unsent:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT_BACK,
            {
                "at": clock.now_on(cursor) + wait,
                "ids": [str(one.id) for one in unsent],
                "claims": [str(one.claim) for one in unsent],
            },
        )


def redeliver(owner_id: int, id_: UUID, now: datetime) -> Delivery:
    """pending, delivered, failed → pending and due: one more round of tries, with the same id.

    Raises NotFound for another owner's id, Conflict while the delivery is being sent.
    """
    mine = Delivery.objects.filter(owner_id=owner_id, id=id_)
    moved = mine.exclude(status=Delivery.Status.SENDING).update(
        status=Delivery.Status.PENDING, failures=0, next_attempt_at=now, ring_at=now
    )
    found = mine.first()
    if found is None:
        raise NotFound
    if not moved:
        raise Conflict(
            "This delivery is being sent right now; ask again when it is over.",
            code="delivery_in_progress",
        )
    return found


def _move(tried: Tried, now: datetime) -> tuple[Delivery.Status, datetime | None]:
    """Where a try leads to, and when it is tried again."""
    answer = tried.answer
    if not answer.error:
        return Delivery.Status.DELIVERED, None
    failures = tried.delivery.failures + 1
    at = None if answer.final else next_attempt_at(failures, answer.retry_after, now)
    return (Delivery.Status.FAILED if at is None else Delivery.Status.PENDING), at
