"""Ties a scheduled call to its time: when it rings next, and the name of that occurrence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha1
from typing import Any, Protocol
from uuid import UUID

from scheduled_calls.fields import read_body
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.recurrence import (
    TimeError,
    find_zone,
    next_after,
    occurrence_key,
    parse_cron,
    read_time,
)
from scheduler_project.errors import FieldError, Invalid
from scheduler_project.ids import uuid_of

#: a time this much in the past is taken as "now": clocks differ and requests take time
GRACE = timedelta(seconds=60)


class Timed(Protocol):
    """What the time of a scheduled call is computed from: its row, or some columns of it."""

    id: UUID
    crontab_id: int | None
    cron_expression: str
    timezone: str
    timing_revision: int
    next_run_at: datetime | None
    next_execution_id: UUID | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A one-time call's time: the instant (UTC) and the wall clock as given, if it was naive."""

    at: datetime
    wall_clock: datetime | None


def read_moment(
    value: str | datetime, zone_name: str, now: datetime | None, field: str = "scheduled_time"
) -> Moment:
    """A given time read in its zone; raises Invalid when it is none, or in the past of `now`.

    `field` is the name that the refusal carries.
    """
    zone = find_zone(zone_name)
    try:
        read = read_time(value, zone)
    except TimeError as error:
        raise Invalid(errors=[FieldError(field, "invalid", str(error))]) from None
    if now is not None and read.at < now - GRACE:
        here = now.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        message = f"scheduled_time is in the past: in {zone_name} it is {here} now."
        raise Invalid(errors=[FieldError("scheduled_time", "scheduled_time_in_past", message)])
    return Moment(read.at, read.wall)


def next_run(call: ScheduledCall, after: datetime) -> datetime | None:
    """The first occurrence of a call strictly after `after` (UTC); None when none is left."""
    if call.crontab_id is None:
        return unopened_instant(call)
    if call.max_occurrences is not None and call.occurrence_count >= call.max_occurrences:
        return None
    # An occurrence that was skipped ahead of its time stays skipped.
    after = max(after, call.last_opened_for or after)
    return next_after(parse_cron(call.cron_expression), call.zone, after)


def following_run(call: ScheduledCall, at: datetime) -> datetime | None:
    """The occurrence after the one at `at` (UTC), whatever max_occurrences says; or None."""
    if call.crontab_id is None:
        return None
    return first_run(call.cron_expression, call.timezone, at)


@lru_cache(maxsize=8192)
def first_run(expression: str, zone_name: str, after: datetime) -> datetime | None:
    """The first time of a cron in a zone strictly after `after` (UTC); None when there is none."""
    # Everybody wants nine o'clock: many calls share cron, zone and time, and one computation.
    return next_after(parse_cron(expression), find_zone(zone_name), after)


def passed_runs(
    call: Timed, first: datetime, now: datetime
) -> tuple[int, datetime, datetime | None]:
    """The occurrences from `first` up to `now` (UTC): how many, the last, and the next."""
    if call.crontab_id is None:
        return 1, first, None
    following = first_run(call.cron_expression, call.timezone, first)
    if following is None or following > now:
        return 1, first, following
    return _passed(call.cron_expression, call.timezone, first, now)


@lru_cache(maxsize=1024)
def _passed(
    expression: str, zone_name: str, first: datetime, now: datetime
) -> tuple[int, datetime, datetime | None]:
    # After an outage of a week this is long for "* * * * *", but the same for all who have it.
    cron, zone, count, last = parse_cron(expression), find_zone(zone_name), 1, first
    while (following := next_after(cron, zone, last)) is not None and following <= now:
        count, last = count + 1, following
    return count, last, following


def unopened_instant(call: ScheduledCall) -> datetime | None:
    """A one-time call's instant (UTC) when its occurrence was not opened yet; else None."""
    return None if call.instant == call.last_opened_for else call.instant


def wake_at(call: ScheduledCall) -> datetime | None:
    """When beat must look at a paused call: its pause ends, or a one-time call's time goes by."""
    times = [time for time in (call.paused_until, unopened_instant(call)) if time is not None]
    return min(times, default=None) if call.status == Status.PAUSED else None


def key_of(call: Timed, at: datetime) -> str:
    """The name of one occurrence: the same however often, and by whom, it is computed."""
    cron = "" if call.crontab_id is None else call.cron_expression
    return occurrence_name(call.timing_revision, cron, call.timezone, at)


@lru_cache(maxsize=8192)
def occurrence_name(revision: int, expression: str, zone_name: str, at: datetime) -> str:
    """The same by its parts; `expression` is empty for a one-time call."""
    if not expression:
        slot = f"{at.isoformat(timespec='microseconds')[:26]}Z"
    else:
        slot = occurrence_key(parse_cron(expression), find_zone(zone_name), at)
    return f"{revision}:{slot}"


def execution_id(call_id: UUID, occurrence_key: str) -> UUID:
    """The id of the execution of one occurrence: known before the row exists, and always the same.

    UUID version 5 (RFC 9562 section 5.5) with the scheduled call's id as the namespace; Python's
    own takes twice as long, and ten thousand calls come at once.
    """
    named = sha1(call_id.bytes + occurrence_key.encode(), usedforsecurity=False).digest()
    fields = int.from_bytes(named[:16], "big")
    return uuid_of(fields & ~(0xF000 << 64 | 0xC000 << 48) | 0x5000 << 64 | 0x8000 << 48)


def set_next(call: Timed, at: datetime | None) -> None:
    """Sets when the call rings next (UTC), or that nothing is left to ring."""
    call.next_run_at = at
    call.next_execution_id = None if at is None else execution_id(call.id, key_of(call, at))


def as_column(wall: datetime | None) -> str:
    """A naive wall clock as it is stored: ISO text, empty when the time came with an offset."""
    return wall.isoformat(sep=" ") if wall else ""


def read_pause(body: Any, zone_name: str, now: datetime) -> dict[str, Any]:
    """The optional body of a pause as columns; raises Invalid, also for an end that is past."""
    given = read_body(body, ("reason", "until"))
    columns: dict[str, Any] = {}
    if "reason" in given:
        columns["paused_reason"] = given["reason"]
    if given.get("until") is not None:
        moment = read_moment(given["until"], zone_name, None, "until")
        if moment.at <= now:
            raise Invalid(errors=[FieldError("until", "in_past", "until must be in the future.")])
        columns["paused_until"] = moment.at
    return columns
