"""What has happened to a scheduled call so far, and what is to happen next."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from executions.filters import FILTERS
from executions.models import Execution
from executions.serializers import present_execution, present_executions
from executions.states import ExecutionStatus, Trigger
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import FieldError, Invalid, NotFound
from scheduler_project.query import conditions, read_instant

SHOWN = 100
MOST_SHOWN = 200
GONE = "There is no such execution."


def history(
    owner: User, schedule_id: str | UUID, *, limit: int = SHOWN, before: str | None = None
) -> dict[str, Any]:
    """`{"schedule_id", "executions", "earlier"}`: the newest rows, oldest first.

    The coming occurrence stands last as `pending`. `before`, an execution's id or an instant,
    asks for the rows before it; `earlier` is what `before` must be for the next older ones.
    Raises NotFound, Invalid.
    """
    call = services.get(owner, schedule_id)
    rows = Execution.objects.filter(scheduled_call=call).order_by("-scheduled_for", "-opened")
    if before is not None:
        rows = rows.filter(_earlier_than(rows, before))
    page = list(rows[: limit + 1])
    shown = [*reversed(page[:limit])]
    coming = None if before is not None else next_execution(call)
    if coming is not None and all(row.pk != coming.pk for row in shown):
        shown.append(coming)
    return {
        "schedule_id": str(call.pk),
        "executions": present_executions(shown),
        "earlier": str(page[limit - 1].pk) if len(page) > limit else None,
    }


def executions_of(owner: User, query: Mapping[str, Any]) -> QuerySet[Execution]:
    """The owner's executions that the query's filters leave; raises Invalid."""
    return Execution.objects.filter(conditions(query, FILTERS), owner=owner)


def show_execution(owner: User, execution_id: str) -> dict[str, Any]:
    """One execution of the owner as the API shows it, also one that is to come; raises NotFound."""
    try:
        pk = UUID(execution_id)
    except ValueError:
        raise NotFound(GONE) from None
    found = Execution.objects.filter(owner=owner, pk=pk).first()
    if found is None:
        coming = ScheduledCall.objects.filter(owner=owner, next_execution_id=pk).first()
        found = next_execution(coming) if coming else None
    if found is None:
        raise NotFound(GONE)
    return present_execution(found)


def next_execution(call: ScheduledCall) -> Execution | None:
    """The coming occurrence as the row it will be, not stored; None when none is to come."""
    if call.next_run_at is None or call.next_execution_id is None:
        return None
    coming = Execution(
        id=call.next_execution_id,
        scheduled_call=call,
        owner_id=call.owner_id,
        trigger=Trigger.SCHEDULE,
        scheduled_for=call.next_run_at,
        due_at=call.next_run_at,
        status=ExecutionStatus.PENDING,
    )
    coming.tries = []  # type: ignore[attr-defined]  # what present_executions reads
    return coming


def _earlier_than(rows: QuerySet[Execution], before: str) -> Q:
    try:
        mark = rows.filter(pk=UUID(before)).first()
    except ValueError:
        return Q(scheduled_for__lt=_instant(before))
    if mark is None:
        raise _wrong("before names no execution of this scheduled call.")
    return Q(scheduled_for__lt=mark.scheduled_for) | Q(
        scheduled_for=mark.scheduled_for, opened__lt=mark.opened
    )


def _instant(text: str) -> Any:
    try:
        return read_instant(text)
    except ValueError as error:
        raise _wrong(f"before is an execution's id or an instant. {error}") from None


def _wrong(message: str) -> Invalid:
    return Invalid(errors=[FieldError("before", "invalid", message)])
