"""One occurrence is not to ring: the coming one is skipped, or a waiting retry is ended."""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction

from executions import rows
from executions.dispatch import close_and_tell
from executions.ending import CALLED_OFF, end_waiting
from executions.models import Execution
from executions.occurrence import INSERTED, execution_row
from executions.states import WAITING, ExecutionStatus
from scheduled_calls import services
from scheduled_calls.models import Kind, ScheduledCall, Status
from scheduled_calls.timing import following_run, set_next
from scheduler_project import clock
from scheduler_project.errors import Conflict, NotFound

#: what a waiting execution becomes when its owner does not want it
UNWANTED = {"pending": "skipped", "retrying": "cancelled"}
NO_SUCH = "There is no such execution."


def cancel_execution(owner: User, execution_id: str | UUID) -> tuple[Execution, list[UUID]]:
    """Skips the coming occurrence, or ends a waiting retry; a one-time call is cancelled with it.

    Returns the execution and the webhook deliveries to ring for. Raises NotFound; Conflict when
    it is over or just being placed.
    """
    try:
        pk = UUID(str(execution_id))
    except ValueError:
        raise NotFound(NO_SUCH) from None
    with transaction.atomic():
        call_id = (
            Execution.objects.filter(owner=owner, pk=pk)
            .values_list("scheduled_call_id", flat=True)
            .first()
            or ScheduledCall.objects.filter(owner=owner, next_execution_id=pk)
            .values_list("pk", flat=True)
            .first()
        )
        if call_id is None:
            raise NotFound(NO_SUCH)
        call = services.get(owner, call_id, lock=True)
        # Between the look-up and the lock the coming occurrence may have been opened.
        execution = Execution.objects.filter(pk=pk).first()
        bells = _end_open(call, execution) if execution else _skip_coming(owner, call, pk)
        return Execution.objects.get(pk=pk), bells


def _end_open(call: ScheduledCall, execution: Execution) -> list[UUID]:
    if execution.status not in WAITING:
        raise Conflict(
            f"This execution is {execution.status}; only one that waits can be cancelled.",
            code="not_waiting",
        )
    with connection.cursor() as cursor:
        becomes = UNWANTED if call.kind == Kind.RECURRING else CALLED_OFF
        bells = end_waiting(cursor, [execution.id], becomes, "cancelled_by_owner", clock.now())
    if call.kind == Kind.ONE_TIME and execution.trigger == "schedule":
        services.cancel(call.owner, call.id)
    return bells


def _skip_coming(owner: User, call: ScheduledCall, pk: UUID) -> list[UUID]:
    if call.next_execution_id != pk or call.next_run_at is None:
        raise Conflict("This occurrence has just moved on; look again.", code="not_waiting")
    now, at, recurring = clock.now(), call.next_run_at, call.kind == Kind.RECURRING
    status = ExecutionStatus.SKIPPED if recurring else ExecutionStatus.CANCELLED
    row = execution_row(call, at, status, now, "cancelled_by_owner")
    call.last_opened_for = at
    if not recurring:
        call.status = Status.CANCELLED
    set_next(call, following_run(call, at))
    call.save()
    with connection.cursor() as cursor:
        rows.insert(cursor, "executions_execution", INSERTED, [row])
        return close_and_tell(cursor, [row], now)
