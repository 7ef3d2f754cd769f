"""Before a one-time call is stored: which instant does its wall-clock time name, in which zone?

The truth about zones is the pinned `tzdata` package, never the host's zone files, so that every
machine of an installation rings at the same instant. Python prefers the host's files; whoever
starts a process calls `use_pinned_zones()` before the first zone is read.

A wall time that does not exist (the clock was set forward over it) is read as the first instant
after that gap; one that exists twice (the clock was set back) as the first of the two.
"""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata, resources
from typing import Literal
from zoneinfo import ZoneInfo

Note = Literal["dst_gap", "dst_overlap"]

SECOND = timedelta(seconds=1)
FIRST_YEAR, LAST_YEAR = 1900, 9998  # one year short of Python's last: any zone can show it
# "Factory" stands in the database for a machine that nobody has set up.
NOT_PLACES = frozenset({"Factory"})

DAY_PART = r"\d{4}-\d{2}-\d{2}"
CLOCK_PART = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
OFFSET_PART = r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?"
TIME = re.compile(f"{DAY_PART}[ Tt]{CLOCK_PART}{OFFSET_PART}", re.ASCII)


class TimeError(ValueError):
    """A text or value that names no time we can keep; the message says what would be right."""


class UnknownZone(ValueError):
    """A name that is no IANA time zone; `nearest` holds up to three names that may be meant."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
        super().__init__(f"{name[:64]!r} is not an IANA time zone, such as Europe/Paris.{hint}")
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class ReadTime:
    """A time as it was read.

    `at` is the instant, UTC. `wall` is the naive wall clock as written, or None when the text
    came with an offset; in a gap it keeps the time that was asked for. `note` says what daylight
    saving did to it.
    """

    at: datetime
    wall: datetime | None
    note: Note | None


def use_pinned_zones() -> None:
    """Makes every ZoneInfo made from now on come from the `tzdata` package; once, at the start."""
    zoneinfo.reset_tzpath(())
    ZoneInfo.clear_cache()
    find_zone.cache_clear()


def zone_database_version() -> str:
    """The release of the `tzdata` package in use: `2026.1` carries IANA's 2026a."""
    return metadata.version("tzdata")


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every IANA zone name of the pinned database."""
    listing = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listing.split()) - NOT_PLACES


@lru_cache(maxsize=1024)  # there are some 600
def find_zone(name: str) -> ZoneInfo:
    """The zone of that exact name; raises UnknownZone.

    A name is looked up in the list before any file is: a path can name nothing.
    """
    if name not in zone_names():
        raise UnknownZone(name, _nearest(name))
    return ZoneInfo(name)


def read_time(value: str | datetime, zone: ZoneInfo) -> ReadTime:
    """The instant that a wall-clock text or a datetime names; raises TimeError.

    `2027-02-01 14:30:00` (blank or T, seconds optional) is wall clock in `zone`. With an offset
    or `Z`, or as an aware datetime (also one that pytz has localised), it is that instant and
    `zone` plays no part. Fractions of a second are cut off. Years 1900 to 9998.
    """
    return (
        _read_text(value.strip(" \t\r\n"), zone) if isinstance(value, str) else _read(value, zone)
    )


@lru_cache(maxsize=4096)
def _read_text(text: str, zone: ZoneInfo) -> ReadTime:
    # Everybody wants nine o'clock: the calls of a campaign often share text and zone.
    return _read(_parsed(text), zone)


def _read(given: datetime, zone: ZoneInfo) -> ReadTime:
    if not isinstance(given, datetime):
        raise TimeError(f"A time is a text or a datetime, not {type(given).__name__}.")
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        raise TimeError(f"The year {given.year} is not between {FIRST_YEAR} and {LAST_YEAR}.")
    given = given.replace(microsecond=0)
    if given.utcoffset() is not None:
        return ReadTime(given.astimezone(UTC), None, None)
    wall = given.replace(tzinfo=None, fold=0)
    return ReadTime(*place(wall, zone))


def place(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime, Note | None]:
    """The one instant (UTC) at which a naive wall time rings, that wall time, and a note.

    In a gap: the first instant after it. In an overlap: the first pass.
    """
    first, second = _both_readings(wall, zone)
    if first == second:
        return first, wall, None
    if first < second:
        return first, wall, "dst_overlap"
    return clock_change(zone, second, first), wall, "dst_gap"


def showings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants (UTC) at which the clock of the zone really shows a wall time: 0, 1 or 2."""
    first, second = _both_readings(wall, zone)
    if first == second:
        return (first,)
    return (first, second) if first < second else ()


def wall_at(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows at an instant, to the second, naive."""
    return instant.astimezone(zone).replace(tzinfo=None, microsecond=0, fold=0)


def clock_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant (UTC) in (before, after] at which the zone's offset is a new one.

    Both are whole seconds with different offsets; zoneinfo has no list of changes to look into.
    """
    old = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // (2 * SECOND) * SECOND
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _both_readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # PEP 495: fold=0 takes the offset before a change of the clock, fold=1 the one after it. So
    # the first is the earlier one in an overlap and the later one in a gap.
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return first, second


def _parsed(text: str) -> datetime:
    if TIME.fullmatch(text) is None:
        raise TimeError(
            f"{text[:40]!r} is not a time. Write 2027-02-01 14:30:00 (hours 00 to 23) for the wall "
            "clock, or add an offset or Z for an instant: 2027-02-01T14:30:00-05:00."
        )
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:  # the shape is right, the date is not: February 30
        raise TimeError(f"{text!r} is not a time: {error}.") from None


def _nearest(name: str) -> tuple[str, ...]:
    """The zone written in another case, else up to three zones or cities spelled like it."""
    asked = name[:64].strip().casefold().replace(" ", "_")
    by_spelling = {zone.casefold(): zone for zone in sorted(zone_names())}
    if asked in by_spelling:
        return (by_spelling[asked],)
    by_city = {zone.rpartition("/")[2]: zone for zone in by_spelling if "/" in zone}
    close = get_close_matches(asked, [*by_spelling, *by_city], n=6, cutoff=0.6)
    return tuple(dict.fromkeys(by_spelling[by_city.get(hit, hit)] for hit in close))[:3]
