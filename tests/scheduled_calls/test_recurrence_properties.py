"""The recurrence engine against two oracles, crowded around the days on which clocks change.

2,000 cases in a normal run; `RECURRENCE_CASES=100000` makes it the long one (ten minutes).

The first oracle is cronsim, an independent implementation of Debian's rules; where it differs,
the difference must be one of those that `why_cronsim_differs` names. The second is brute force:
walk minute by minute over the change of the clock and apply the two rules by hand.
"""

import os
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from scheduled_calls.recurrence import (
    Cron,
    find_zone,
    next_after,
    next_occurrence,
    occurrence_key,
    parse_cron,
    upcoming,
    use_pinned_zones,
)

use_pinned_zones()

CASES_A_ROUND = 2000
ROUNDS = int(os.environ.get("RECURRENCE_CASES", CASES_A_ROUND)) // CASES_A_ROUND
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REACH = 26 * HOUR

ZONES = (
    # the ones with a catch
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "America/Havana",  # the gap begins at midnight
    "Asia/Beirut",  # so does this one
    "Africa/Cairo",  # on Fridays
    "Pacific/Apia",  # 2011-12-30 does not exist
    "Asia/Kathmandu",  # +05:45, never changes
    "Pacific/Chatham",  # +12:45 and changes
    "Antarctica/Troll",  # two hours of daylight saving
    "Africa/Casablanca",  # clock set back for Ramadan
    "America/Sao_Paulo",  # midnight gaps until 2018
    "America/Caracas",  # half an hour, 2007 and 2016
    "Asia/Pyongyang",  # half an hour, 2015 and 2018
    "America/Asuncion",
    "America/Santiago",
    "Asia/Tehran",
    "Asia/Gaza",
    "Atlantic/Azores",
    "Europe/Dublin",
    "America/St_Johns",
    # and the plain ones
    "America/New_York",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Sydney",
)


@lru_cache
def clock_changes(name: str) -> tuple[datetime, ...]:
    """The instants from 2005 to 2031 at which the zone's clock changes, found day by day."""
    zone, found = find_zone(name), []
    day = datetime(2005, 1, 1, tzinfo=UTC)
    old = offset(day, zone)
    while day.year < 2031:
        if (new := offset(day + DAY, zone)) != old:
            minutes = (day + n * MINUTE for n in range(1, 1441))
            found.append(next(at for at in minutes if offset(at, zone) != old))
        day, old = day + DAY, new
    return tuple(found) or (datetime(2026, 3, 1, tzinfo=UTC),)


def offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


def matcher(cron: Cron) -> Callable[[datetime], bool]:
    """Does a wall time fit the expression? The sets are cronsim's, not ours."""
    sim = CronSim(cron.text, datetime(2026, 1, 1, tzinfo=UTC))
    return lambda wall: (
        wall.minute in sim.minutes
        and wall.hour in sim.hours
        and wall.month in sim.months
        and sim.match_day(wall.date())
    )


