"""An occurrence comes due: its name, and whether it rings, is missed or is skipped."""

from datetime import datetime

from executions.states import ExecutionStatus
from scheduled_calls.timing import execution_id

__all__ = ["decide", "execution_id"]


def decide(at: datetime, now: datetime, catch_up_seconds: float, *, busy: bool) -> ExecutionStatus:
    """What becomes of an occurrence that was to ring at `at` and is looked at `now`.

    `busy`: another execution of the same scheduled call is being placed or talking.
    """
    if (now - at).total_seconds() > catch_up_seconds:
        return ExecutionStatus.MISSED
    return ExecutionStatus.SKIPPED if busy else ExecutionStatus.PENDING
