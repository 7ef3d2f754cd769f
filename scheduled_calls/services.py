"""The verbs on a scheduled call: schedule, update, pause, resume, cancel.

Each is one transaction that locks the one row it changes. They know nothing of executions:
front doors call `executions.interruption`, which sees to calls that are already under way.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from scheduled_calls.changes import change_time, change_webhook
from scheduled_calls.drafts import REQUIRED, draft, read_new
from scheduled_calls.exceptions import Cancelled, TimeHasPassed
from scheduled_calls.fields import names_for, read_body
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.storing import store
from scheduled_calls.timing import (
    next_run,
    read_pause,
    set_next,
    wake_at,
)
from scheduler_project import clock
from scheduler_project.errors import Conflict, FieldError, Invalid, NotFound

#: what a GET shows and nobody sets: a body that is sent back with them is fine
READ_ONLY = frozenset(
    {
        "id",
        "schedule_id",
        "kind",
        "scheduled_time_utc",
        "cron_description",
        "occurrence_count",
        "next_run_at",
        "status",
        "last_execution",
        "created_at",
        "updated_at",
        "paused_reason",
        "paused_until",
        "dialing",
    }
)


def schedule_call(owner: User, body: Any) -> ScheduledCall:
    """Schedules one call at one time; raises Invalid naming what is wrong in the body."""
    return _schedule(owner, body, "one_time")


def schedule_recurring_call(owner: User, body: Any) -> ScheduledCall:
    """Schedules calls by a cron expression; raises Invalid naming what is wrong in the body."""
    return _schedule(owner, body, "recurring")


def _schedule(owner: User, body: Any, kind: str) -> ScheduledCall:
    cleaned = read_new(body, kind)
    new = draft(owner, cleaned, clock.now())
    store(new)
    return new.as_call(owner)


def get(owner: User, schedule_id: str | UUID, *, lock: bool = False) -> ScheduledCall:
    """The owner's scheduled call; raises NotFound, the same for another owner's and for none."""
    try:
        pk = schedule_id if isinstance(schedule_id, UUID) else UUID(str(schedule_id))
    except ValueError:
        raise NotFound("There is no such scheduled call.") from None
    rows = ScheduledCall.objects.filter(owner=owner, pk=pk)
    # The verbs hold the row against each other, against dispatch and against a worker's T1.
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound("There is no such scheduled call.")
    return found


def update(owner: User, schedule_id: str | UUID, body: Any) -> ScheduledCall:
    """Changes the named fields; raises Invalid, NotFound, Cancelled.

    A new time makes a missed or completed call active again; a paused one stays paused.
    """
    with transaction.atomic():
        call = get(owner, schedule_id, lock=True)
        if call.status == Status.CANCELLED:
            raise Cancelled
        changes = read_body(body, names_for(call.kind), ignored=READ_ONLY)
        if nulls := [name for name in REQUIRED[call.kind] if name in body and body[name] is None]:
            message = f"{nulls[0]} cannot be null; leave it out to keep it."
            raise Invalid(errors=[FieldError(nulls[0], "required", message)])
        change_webhook(call, changes)
        change_time(call, changes, clock.now())
        for name, value in changes.items():
            setattr(call, name, value)
        call.save()
        return call


def pause(owner: User, schedule_id: str | UUID, body: Any = None) -> ScheduledCall:
    """Stops a call from ringing until `resume`; idempotent.

    The body may hold `reason` (text) and `until`, the instant at which the pause ends by itself
    (naive: wall clock in the call's zone). Raises NotFound, Invalid; Conflict when it is over.
    """
    with transaction.atomic():
        call = get(owner, schedule_id, lock=True)
        if call.status not in (Status.ACTIVE, Status.PAUSED):
            raise Conflict(f"This scheduled call is {call.status}; there is nothing to pause.")
        options = read_pause(body or {}, call.timezone, clock.now())
        if call.status == Status.ACTIVE:
            call.paused_reason, call.paused_until = "", None
        call.status = Status.PAUSED
        set_next(call, None)
        for name, value in options.items():
            setattr(call, name, value)
        call.wake_at = wake_at(call)
        call.save()
        return call


def resume(owner: User, schedule_id: str | UUID) -> ScheduledCall:
    """Lets a paused call ring again from now on; idempotent on an active one.

    Raises NotFound; Conflict when it is over; TimeHasPassed for a one-time call whose time went by.
    """
    with transaction.atomic():
        call = get(owner, schedule_id, lock=True)
        if call.status == Status.ACTIVE:
            return call
        if call.status == Status.MISSED:
            raise TimeHasPassed
        if call.status != Status.PAUSED:
            raise Conflict(f"This scheduled call is {call.status}; there is nothing to resume.")
        return wake(call, clock.now())


def wake(call: ScheduledCall, now: datetime) -> ScheduledCall:
    """Ends the pause of a call that the caller has locked; raises TimeHasPassed."""
    following = next_run(call, now)
    if call.crontab_id is None and following is not None and following <= now:
        raise TimeHasPassed
    call.status, call.wake_at = Status.ACTIVE, None
    set_next(call, following)
    call.paused_reason, call.paused_until = "", None
    call.save()
    return call


def cancel(owner: User, schedule_id: str | UUID) -> ScheduledCall:
    """Ends a scheduled call for good; its history stays. Idempotent. Raises NotFound."""
    with transaction.atomic():
        call = get(owner, schedule_id, lock=True)
        if call.status != Status.CANCELLED:
            call.status, call.wake_at = Status.CANCELLED, None
            set_next(call, None)
            call.save()
        return call
