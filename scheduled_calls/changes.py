"""A scheduled call gets new values: what they mean for its time and for whom it tells."""

from datetime import datetime
from typing import Any

from django_celery_beat.models import ClockedSchedule

from scheduled_calls.crontabs import crontab_id_for
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.recurrence import parse_cron
from scheduled_calls.structures import SEED_EVENTS
from scheduled_calls.timing import (
    as_column,
    next_run,
    read_moment,
    set_next,
    wake_at,
)
from scheduler_project.errors import FieldError, Invalid


def settle_webhook(changes: dict[str, Any], url: str, events_named: bool) -> None:
    """An address without events means the seed's three; events without an address are a mistake."""
    if url and not (events_named and changes.get("webhook_events")):
        changes["webhook_events"] = changes.get("webhook_events") or SEED_EVENTS
    if not url and changes.get("webhook_events"):
        message = "webhook_events needs a webhook_url to send them to."
        raise Invalid(errors=[FieldError("webhook_events", "needs_webhook_url", message)])


def change_webhook(call: ScheduledCall, changes: dict[str, Any]) -> None:
    """Fills in the events that a changed address means; raises Invalid for events without one."""
    url = changes.get("webhook_url", call.webhook_url)
    if not url and "webhook_events" not in changes:
        changes["webhook_events"] = []
    elif url and "webhook_events" not in changes and call.webhook_events:
        return
    settle_webhook(changes, url, "webhook_events" in changes)


def change_time(call: ScheduledCall, changes: dict[str, Any], now: datetime) -> None:
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
    taken = call.last_opened_for is not None and call.last_opened_for == call.instant
    finished = taken or call.status in (Status.COMPLETED, Status.MISSED)
    if given is not None and read_moment(given, zone_name, None).at == call.instant:
        # The same instant in another spelling: a call that has rung must not ring again.
        call.wall_clock = as_column(read_moment(given, zone_name, None).wall_clock)
        return
    value = given if given is not None else call.wall_clock
    # Only the zone of a call whose time was taken up: its record moves, it does not ring again.
    only_the_record = finished and given is None
    moment = read_moment(value, zone_name, None if only_the_record else now)
    ClockedSchedule.objects.filter(pk=call.clocked_id).update(clocked_time=moment.at)
    call.clocked = ClockedSchedule(pk=call.clocked_id, clocked_time=moment.at)
    call.wall_clock = as_column(moment.wall_clock)
    call.last_opened_for = moment.at if only_the_record else None
    if not only_the_record:
        call.timing_revision += 1
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
