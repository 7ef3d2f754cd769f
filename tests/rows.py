"""Rows for tests that look at what workers leave behind: executions and their attempts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from executions.models import Attempt, Execution
from executions.states import FINAL, WAITING, AttemptStatus, ExecutionStatus, Outcome
from scheduled_calls.models import ScheduledCall


def make_execution(schedule_id: str, **columns: Any) -> Execution:
    """A stored execution of the call, completed a moment ago when nothing else is said."""
    call = ScheduledCall.objects.get(pk=schedule_id)
    now = datetime.now(UTC)
    at = columns.setdefault("scheduled_for", now - timedelta(minutes=5))
    status = columns.setdefault("status", ExecutionStatus.COMPLETED)
    dialed = status not in ("pending", "missed", "skipped")
    defaults: dict[str, Any] = {
        "id": uuid4(),
        "scheduled_call": call,
        "owner_id": call.owner_id,
        "occurrence_key": str(uuid4()),
        "due_at": at,
        "expires_at": at + timedelta(seconds=900),
        "ring_at": now if status in WAITING else None,
        "ended_at": now if status in FINAL else None,
        "attempt_count": int(dialed),
        "actual_time": at + timedelta(seconds=5) if dialed else None,
    }
    return Execution.objects.create(**{**defaults, **columns})


def make_attempt(execution: Execution, **columns: Any) -> Attempt:
    """A stored attempt of the execution, ended and completed when nothing else is said."""
    now = datetime.now(UTC)
    defaults: dict[str, Any] = {
        "number": 1,
        "status": AttemptStatus.ENDED,
        "outcome": Outcome.COMPLETED,
        "provider": "sandbox",
        "sent": {},
        "started_at": now,
        "ended_at": now,
    }
    return Attempt.objects.create(execution=execution, **{**defaults, **columns})
