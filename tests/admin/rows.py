"""Executions brought to where a test wants them."""

from datetime import timedelta

from executions.models import Attempt, Execution
from scheduler_project import clock
from tests.rows import make_attempt


def being_dialed(execution: Execution) -> Attempt:
    """A worker has just claimed it."""
    now = clock.now()
    soon = now + timedelta(minutes=1)
    Execution.objects.filter(pk=execution.pk).update(
        status="dialing", ring_at=None, attempt_count=1, actual_time=now
    )
    held = {"worker": 1, "lease_until": soon, "look_at": soon}
    return make_attempt(execution, status="dialing", outcome=None, ended_at=None, **held)


def failed(execution: Execution) -> None:
    """Nobody answered, and no retry is left."""
    now = clock.now()
    said = "it rang for 30 s"
    make_attempt(execution, outcome="no_answer", error=said, call_id=f"call-of-{execution.pk}")
    Execution.objects.filter(pk=execution.pk).update(
        status="failed",
        ring_at=None,
        attempt_count=1,
        actual_time=now,
        ended_at=now,
        error=f"no_answer: {said}",
        reason="no_retry_left",
        details={"answered_by": "nobody"},
    )
