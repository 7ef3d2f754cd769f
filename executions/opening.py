"""A due call is opened by the worker that rings it: occurrence and intent to dial in one step.

What nothing stands in the way of, and that is nearly all, goes this way. All else is left to
`dispatch.py`, which decides everything: it opens a waiting execution, and a claim dials that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from executions import rows
from executions.callback_url import callback_urls
from executions.dialing import Claim
from executions.occurrence import DUE_COLUMNS, DueCall, decide, move_on
from executions.providers.base import CallRequest
from executions.states import ExecutionStatus
from executions.switches import stopped
from scheduled_calls.timing import execution_id, key_of, passed_runs
from scheduler_project import json_text
from scheduler_project.ids import uuid7s

_LOCK = f"""
SELECT {DUE_COLUMNS}, agent_id, phone_number, customer_context::text, metadata::text,
    {stopped("agent_id", "phone_number")} AS stopped
FROM scheduled_calls_scheduledcall
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'active' AND next_run_at <= %(now)s
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608  own constants
_DUE = """
SELECT id FROM scheduled_calls_scheduledcall
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'active' AND next_run_at <= %(now)s
"""
# All that is written, in one statement: occurrence, intent to dial, and where the call stands then.
# Begun after the locks were got, it sees all that came before them: so it also asks whether another
# execution is under way, and whether this one was opened before (OFFSET 0: one look by the call for
# each, see ending.py). Nobody else opens one without the call's lock; no conflict is expected.
_OPEN = """
WITH due AS (
    SELECT v.*, s.owner_id, s.next_run_at AS at, jsonb_build_object(
        'agent_id', s.agent_id, 'phone_number', s.phone_number,
        'customer_context', s.customer_context, 'metadata', s.metadata) AS sent
    FROM unnest(%(calls)s::uuid[], %(ids)s::uuid[], %(attempts)s::uuid[], %(keys)s::varchar[],
        %(next)s::timestamptz[], %(next_ids)s::uuid[])
        AS v(call_id, id, attempt_id, key, next, next_id)
    JOIN scheduled_calls_scheduledcall s ON s.id = v.call_id
    WHERE NOT EXISTS (SELECT FROM executions_execution e WHERE e.scheduled_call_id = v.call_id
        AND e.status IN ('pending', 'dialing', 'in_progress', 'retrying') OFFSET 0)
    AND NOT EXISTS (SELECT FROM executions_execution e WHERE e.id = v.id OFFSET 0)
), opened AS (
    INSERT INTO executions_execution (id, opened, scheduled_call_id, owner_id, occurrence_key,
        trigger, scheduled_for, due_at, expires_at, status, attempt_count, actual_time, started,
        reason, count)
    SELECT id, attempt_id, call_id, owner_id, key, 'schedule', at, at,
        at + %(catch_up)s::interval, 'dialing', 1, %(now)s, false, '', 1
    FROM due
), intended AS (
    INSERT INTO executions_attempt (id, execution_id, number, status, provider, sent, worker,
        started_at, lease_until, resends, look_at, looks)
    SELECT attempt_id, id, 1, 'dialing', %(provider)s, sent, %(worker)s,
        %(now)s, %(lease_until)s, 0, %(lease_until)s, 0
    FROM due
), moved AS (
    UPDATE scheduled_calls_scheduledcall s SET next_run_at = due.next,
        next_execution_id = due.next_id, last_opened_for = due.at,
        occurrence_count = s.occurrence_count + 1
    FROM due WHERE s.id = due.call_id
)
SELECT v.call_id FROM unnest(%(calls)s::uuid[]) AS v(call_id)
WHERE v.call_id NOT IN (SELECT call_id FROM due)
"""


@dataclass(slots=True)
class _Due:
    """A due call, moved on; its one occurrence that rings now, and whom it rings."""

    call: DueCall
    execution_id: UUID
    key: str
    at: datetime
    agent_id: str
    phone_number: str
    customer_context: str
    metadata: str


