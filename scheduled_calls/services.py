"""The verbs on a scheduled call: schedule, update, pause, resume, cancel.

Each is one transaction that locks the one row it changes. They know nothing of executions:
front doors call `executions.interruption`, which sees to calls that are already under way.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django_celery_beat.models import ClockedSchedule

from scheduled_calls.exceptions import Cancelled, TimeHasPassed
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.recurrence import parse_cron
from scheduled_calls.timing import (
    as_column,
    crontab_id_for,
    next_run,
    read_moment,
    read_pause,
    set_next,
    timing_values,
    wake_at,
)
from scheduled_calls.validators import SEED_EVENTS, names_for, read_body
from scheduler_project import clock
from scheduler_project.errors import Conflict, FieldError, Invalid, NotFound

REQUIRED = {
    "one_time": ("agent_id", "phone_number", "scheduled_time"),
    "recurring": ("agent_id", "phone_number", "cron_expression"),
}
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
    with transaction.atomic():
        now = clock.now()
        plain = {name: value for name, value in cleaned.items() if name not in TIMING}
        call = ScheduledCall(owner=owner, **plain, **timing_values(kind, cleaned, now))
        set_next(call, next_run(call, now))
        call.save(force_insert=True)
        return call


TIMING = ("scheduled_time", "cron_expression", "max_occurrences")


def read_new(body: Any, kind: str) -> dict[str, Any]:
    """The cleaned fields of a new call with all defaults filled in; raises Invalid."""
    cleaned = read_body(body, names_for(kind), required=REQUIRED[kind])
    cleaned.setdefault("timezone", settings.SCHEDULER.default_timezone)
    _settle_webhook(cleaned, cleaned.get("webhook_url", ""), "webhook_events" in cleaned)
    return cleaned


def _settle_webhook(changes: dict[str, Any], url: str, events_named: bool) -> None:
    """An address without events means the seed's three; events without an address are a mistake."""
    if url and not (events_named and changes.get("webhook_events")):
        changes["webhook_events"] = changes.get("webhook_events") or SEED_EVENTS
    if not url and changes.get("webhook_events"):
        message = "webhook_events needs a webhook_url to send them to."
        raise Invalid(errors=[FieldError("webhook_events", "needs_webhook_url", message)])


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
        _change_webhook(call, changes)
        _change_time(call, changes, clock.now())
        for name, value in changes.items():
            setattr(call, name, value)
        call.save()
        return call


def _change_webhook(call: ScheduledCall, changes: dict[str, Any]) -> None:
    url = changes.get("webhook_url", call.webhook_url)
    if not url and "webhook_events" not in changes:
        changes["webhook_events"] = []
    elif url and "webhook_events" not in changes and call.webhook_events:
        return
    _settle_webhook(changes, url, "webhook_events" in changes)


def _change_time(call: ScheduledCall, changes: dict[str, Any], now: datetime) -> None:
    """Moves the call's time where the changes ask for it, and takes the time out of them."""
    if call.kind == "one_time":
        _change_moment(call, changes, now)
    else:
        _change_cron(call, changes, now)
    changes.pop("scheduled_time", None)
    changes.pop("cron_expression", None)


def _change_moment(call: ScheduledCall, changes: dict[str, Any], now: datetime) -> None:
    given = changes.get("scheduled_time")
    zone_name = changes.get("timezone", call.timezone)
    moved_zone = zone_name != call.timezone
    if given == call.scheduled_time and not moved_zone:
        return  # a GET's answer sent back: nothing new
    if given is None and not (moved_zone and call.wall_clock):
        return  # no time named, or an instant that its zone only displays
    finished = call.status in (Status.COMPLETED, Status.MISSED)
    if given is not None and read_moment(given, zone_name, None).at == call.instant:
        # The same instant in another spelling: a call that has rung must not ring again.
        call.wall_clock = as_column(read_moment(given, zone_name, None).wall_clock)
        return
    value = given if given is not None else call.wall_clock
    # Only the zone of a call that is over: its record moves, it does not ring again.
    moment = read_moment(value, zone_name, None if finished and given is None else now)
    ClockedSchedule.objects.filter(pk=call.clocked_id).update(clocked_time=moment.at)
    call.clocked = ClockedSchedule(pk=call.clocked_id, clocked_time=moment.at)
    call.wall_clock = as_column(moment.wall_clock)
    call.timing_revision += 1
    call.last_opened_for = moment.at if finished and given is None else None
    if not (finished and given is None):
        _run_again(call, now)


def _change_cron(call: ScheduledCall, changes: dict[str, Any], now: datetime) -> None:
    limit = changes.get("max_occurrences", call.max_occurrences)
    if limit is not None and limit < call.occurrence_count:
        message = f"max_occurrences is below the {call.occurrence_count} that were already made."
        raise Invalid(errors=[FieldError("max_occurrences", "below_count", message)])
    expression = changes.get("cron_expression", call.cron_expression)
    zone_name = changes.get("timezone", call.timezone)
    moved = expression != call.cron_expression or zone_name != call.timezone
    more = limit != call.max_occurrences
    if not (moved or more):
        return
    if moved:
        call.crontab_id = crontab_id_for(parse_cron(expression), zone_name)
        call.timing_revision += 1
        call.last_opened_for = None
    call.cron_expression, call.timezone, call.max_occurrences = expression, zone_name, limit
    spent = limit is not None and call.occurrence_count >= limit
    if moved or spent or call.next_run_at is None:
        _run_again(call, now)  # else the next time stands, also one that is due at this moment


def _run_again(call: ScheduledCall, now: datetime) -> None:
    """Finds the next time after a change; what was over becomes active when something is left."""
    following = next_run(call, now)
    if call.status in (Status.COMPLETED, Status.MISSED) and following is not None:
        call.status = Status.ACTIVE
    set_next(call, following if call.status == Status.ACTIVE else None)
    call.wake_at = wake_at(call)


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
