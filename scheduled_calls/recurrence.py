"""When does a recurring call ring next? The only engine for creation, preview and firing.

The rules, after Debian's cron (crontab(5) and cron(8), "daylight saving"):

====================  ========================================  ===============================
                      the clock is set forward (gap)            the clock is set back (overlap)
====================  ========================================  ===============================
fixed time            at the first instant after the gap;       on the first pass only
(`30 2 * * *`)        several such slots make one call
rhythm                not at all: the clock never shows it      on both passes
(`*/15 * * * *`)
====================  ========================================  ===============================

A time is *fixed* when neither minute nor hour begins with a star. So somebody who asked for 02:30
is called every day and never twice, and "every 15 minutes" stays every 15 minutes.

How: croniter walks the calendar on the naive wall clock (which dates and times fit the five
fields), where no zone can confuse it; each slot is then laid on the zone's clock here. Pure: no
clock is read, `after` is handed in. Every instant handed out is aware UTC.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import (
    CroniterBadDateError,
    croniter,
)

from scheduled_calls.cron import Cron, CronError, parse_cron
from scheduled_calls.cron_description import describe
from scheduled_calls.wall_clock import (
    FIRST_YEAR,
    LAST_YEAR,
    SECOND,
    Note,
    ReadTime,
    TimeError,
    UnknownZone,
    clock_change,
    find_zone,
    place,
    read_time,
    showings,
    use_pinned_zones,
    wall_at,
    zone_database_version,
)

__all__ = [
    "Cron",
    "CronError",
    "Note",
    "Occurrence",
    "ReadTime",
    "TimeError",
    "UnknownZone",
    "describe",
    "find_zone",
    "next_after",
    "next_occurrence",
    "occurrence_key",
    "parse_cron",
    "read_time",
    "upcoming",
    "use_pinned_zones",
    "zone_database_version",
]

# February 29 on a given weekday can be 40 years away (across the year 2100).
HORIZON_YEARS = 50


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time at which a recurring call rings.

    `at`: the instant, UTC. `wall`: the naive local time that the expression names, 02:30 even
    where it rings at 03:00. `note`: the time fell into a `dst_gap` or a `dst_overlap`.
    """

    at: datetime
    wall: datetime
    note: Note | None


def next_after(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first instant (UTC) strictly after `after` (aware) at which the call rings.

    None when there is none within 50 years, or when `after` is not in the years 1900 to 9948.
    """
    occurrence = next_occurrence(cron, zone, after)
    return occurrence.at if occurrence else None


def next_occurrence(cron: Cron, zone: ZoneInfo, after: datetime) -> Occurrence | None:
    """The first occurrence strictly after `after` (aware), or None as in `next_after`."""
    if not FIRST_YEAR <= after.year <= LAST_YEAR - HORIZON_YEARS:
        return None  # nearer to the ends of Python's calendar its arithmetic overflows
    search = _next_fixed if cron.fixed_time else _next_shown
    try:
        return search(cron, zone, after.astimezone(UTC))
    except CroniterBadDateError:
        return None


def upcoming(cron: Cron, zone: ZoneInfo, after: datetime, count: int) -> list[Occurrence]:
    """Up to `count` occurrences strictly after `after` (aware), in order."""
    found: list[Occurrence] = []
    while len(found) < count and (coming := next_occurrence(cron, zone, after)):
        found.append(coming)
        after = coming.at
    return found


def occurrence_key(cron: Cron, zone: ZoneInfo, occurrence_at_utc: datetime) -> str:
    """The name under which an occurrence is known for good, computed from its instant alone.

    A fixed time: what the wall clock shows at that instant, `2026-11-01T01:30:00`. It rings on
    one pass only, so no two occurrences share it, and it stays the same when a new zone
    database moves the instant: the same day's call is not made again. In a gap this is the end
    of the gap (03:00:00), which stands for all the slots that the gap swallowed.
    A rhythm: the instant, `2026-11-01T05:30:00Z`, because both passes of an overlap count.
    """
    if cron.fixed_time:
        return wall_at(occurrence_at_utc, zone).isoformat()
    return occurrence_at_utc.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _next_fixed(cron: Cron, zone: ZoneInfo, after: datetime) -> Occurrence:
    # Later slots never ring earlier, so the first that rings after `after` is the answer.
    rings = (Occurrence(*place(slot, zone)) for slot in _slots(cron, wall_at(after, zone)))
    return next(ring for ring in rings if ring.at > after)


def _next_shown(cron: Cron, zone: ZoneInfo, after: datetime) -> Occurrence:
    wall = wall_at(after, zone)
    found = _first_shown(cron, zone, wall, after)
    passes = showings(wall, zone)
    if len(passes) == 2 and after < passes[0] + SECOND:
        # In the first pass of an overlap: the clock will be set back and show earlier slots again.
        set_back = clock_change(zone, *passes)
        again = _first_shown(cron, zone, wall_at(set_back, zone) - SECOND, after)
        return min(found, again, key=lambda occurrence: occurrence.at)
    return found


def _first_shown(cron: Cron, zone: ZoneInfo, wall: datetime, after: datetime) -> Occurrence:
    """The first slot later than `wall` that the clock shows at an instant later than `after`."""
    passes = ((slot, showings(slot, zone)) for slot in _slots(cron, wall))
    return next(
        Occurrence(at, slot, "dst_overlap" if len(instants) == 2 else None)
        for slot, instants in passes
        for at in instants
        if at > after
    )


def _slots(cron: Cron, wall: datetime) -> Iterator[datetime]:
    """The naive wall-clock times that fit the expression, strictly after `wall`, in order."""
    walk = copy(_calendar(cron))  # croniter keeps its place in itself: each walk has its own
    walk.set_current(wall)
    while True:
        yield walk.get_next(datetime)


@lru_cache(maxsize=4096)
def _calendar(cron: Cron) -> croniter:
    """A croniter for the five fields, reading the two day fields as Debian does."""
    return croniter(
        cron.text,
        datetime(2000, 1, 1),  # noqa: DTZ001 - naive on purpose: this is the wall clock
        implement_cron_bug=True,  # croniter's word for: `*/2` as a day field is a star
        max_years_between_matches=HORIZON_YEARS,
    )