def open_and_claim(
    cursor: Any, ids: Sequence[UUID], *, worker: int, provider: str, now: datetime
) -> tuple[list[Claim], list[UUID]]:
    """Opens the due ones of these calls at `now` (UTC) and writes the intent to dial them.

    Returns what may be dialed once the transaction on `cursor` is committed, and the due calls
    that `dispatch` must decide about: late, busy, stopped, with another that still waits, or just
    in somebody else's hands. `worker` is the lock key of the session that `cursor` belongs to.
    Calls that are unknown or not due any more are silently left out.
    """
    if settings.SCHEDULER.min_gap_seconds:
        return [], list(ids)  # who comes too close is found among waiting executions
    cursor.execute(_LOCK, {"ids": rows.array(ids), "now": now})
    locked = cursor.fetchall()
    held = _held(cursor, ids, now) if len(locked) < len(set(ids)) else set()
    catch_up = settings.SCHEDULER.catch_up_seconds
    due = [one for row in locked if (one := _due(row, now, catch_up))]
    claims = _write(cursor, due, worker, provider, now) if due else []
    left = held.union([row[0] for row in locked])
    return claims, list(left - {claim.request.schedule_id for claim in claims})


def _held(cursor: Any, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Those of the calls that are due, whoever holds them."""
    cursor.execute(_DUE, {"ids": rows.array(ids), "now": now})
    return {row[0] for row in cursor.fetchall()}


def _due(row: Sequence[Any], now: datetime, catch_up: float) -> _Due | None:
    """The call with the occurrence that rings; None when there is more to decide."""
    *columns, agent_id, phone_number, context, metadata, is_stopped = row
    call = DueCall(*columns)
    at = call.next_run_at
    if at is None or is_stopped:
        return None
    try:
        count, last, following = passed_runs(call, at, now)
        status = decide(last, now, catch_up, busy=False)
        if count > 1 or status != ExecutionStatus.PENDING:
            return None
        key = key_of(call, at)
        move_on(call, at, following, rings=True)
    except Exception:  # dispatch meets it again, and tells an operator
        return None
    id_ = execution_id(call.id, key)
    return _Due(call, id_, key, at, agent_id, phone_number, context, metadata)


def _write(
    cursor: Any, due: Sequence[_Due], worker: int, provider: str, now: datetime
) -> list[Claim]:
    """Writes executions, attempts, and where the calls stand now; returns what was new of it.

    An occurrence that is there already was opened before: dispatch moves its call on. The first
    attempt's id is also what its execution is sorted by: both are made at this moment.
    """
    attempts = uuid7s(len(due))
    given = {
        "calls": rows.array([one.call.id for one in due]),
        "ids": rows.array([one.execution_id for one in due]),
        "attempts": rows.array(attempts),
        "keys": rows.array([one.key for one in due]),
        "next": rows.array([one.call.next_run_at for one in due]),
        "next_ids": rows.array([one.call.next_execution_id for one in due]),
        "catch_up": timedelta(seconds=settings.SCHEDULER.catch_up_seconds),
        "provider": provider,
        "worker": worker,
        "now": now,
        "lease_until": now + timedelta(seconds=settings.SCHEDULER.lease_seconds),
    }
    cursor.execute(_OPEN, given)
    left = {row[0] for row in cursor.fetchall()}
    address = callback_urls(provider)
    return [
        Claim(_request(one, attempt, address(attempt)), worker)
        for one, attempt in zip(due, attempts, strict=True)
        if one.call.id not in left
    ]


def _request(due: _Due, attempt_id: UUID, callback_url: str) -> CallRequest:
    return CallRequest(
        attempt_id=attempt_id,
        execution_id=due.execution_id,
        schedule_id=due.call.id,
        agent_id=due.agent_id,
        phone_number=due.phone_number,
        customer_context=json_text.read(due.customer_context),
        metadata=json_text.read(due.metadata),
        scheduled_time=due.at,
        number=1,
        callback_url=callback_url,
    )
