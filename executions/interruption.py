"""Somebody pauses, changes, resumes or cancels a scheduled call: the verb, and what it means for
executions that are already open.

The new status is written first, under the call's row lock; a worker's T1 holds that row shared.
So either T1 came first, and its attempt is seen here and reported as `dialing`, or it comes later
and sees the new status: nothing rings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from executions.ending import CALLED_OFF, NOT_WANTED, close_calls, end_waiting
from executions.models import Execution
from executions.states import WAITING, ExecutionStatus
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project import clock


@dataclass(frozen=True, slots=True)
class Changed:
    """The scheduled call after the change, and what is to be rung for after the commit."""

    call: ScheduledCall
    #: an attempt is just being placed, and cannot be stopped any more
    dialing: bool = False
    webhooks: list[UUID] = field(default_factory=list)

    @property
    def bells(self) -> list[UUID]:
        """The webhook deliveries to ring for."""
        return self.webhooks


def pause(owner: User, schedule_id: str | UUID, body: Any = None) -> Changed:
    """Pauses: waiting executions wait on. Raises NotFound, Invalid, Conflict."""
    return _change(lambda: services.pause(owner, schedule_id, body))


def resume(owner: User, schedule_id: str | UUID) -> Changed:
    """Resumes from now on. Raises NotFound, Conflict, TimeHasPassed."""
    with transaction.atomic():
        resumed = services.resume(owner, schedule_id)
        # What waits need not wait until it is looked at again.
        Execution.objects.filter(scheduled_call=resumed, status__in=WAITING).update(
            ring_at=Greatest(F("due_at"), Value(clock.now()))
        )
        return _seen(resumed)


def cancel(owner: User, schedule_id: str | UUID) -> Changed:
    """Cancels for good; waiting executions end too. Raises NotFound."""
    return _change(lambda: services.cancel(owner, schedule_id), CALLED_OFF, "cancelled")


def update(owner: User, schedule_id: str | UUID, body: Any) -> Changed:
    """Changes the named fields. A new time ends what waits for the old one.

    Raises NotFound, Invalid, Cancelled.
    """
    with transaction.atomic():
        before = services.get(owner, schedule_id, lock=True).timing_revision
        changed = services.update(owner, schedule_id, body)
        if changed.timing_revision == before:
            return _seen(changed)
        return _seen(changed, NOT_WANTED, "rescheduled")


def _change(
    verb: Callable[[], ScheduledCall], becomes: Mapping[str, str] | None = None, reason: str = ""
) -> Changed:
    with transaction.atomic():
        return _seen(verb(), becomes, reason)


def _seen(
    call: ScheduledCall, becomes: Mapping[str, str] | None = None, reason: str = ""
) -> Changed:
    """What is open on the call, whose row the transaction holds."""
    now = clock.now()
    found = Execution.objects.filter(scheduled_call=call)
    bells: list[UUID] = []
    with connection.cursor() as cursor:
        if becomes:
            waiting = found.filter(status__in=WAITING)
            if becomes is NOT_WANTED:  # a new time does not touch what somebody rings by hand
                waiting = waiting.filter(trigger="schedule")
            ids = list(waiting.values_list("id", flat=True))
            bells = end_waiting(cursor, ids, becomes, reason, now)
        close_calls(cursor, [call.id], now)
    dialing = found.filter(status=ExecutionStatus.DIALING).exists()
    call.refresh_from_db()
    return Changed(call, dialing, bells)
