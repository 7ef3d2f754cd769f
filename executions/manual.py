"""`execute_now`: somebody rings by hand; it uses up no occurrence and moves no schedule."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from executions.hindrance import refuse_hindered
from executions.models import Execution
from executions.occurrence import RING_AGAIN, execution_id
from executions.states import OPEN, ExecutionStatus, Trigger
from scheduled_calls import services
from scheduled_calls.models import Status
from scheduler_project import clock
from scheduler_project.errors import Conflict


def execute_now(owner: User, schedule_id: str | UUID) -> Execution:
    """Opens a manual execution that is due at once; the front door rings for it.

    Raises NotFound; Conflict on a cancelled or missed call, while an execution is open, and
    when a stop switch or the gap between two calls forbids it.
    """
    with transaction.atomic():
        call = services.get(owner, schedule_id, lock=True)
        if call.status in (Status.CANCELLED, Status.MISSED):
            raise Conflict(f"This scheduled call is {call.status}; it cannot ring.")
        now = clock.now()
        if (status := _open_status(call.id, now - _longest_call())) is not None:
            raise Conflict(
                f"An execution of this scheduled call is {status}; wait until it is over.",
                code="execution_open",
            )
        refuse_hindered(call, now)
        key = f"manual:{uuid4()}"
        return Execution.objects.create(
            id=execution_id(call.id, key),
            scheduled_call=call,
            owner_id=call.owner_id,
            occurrence_key=key,
            trigger=Trigger.MANUAL,
            scheduled_for=now,
            due_at=now,
            expires_at=now + timedelta(seconds=settings.SCHEDULER.catch_up_seconds),
            ring_at=now + RING_AGAIN,
            status=ExecutionStatus.PENDING,
        )


def _open_status(call_id: UUID, long_ago: object) -> str | None:
    """The status of an open execution; an unknown one counts for as long as it may be talking."""
    found = Execution.objects.filter(scheduled_call_id=call_id, status__in=OPEN).exclude(
        status=ExecutionStatus.UNKNOWN, actual_time__lt=long_ago
    )
    return found.values_list("status", flat=True).first()


def _longest_call() -> timedelta:
    return timedelta(seconds=settings.SCHEDULER.max_call_seconds)
