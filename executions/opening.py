"""A due call is opened by the worker that rings it: occurrence and intent to dial in one step.

What nothing stands in the way of, and that is nearly all, goes this way. All else is left to
`dispatch.py`, which decides everything: it opens a waiting execution, and a claim dials that.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from executions import rows
from executions.callback_url import callback_url
from executions.dialing import Claim
from executions.dispatch import UNDER_WAY
from executions.occurrence import DUE_COLUMNS, DueCall, occurrences
from executions.providers.base import CallRequest
from executions.rows import Row
from executions.states import ExecutionStatus
from executions.switches import stopped
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
_OPEN = """
INSERT INTO executions_execution (id, opened, scheduled_call_id, owner_id, occurrence_key, trigger,
    scheduled_for, due_at, expires_at, status, attempt_count, actual_time, started, reason, count)
SELECT v.id, v.opened, v.call_id, v.owner_id, v.key, 'schedule', v.at, v.at,
    v.at + %(catch_up)s::interval, 'dialing', 1, %(now)s, false, '', 1
FROM unnest(%(ids)s::uuid[], %(opened)s::uuid[], %(calls)s::uuid[], %(owners)s::bigint[],
    %(keys)s::varchar[], %(times)s::timestamptz[]) AS v(id, opened, call_id, owner_id, key, at)
ON CONFLICT DO NOTHING RETURNING id
"""
_INTEND = """
INSERT INTO executions_attempt (id, execution_id, number, status, provider, sent, worker,
    started_at, lease_until, resends, look_at, looks)
SELECT v.id, v.execution_id, 1, 'dialing', %(provider)s, jsonb_build_object(
        'agent_id', s.agent_id, 'phone_number', s.phone_number,
        'customer_context', s.customer_context, 'metadata', s.metadata),
    %(worker)s, %(now)s, %(lease_until)s, 0, %(lease_until)s, 0
FROM unnest(%(ids)s::uuid[], %(executions)s::uuid[], %(calls)s::uuid[])
    AS v(id, execution_id, call_id)
JOIN scheduled_calls_scheduledcall s ON s.id = v.call_id
"""
_MOVE_ON = """
UPDATE scheduled_calls_scheduledcall s SET next_run_at = v.at, next_execution_id = v.execution_id,
    last_opened_for = v.opened_for, occurrence_count = v.count
FROM unnest(%(calls)s::uuid[], %(next)s::timestamptz[], %(executions)s::uuid[],
    %(last)s::timestamptz[], %(counts)s::int[]) AS v(id, at, execution_id, opened_for, count)
WHERE s.id = v.id
"""


@dataclass(slots=True)
class _Due:
    """A due call, its one occurrence that rings now, and whom it rings."""

    call: DueCall
    execution: Row
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
    locked = {row[0]: row for row in cursor.fetchall()}
    held = _held(cursor, ids, now) - locked.keys() if len(locked) < len(set(ids)) else set()
    if not locked:
        return [], list(held)
    # A statement of its own: it sees all that the locks have waited for.
    cursor.execute(UNDER_WAY, {"ids": rows.array(locked)})
    busy = {row[1] for row in cursor.fetchall()}
    due = [
        one
        for row in locked.values()
        if row[0] not in busy and not row[-1] and (one := _due(row, now))
    ]
    opened = _write(cursor, due, worker, provider, now) if due else []
    claims = [Claim(_request(one, attempt, provider), worker) for one, attempt in opened]
    return claims, list((locked.keys() | held) - {one.call.id for one, _ in opened})


def _held(cursor: Any, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    cursor.execute(_DUE, {"ids": rows.array(ids), "now": now})
    return {row[0] for row in cursor.fetchall()}


def _due(row: Sequence[Any], now: datetime) -> _Due | None:
    """The call with the occurrence that rings; None when there is more to decide."""
    *columns, agent_id, phone_number, context, metadata, _ = row
    call = DueCall(*columns)
    try:
        found = list(occurrences(call, False, now))
    except Exception:  # dispatch meets it again, and tells an operator
        return None
    if len(found) != 1 or found[0]["status"] != ExecutionStatus.PENDING:
        return None
    return _Due(call, found[0], agent_id, phone_number, context, metadata)


def _write(
    cursor: Any, due: Sequence[_Due], worker: int, provider: str, now: datetime
) -> list[tuple[_Due, UUID]]:
    """Writes executions, attempts, and where the calls stand now; what was new, with attempt ids.

    An occurrence that is there already was opened before: dispatch moves its call on.
    """
    new = [one.execution for one in due]
    given = {
        "ids": rows.array(row["id"] for row in new),
        "opened": rows.array(row["opened"] for row in new),
        "calls": rows.array(row["scheduled_call_id"] for row in new),
        "owners": rows.array(row["owner_id"] for row in new),
        "keys": rows.array(row["occurrence_key"] for row in new),
        "times": rows.array(row["due_at"] for row in new),
        "catch_up": timedelta(seconds=settings.SCHEDULER.catch_up_seconds),
        "now": now,
    }
    cursor.execute(_OPEN, given)
    fresh = {row[0] for row in cursor.fetchall()}
    new_ones = [one for one in due if one.execution["id"] in fresh]
    opened = list(zip(new_ones, uuid7s(len(new_ones)), strict=True))
    calls = rows.array([one.call.id for one in new_ones])
    intent = {
        "ids": rows.array([attempt for _, attempt in opened]),
        "executions": rows.array([one.execution["id"] for one in new_ones]),
        "calls": calls,
        "provider": provider,
        "worker": worker,
        "now": now,
        "lease_until": now + timedelta(seconds=settings.SCHEDULER.lease_seconds),
    }
    cursor.execute(_INTEND, intent)
    moved = {
        "calls": calls,
        "next": rows.array([one.call.next_run_at for one in new_ones]),
        "executions": rows.array([one.call.next_execution_id for one in new_ones]),
        "last": rows.array([one.call.last_opened_for for one in new_ones]),
        "counts": rows.array([one.call.occurrence_count for one in new_ones]),
    }
    cursor.execute(_MOVE_ON, moved)
    return opened


def _request(due: _Due, attempt_id: UUID, provider: str) -> CallRequest:
    return CallRequest(
        attempt_id=attempt_id,
        execution_id=due.execution["id"],
        schedule_id=due.call.id,
        agent_id=due.agent_id,
        phone_number=due.phone_number,
        customer_context=_object(due.customer_context),
        metadata=_object(due.metadata),
        scheduled_time=due.execution["scheduled_for"],
        number=1,
        callback_url=callback_url(provider, attempt_id),
    )


def _object(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return found
