"""A waiting execution is claimed by a worker: intent first, in one statement, then it may dial.

T1 is that statement. It holds the scheduled call's row shared, so it sees a pause, a change or a
cancellation, or they see it; and the execution's row, so only one worker gets it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from executions import rows
from executions.providers.base import CallRequest
from executions.rows import Row
from executions.switches import stopped
from scheduler_project.ids import uuid7

#: whom the next attempt would ring: a waiting attempt rings whom it was made for
AGENT = "coalesce(w.sent->>'agent_id', s.agent_id)"
NUMBER = "coalesce(w.sent->>'phone_number', s.phone_number)"
# A waiting attempt (provably not sent) goes on with the same id; else a new one is made.
# `ring_at IS NOT NULL` is "waits" (a CHECK says so), put so that PostgreSQL looks executions up by
# their ids: from a quiet night's statistics it would take the index of waiting rows for empty and
# read all of it for each message, and likewise for waiting attempts without LATERAL.
READY = f"""
    JOIN executions_execution e ON e.id = asked.execution_id
    JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
    LEFT JOIN LATERAL (
        SELECT id, number, sent FROM executions_attempt
        WHERE execution_id = e.id AND status = 'waiting' LIMIT 1
    ) w ON true
    WHERE e.ring_at IS NOT NULL AND e.due_at <= %(now)s AND e.expires_at >= %(now)s
      AND (s.status = 'active' OR e.trigger = 'manual' AND s.status <> 'cancelled')
      AND NOT EXISTS (SELECT FROM executions_execution o
                      WHERE o.scheduled_call_id = s.id AND o.status IN ('dialing', 'in_progress'))
      AND NOT {stopped(AGENT, NUMBER)}
"""  # noqa: S608  own constants
T1 = f"""
WITH asked AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(fresh)s::uuid[]) AS asked(execution_id, attempt_id)
), ready AS (
    SELECT e.id, e.scheduled_for, s.id AS schedule_id, asked.attempt_id AS fresh_id,
        w.id AS waiting_id, coalesce(w.number, e.attempt_count + 1) AS number,
        coalesce(w.sent, jsonb_build_object(
            'agent_id', s.agent_id, 'phone_number', s.phone_number,
            'customer_context', s.customer_context, 'metadata', s.metadata)) AS sent
    FROM asked {READY}
    ORDER BY s.id
    FOR SHARE OF s FOR NO KEY UPDATE OF e SKIP LOCKED
), claimed AS (
    UPDATE executions_execution e SET status = 'dialing', attempt_count = ready.number,
        actual_time = %(now)s, ring_at = NULL, call_id = NULL, duration = NULL, error = NULL,
        reason = '', details = NULL
    FROM ready WHERE e.id = ready.id
), again AS (
    UPDATE executions_attempt a SET status = 'dialing', worker = %(worker)s,
        lease_until = %(lease_until)s, look_at = %(lease_until)s, error = NULL
    FROM ready WHERE a.id = ready.waiting_id
), anew AS (
    INSERT INTO executions_attempt (id, execution_id, number, status, provider, sent, worker,
        started_at, lease_until, resends, look_at, looks)
    SELECT fresh_id, id, number, 'dialing', %(provider)s, sent, %(worker)s,
        %(now)s, %(lease_until)s, 0, %(lease_until)s, 0
    FROM ready WHERE waiting_id IS NULL
)
SELECT coalesce(waiting_id, fresh_id) AS attempt_id, id AS execution_id, schedule_id, number,
    scheduled_for, sent::text AS sent FROM ready
"""  # noqa: S608  own constants


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker may dial, and must report on."""

    request: CallRequest
    worker: int


def claim(
    cursor: Any, ids: Sequence[UUID], *, worker: int, provider: str, now: datetime
) -> list[Claim]:
    """Writes the intent to dial for those of the executions that may ring at `now`.

    `worker` is the lock key of the session that `cursor` belongs to. Ids that are unknown, not
    due, too late, paused, or another's by now are silently left out.
    """
    asked = dict.fromkeys(str(id_) for id_ in ids)
    parameters = {
        "ids": list(asked),
        "fresh": [str(uuid7()) for _ in asked],
        "now": now,
        "lease_until": now + timedelta(seconds=settings.SCHEDULER.lease_seconds),
        "worker": worker,
        "provider": provider,
    }
    claimed = rows.fetch(cursor, T1, parameters)
    return [Claim(_request(row, provider), worker) for row in claimed]


def _request(row: Row, provider: str) -> CallRequest:
    sent = json.loads(row["sent"])
    return CallRequest(
        attempt_id=row["attempt_id"],
        execution_id=row["execution_id"],
        schedule_id=row["schedule_id"],
        agent_id=sent["agent_id"],
        phone_number=sent["phone_number"],
        customer_context=sent["customer_context"],
        metadata=sent["metadata"],
        scheduled_time=row["scheduled_for"],
        number=row["number"],
        callback_url=callback_url(provider, row["attempt_id"]),
    )


def callback_url(provider: str, attempt_id: UUID) -> str:
    """Where the call service reports on this attempt: an address that nobody can guess."""
    base = settings.SCHEDULER.public_url
    return f"{base}/api/providers/{provider}/callback/{attempt_id}/{_token(attempt_id)}"


def callback_token_is_right(attempt_id: UUID, token: str) -> bool:
    """Whether the token in a callback's address is the one made for this attempt."""
    return constant_time_compare(token, _token(attempt_id))


def _token(attempt_id: UUID) -> str:
    return salted_hmac("executions.callback", str(attempt_id), algorithm="sha256").hexdigest()[:32]
