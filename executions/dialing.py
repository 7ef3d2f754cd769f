"""A waiting execution is claimed by a worker: intent first, in one statement, then it may dial.

T1 is that statement. It holds the scheduled call's row shared, so it sees a pause, a change or a
cancellation, or they see it; and the execution's row, so only one worker gets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from executions import gap, rows
from executions.callback_url import callback_url
from executions.providers.base import CallRequest
from executions.readiness import JOINED, MAY_RING
from executions.rows import Row
from scheduler_project import json_text
from scheduler_project.ids import uuid7s

# A waiting attempt (provably not sent) goes on with the same id; else a new one is made.
T1 = f"""
WITH asked AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(fresh)s::uuid[]) AS asked(execution_id, attempt_id)
), ready AS (
    SELECT e.id, e.scheduled_for, s.id AS schedule_id, asked.attempt_id AS fresh_id,
        w.id AS waiting_id, coalesce(w.number, e.attempt_count + 1) AS number,
        coalesce(w.sent, jsonb_build_object(
            'agent_id', s.agent_id, 'phone_number', s.phone_number,
            'customer_context', s.customer_context, 'metadata', s.metadata)) AS sent
    FROM asked {JOINED} WHERE {MAY_RING}
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
    WHERE a.id = ANY(ARRAY(SELECT waiting_id FROM ready WHERE waiting_id IS NOT NULL))
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


@dataclass(slots=True)
class Claim:
    """What a worker may dial, and must report on."""

    request: CallRequest
    worker: int


def claim(
    cursor: Any, ids: Sequence[UUID], *, worker: int, provider: str, now: datetime
) -> list[Claim]:
    """Writes the intent to dial for those of the executions that may ring at `now`.

    `worker` is the lock key of the session that `cursor` belongs to. Ids that are unknown, not
    due, too late, paused, stopped, or another's by now are silently left out.
    """
    asked = list(dict.fromkeys(str(id_) for id_ in ids))
    too_close: list[str] = []
    if settings.SCHEDULER.min_gap_seconds:
        asked, too_close = gap.keep_apart(cursor, asked, now)
    parameters = {
        "ids": rows.array(asked),
        "fresh": rows.array(uuid7s(len(asked))),
        "now": now,
        "lease_until": now + timedelta(seconds=settings.SCHEDULER.lease_seconds),
        "worker": worker,
        "provider": provider,
    }
    claimed = rows.fetch(cursor, T1, parameters)
    if too_close:
        gap.mark_too_close(cursor, too_close, now)
    return [Claim(_request(row, provider), worker) for row in claimed]


def _request(row: Row, provider: str) -> CallRequest:
    sent = json_text.read(row["sent"])
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