def brute_force(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The next ring by the rules alone, or None when it is more than REACH away."""
    fits, fixed = matcher(cron), cron.fixed_time
    # No overlap of these zones is longer than two hours: what the clock had reached is known.
    at = after.replace(second=0) - 3 * HOUR
    reached = shown(at, zone)
    while at <= after + REACH:
        at += MINUTE
        wall = shown(at, zone)
        slots = [wall]
        if fixed:
            # A slot rings when the clock reaches it, or jumps over it, for the first time.
            slots = [reached + n * MINUTE for n in range(1, (wall - reached) // MINUTE + 1)]
            reached = max(reached, wall)
        if at > after and any(map(fits, slots)):
            return at
    return None


def shown(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def fields(often: str, low: int, high: int) -> st.SearchStrategy[str]:
    """One cron field: the words of `often` half of the time, else a list of numbers and ranges."""
    chance = random.Random(high)

    def item() -> str:
        first, last = sorted((chance.randint(low, high), chance.randint(low, high)))
        return chance.choice([str(first), str(last), f"{first}-{last}", f"{first}-{last}/2"])

    lists = [",".join(item() for _ in range(chance.randint(1, 3))) for _ in range(60)]
    return st.sampled_from(often.split() * (60 // len(often.split())) + lists)


minutes = fields("0 15 30 45 59 0,30 * */15 */30 */7 */15,7", 0, 59)
hours = fields("0 1 2 3 0-3 1,2 2,3 23 * */2 */4", 0, 23)  # mostly those in which clocks change
days = fields("* * * * * */2 13 1-7", 1, 28)
months = fields("* * * * *", 1, 12)
weekdays = fields("* * * * * */2 1-5 0", 0, 7)
crons = st.builds(
    lambda *fields: parse_cron(" ".join(fields)), minutes, hours, days, months, weekdays
)


@st.composite
def moments(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone and an instant within a day of a change of its clock."""
    name = draw(st.sampled_from(ZONES))
    change = draw(st.sampled_from(clock_changes(name)))
    near = st.one_of(st.integers(-3 * 3600, 3 * 3600), st.integers(-26 * 3600, 26 * 3600))
    seconds = draw(near.map(lambda s: s - s % 60 if s % 2 else s))
    return find_zone(name), change + timedelta(seconds=seconds)


def assert_brute_force_agrees(cron: Cron, zone: ZoneInfo, after: datetime) -> None:
    ours, theirs = next_after(cron, zone, after), brute_force(cron, zone, after)
    if theirs is None:
        assert ours is None or ours > after + REACH
    else:
        assert ours == theirs, (cron.text, zone.key, after)


class Stuck(Exception):
    """cronsim walks in a circle."""


class BoundedCronSim(CronSim):
    """cronsim that gives up when it walks more minutes and hours than any search needs."""

    steps_left = 50_000

    def tick(self, seconds: int = 1) -> None:
        self.steps_left -= 1
        if not self.steps_left:
            raise Stuck
        super().tick(seconds)


def ask_cronsim(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    answer = next(BoundedCronSim(cron.text, after.astimezone(zone)), None)
    return answer.astimezone(UTC) if answer else None


def why_cronsim_differs(
    cron: Cron, zone: ZoneInfo, after: datetime, ours: datetime, theirs: datetime
) -> str | None:
    """The name of a known fault of cronsim 2.8 that explains its answer, or None."""
    if theirs <= after:
        # It lays a slot of the repeated hour on the first pass though that pass is over, and it
        # sets minutes to zero without asking whether that crosses a change of the clock.
        return "answers a time that is not after its start"
    fits = matcher(cron)

    def crooked(change: datetime) -> bool:
        # by half an hour, at 00:01 (Newfoundland until 2011), at 02:45 (Chatham), at midnight
        old, new = shown(change - MINUTE, zone), shown(change, zone)
        return old.minute != 59 or new.minute != 0 or old.hour == 23

    if not cron.fixed_time and not fits(shown(theirs, zone)):
        # It moves on to midnight of a day without asking whether the clock shows midnight.
        return "rings a rhythm at a time that the clock does not show"
    near = [c for c in clock_changes(zone.key) if ours - 28 * HOUR <= c <= ours + 3 * HOUR]
    if (
        any(map(crooked, near))
        and not cron.fixed_time
        and ours < theirs
        and fits(shown(ours, zone))
    ):
        # It walks in whole hours, or from midnight, and so loses its place.
        return "slips over a change at midnight or not from full hour to full hour"
    return None


rounds = pytest.mark.parametrize("round_number", range(ROUNDS))
many = settings(
    max_examples=CASES_A_ROUND,
    # The same cases in each normal run: only the long one may find a new fault of the oracle.
    derandomize="RECURRENCE_CASES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
some = settings(parent=many, max_examples=CASES_A_ROUND // 20)
fewer = settings(parent=many, max_examples=CASES_A_ROUND // 4)


@rounds
@many
@given(crons, moments())
def test_it_agrees_with_cronsim(
    round_number: int, cron: Cron, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    ours = next_after(cron, zone, after)
    try:
        theirs = ask_cronsim(cron, zone, after)
    except Stuck:
        # Newfoundland set its clock back from 00:01 to 23:01: over midnight, and back to midnight.
        event("cronsim walks in a circle")
        assert zone.key == "America/St_Johns"
        assert_brute_force_agrees(cron, zone, after)
        return
    if ours != theirs:
        assert ours is not None
        assert theirs is not None
        reason = why_cronsim_differs(cron, zone, after, ours, theirs)
        event(f"cronsim {reason}")
        assert reason, (cron.text, zone.key, after, ours, theirs)


@rounds
@fewer
@given(crons, moments())
def test_it_agrees_with_brute_force(
    round_number: int, cron: Cron, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    assert_brute_force_agrees(cron, zone, after)


@rounds
@some
@given(crons, moments())
def test_a_walk_moves_on_and_is_repeated_next_after(
    round_number: int, cron: Cron, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    walk = upcoming(cron, zone, after, 12)
    for occurrence in walk:
        assert occurrence.at > after
        assert occurrence == next_occurrence(cron, zone, after)
        assert occurrence.at == next_after(cron, zone, after)
        after = occurrence.at


@rounds
@some
@given(crons, moments(), st.integers(0, 5_000))
def test_a_later_start_never_gives_an_earlier_ring(
    round_number: int, cron: Cron, moment: tuple[ZoneInfo, datetime], later: int
) -> None:
    zone, after = moment
    early = next_after(cron, zone, after)
    late = next_after(cron, zone, after + timedelta(seconds=later))
    assert early is None or late is None or early <= late


@rounds
@some
@given(crons, moments())
def test_no_two_occurrences_share_a_key(
    round_number: int, cron: Cron, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    walk = upcoming(cron, zone, after, 40)
    keys = [occurrence_key(cron, zone, occurrence.at) for occurrence in walk]
    assert len(set(keys)) == len(walk)


@rounds
@some
@given(st.integers(0, 23), st.integers(0, 59), moments())
def test_one_fixed_time_rings_once_for_each_day_on_the_calendar(
    round_number: int, hour: int, minute: int, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    walk = upcoming(parse_cron(f"{minute} {hour} * * *"), zone, after, 4)
    days = [occurrence.wall.date() for occurrence in walk]
    skipped = date(2011, 12, 30)  # in Apia; its call is made as the 31st begins
    assert days == [days[0] + n * DAY for n in range(4)] or skipped in days
    assert all((o.wall.hour, o.wall.minute) == (hour, minute) for o in walk)


@rounds
@some
@given(crons, moments())
def test_an_occurrence_shows_the_time_it_names_unless_in_a_gap(
    round_number: int, cron: Cron, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    fits = matcher(cron)
    for occurrence in upcoming(cron, zone, after, 5):
        assert fits(occurrence.wall)
        if occurrence.note == "dst_gap":
            assert cron.fixed_time
            assert shown(occurrence.at, zone) > occurrence.wall
        else:
            assert shown(occurrence.at, zone) == occurrence.wall
