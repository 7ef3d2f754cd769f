"""When recurring calls ring: the guide's expressions in its zones, and the days clocks change."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from scheduled_calls.recurrence import (
    Cron,
    Occurrence,
    find_zone,
    next_after,
    next_occurrence,
    occurrence_key,
    parse_cron,
    upcoming,
    use_pinned_zones,
)

use_pinned_zones()

GUIDE_ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "Europe/London",
    "Europe/Paris",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Hong_Kong",
    "Asia/Singapore",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Melbourne",
)
YEAR = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
# Each of the guide's zones that changes its clock in 2026 does so on one of these Sundays:
# 8 March and 1 November (America), 29 March and 25 October (Europe), 5 April and 4 October
# (Australia).
SUNDAYS = ("2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04")


def at(text: str) -> datetime:
    """An aware instant from ISO text."""
    return datetime.fromisoformat(text)


def local(occurrence: Occurrence, zone: ZoneInfo) -> str:
    """An occurrence's instant as the zone's clock shows it: 2026-03-08T03:00-04:00."""
    return occurrence.at.astimezone(zone).isoformat(timespec="minutes")


def rings(expression: str, zone_name: str, after: str, count: int) -> list[str]:
    """The next occurrences in local time with offset."""
    zone = find_zone(zone_name)
    return [local(o, zone) for o in upcoming(parse_cron(expression), zone, at(after), count)]


def monday_to_friday(day: date) -> bool:
    return day.weekday() < 5


# expression, what it means in words, on which days, at which times of day
MEANINGS: list[tuple[str, str, Callable[[date], bool], list[str]]] = [
    ("0 9 * * MON", "every Monday at 9:00 AM", lambda d: d.weekday() == 0, ["09:00"]),
    ("0 9 * * 1", "every Monday at 9:00 AM", lambda d: d.weekday() == 0, ["09:00"]),
    ("0 9 * * MON-FRI", "every weekday at 9:00 AM", monday_to_friday, ["09:00"]),
    ("0 9 * * 1-5", "every weekday at 9:00 AM", monday_to_friday, ["09:00"]),
    ("0 9,14 * * *", "daily at 9:00 AM and 2:00 PM", lambda d: True, ["09:00", "14:00"]),
    ("0 9 * * *", "every day at 9 AM", lambda d: True, ["09:00"]),
    ("0 9 1 * *", "first day of every month at 9:00 AM", lambda d: d.day == 1, ["09:00"]),
    (
        "0 9 * * 1,3,5",
        "Monday, Wednesday, Friday at 9:00 AM",
        lambda d: d.weekday() in (0, 2, 4),
        ["09:00"],
    ),
    ("0 0 * * *", "daily at midnight", lambda d: True, ["00:00"]),
    ("0 14 * * 1,4", "Monday and Thursday at 2 PM", lambda d: d.weekday() in (0, 3), ["14:00"]),
    ("0 10 3 7 *", "each birthday, 3 July, at 10 AM", lambda d: (d.month, d.day) == (7, 3), ["10"]),
]


@pytest.mark.parametrize("zone_name", GUIDE_ZONES)
@pytest.mark.parametrize(
    ("expression", "days", "times"),
    [
        pytest.param(text, days, times, id=f"{text}: {means}")
        for text, means, days, times in MEANINGS
    ],
)
def test_a_fixed_time_of_the_guide_rings_at_that_local_time_all_year(
    expression: str, days: Callable[[date], bool], times: list[str], zone_name: str
) -> None:
    zone = find_zone(zone_name)
    expected = [
        datetime.combine(day, time.fromisoformat(clock)).isoformat()
        for day in YEAR
        if days(day)
        for clock in times
    ]
    eve = datetime(2025, 12, 31, 23, 59, 59, tzinfo=zone)
    walk = upcoming(parse_cron(expression), zone, eve, len(expected) + 1)
    shown = [o.at.astimezone(zone).replace(tzinfo=None).isoformat() for o in walk]
    assert shown[:-1] == expected
    assert shown[-1].startswith("2027-")
    assert all(o.note is None for o in walk)


@pytest.mark.parametrize("zone_name", GUIDE_ZONES)
@pytest.mark.parametrize("sunday", SUNDAYS)
def test_every_15_minutes_is_every_15_minutes_on_each_sunday_of_change(
    zone_name: str, sunday: str
) -> None:
    start = at(sunday).replace(tzinfo=UTC) - timedelta(hours=15)
    walk = upcoming(parse_cron("*/15 * * * *"), find_zone(zone_name), start, 200)
    assert [o.at for o in walk] == [start + timedelta(minutes=15 * n) for n in range(1, 201)]


@pytest.mark.parametrize("zone_name", GUIDE_ZONES)
@pytest.mark.parametrize("sunday", SUNDAYS)
def test_every_4_hours_is_at_0_4_8_12_16_and_20_on_the_local_clock(
    zone_name: str, sunday: str
) -> None:
    # No clock changes at one of these hours here, so each is shown once a day.
    zone = find_zone(zone_name)
    midnight = at(sunday).replace(tzinfo=zone)
    walk = upcoming(parse_cron("0 */4 * * *"), zone, midnight - timedelta(seconds=1), 12)
    expected = [at(sunday) + timedelta(hours=4 * n) for n in range(12)]
    assert [o.at.astimezone(zone).replace(tzinfo=None) for o in walk] == expected


# America/New_York 2026
#   8 March     02:00-05:00 -> 03:00-04:00   at 07:00Z
#   1 November  02:00-04:00 -> 01:00-05:00   at 06:00Z
def test_a_fixed_time_in_the_gap_rings_at_its_end() -> None:
    assert rings("30 2 * * *", "America/New_York", "2026-03-07T00:00Z", 3) == [
        "2026-03-07T02:30-05:00",
        "2026-03-08T03:00-04:00",
        "2026-03-09T02:30-04:00",
    ]


def test_the_occurrence_in_the_gap_still_names_the_time_asked_for() -> None:
    zone = find_zone("America/New_York")
    occurrence = next_occurrence(parse_cron("30 2 * * *"), zone, at("2026-03-08T00:00Z"))
    expected = datetime(2026, 3, 8, 2, 30)  # noqa: DTZ001 - a wall time
    assert occurrence == Occurrence(at("2026-03-08T07:00Z"), expected, "dst_gap")


def test_several_slots_in_one_gap_make_one_call() -> None:
    assert rings("0,15,30,45 2 * * *", "America/New_York", "2026-03-08T05:00Z", 2) == [
        "2026-03-08T03:00-04:00",
        "2026-03-09T02:00-04:00",
    ]


def test_slots_in_the_gap_and_one_at_its_end_make_one_call() -> None:
    assert rings("0,30 2-3 * * *", "America/New_York", "2026-03-08T05:00Z", 3) == [
        "2026-03-08T03:00-04:00",
        "2026-03-08T03:30-04:00",
        "2026-03-09T02:00-04:00",
    ]


def test_a_fixed_time_in_the_repeated_hour_rings_once_on_the_first_pass() -> None:
    assert rings("30 1 * * *", "America/New_York", "2026-10-31T12:00Z", 2) == [
        "2026-11-01T01:30-04:00",
        "2026-11-02T01:30-05:00",
    ]


@pytest.mark.parametrize("after", ["2026-11-01T05:30Z", "2026-11-01T06:00Z", "2026-11-01T06:29Z"])
def test_a_fixed_time_does_not_ring_again_when_asked_during_the_second_pass(after: str) -> None:
    assert rings("30 1 * * *", "America/New_York", after, 1) == ["2026-11-02T01:30-05:00"]


def test_a_fixed_time_after_the_second_pass_is_not_lost() -> None:
    assert rings("30 1,2 * * *", "America/New_York", "2026-11-01T06:10Z", 1) == [
        "2026-11-01T02:30-05:00"
    ]


def test_a_rhythm_skips_the_gap_and_counts_both_passes() -> None:
    assert rings("*/30 * * * *", "America/New_York", "2026-03-08T06:00Z", 3) == [
        "2026-03-08T01:30-05:00",
        "2026-03-08T03:00-04:00",
        "2026-03-08T03:30-04:00",
    ]
    assert rings("*/30 * * * *", "America/New_York", "2026-11-01T04:30Z", 6) == [
        "2026-11-01T01:00-04:00",
        "2026-11-01T01:30-04:00",
        "2026-11-01T01:00-05:00",
        "2026-11-01T01:30-05:00",
        "2026-11-01T02:00-05:00",
        "2026-11-01T02:30-05:00",
    ]


def test_a_rhythm_at_an_hour_that_the_gap_swallows_waits_for_the_next_hour_shown() -> None:
    assert rings("0 */2 * * *", "America/New_York", "2026-03-08T05:30Z", 2) == [
        "2026-03-08T04:00-04:00",
        "2026-03-08T06:00-04:00",
    ]
    assert rings("*/20 2 * * *", "America/New_York", "2026-03-08T05:30Z", 1) == [
        "2026-03-09T02:00-04:00"
    ]


def test_both_passes_of_a_rhythm_say_that_they_are_in_an_overlap() -> None:
    zone = find_zone("America/New_York")
    walk = upcoming(parse_cron("30 * * * *"), zone, at("2026-11-01T04:00Z"), 4)
    assert [o.note for o in walk] == [None, "dst_overlap", "dst_overlap", None]
    assert [o.wall.hour for o in walk] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("zone_name", "expression", "after", "expected"),
    [
        # Australia/Lord_Howe: 2026-04-05 02:00+11 -> 01:30+10:30; 2026-10-04 02:00 -> 02:30+11
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T00:00Z",
            ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
        ),
        (
            "Australia/Lord_Howe",
            "*/15 1-2 * * *",
            "2026-04-04T14:15Z",
            [
                "2026-04-05T01:30+11:00",
                "2026-04-05T01:45+11:00",
                "2026-04-05T01:30+10:30",
                "2026-04-05T01:45+10:30",
                "2026-04-05T02:00+10:30",
            ],
        ),
        (
            "Australia/Lord_Howe",
            "10,20,40 2 * * *",
            "2026-10-03T12:00Z",
            ["2026-10-04T02:30+11:00", "2026-10-04T02:40+11:00", "2026-10-05T02:10+11:00"],
        ),
        # America/Havana: 2026-03-08 00:00-05 -> 01:00-04; 2025-11-02 01:00-04 -> 00:00-05
        (
            "America/Havana",
            "0 0 * * *",
            "2026-03-07T12:00Z",
            ["2026-03-08T01:00-04:00", "2026-03-09T00:00-04:00"],
        ),
        (
            "America/Havana",
            "0 0 * * *",
            "2025-11-01T12:00Z",
            ["2025-11-02T00:00-04:00", "2025-11-03T00:00-05:00"],
        ),
        # Asia/Beirut: 2026-03-29 00:00+02 -> 01:00+03; Africa/Cairo: 2026-04-24 the same
        ("Asia/Beirut", "0 0 29 3 *", "2026-03-01T00:00Z", ["2026-03-29T01:00+03:00"]),
        ("Africa/Cairo", "30 0 * * FRI", "2026-04-22T00:00Z", ["2026-04-24T01:00+03:00"]),
        ("Africa/Cairo", "*/30 0 * * FRI", "2026-04-22T00:00Z", ["2026-05-01T00:00+03:00"]),
        # Pacific/Apia: 2011-12-29 24:00-10 -> 2011-12-31 00:00+14
        (
            "Pacific/Apia",
            "0 9 * * *",
            "2011-12-29T00:00Z",
            ["2011-12-29T09:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T09:00+14:00"],
        ),
        (
            "Pacific/Apia",
            "0 */12 * * *",
            "2011-12-29T21:00Z",
            ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"],
        ),
        # Asia/Kathmandu: +05:45 all year; 1986-01-01 00:00+05:30 -> 00:15+05:45
        ("Asia/Kathmandu", "0 9 * * *", "2026-01-01T00:00Z", ["2026-01-01T09:00+05:45"]),
        ("Asia/Kathmandu", "5 0 1 1 *", "1985-06-01T00:00Z", ["1986-01-01T00:15+05:45"]),
        # Europe/Dublin writes winter as the exception: 2026-03-29 01:00+00 -> 02:00+01
        ("Europe/Dublin", "30 1 * * *", "2026-03-28T12:00Z", ["2026-03-29T02:00+01:00"]),
        # Africa/Casablanca: back for Ramadan 2026-02-15 03:00+01 -> 02:00+00
        (
            "Africa/Casablanca",
            "30 2 * * *",
            "2026-02-14T12:00Z",
            ["2026-02-15T02:30+01:00", "2026-02-16T02:30+00:00"],
        ),
        # Antarctica/Troll moves by two hours: 2026-03-29 01:00+00 -> 03:00+02
        ("Antarctica/Troll", "0,30 1-2 29 3 *", "2026-03-01T00:00Z", ["2026-03-29T03:00+02:00"]),
        # beyond the table of changes, by the zone's rule: New York 2050-03-13
        ("America/New_York", "30 2 13 3 *", "2050-01-01T00:00Z", ["2050-03-13T03:00-04:00"]),
    ],
)
def test_odd_zones_follow_the_same_rules(
    zone_name: str, expression: str, after: str, expected: list[str]
) -> None:
    assert rings(expression, zone_name, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # neither day field begins with a star: one of them is enough
        ("0 9 13 * FRI", ["02-06", "02-13", "02-20", "02-27", "03-06"]),
        ("0 9 1 * MON", ["02-01", "02-02", "02-09", "02-16", "02-23"]),
        ("0 9 13 * 0-6", ["02-01", "02-02", "02-03", "02-04", "02-05"]),
        ("0 9 1-31 * MON", ["02-01", "02-02", "02-03", "02-04", "02-05"]),
        ("0 0 30 2 MON", ["02-02", "02-09", "02-16", "02-23"]),
        # one of them begins with a star, be it with a step: both must fit
        ("0 9 */2 * MON", ["02-09", "02-23", "03-09", "03-23", "04-13"]),
        ("0 9 13 * */5", ["02-13", "03-13", "09-13", "11-13"]),
        ("0 9 */10 * *", ["02-01", "02-11", "02-21", "03-01", "03-11"]),
    ],
)
def test_the_two_day_fields_are_joined_as_in_debian(expression: str, expected: list[str]) -> None:
    walk = upcoming(parse_cron(expression), find_zone("UTC"), at("2026-01-31T23:59Z"), 5)
    assert [o.at.strftime("%m-%d") for o in walk][: len(expected)] == expected


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", "2026-01-01T00:00Z", "2028-02-29T00:00+00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00Z", "2104-02-29T00:00+00:00"),
        ("0 0 29 2 */7", "2088-03-01T00:00Z", "2128-02-29T00:00+00:00"),
        ("0 0 31 */5 */6", "2026-01-01T00:00Z", "2026-01-31T00:00+00:00"),
    ],
)
def test_a_rare_date_is_found_years_away(expression: str, after: str, expected: str) -> None:
    assert rings(expression, "UTC", after, 1) == [expected]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-05-04T08:59:59.999999Z", "2026-05-04T09:00:00+00:00"),
        ("2026-05-04T09:00:00Z", "2026-05-05T09:00:00+00:00"),
        ("2026-05-04T09:00:00.000001Z", "2026-05-05T09:00:00+00:00"),
        ("2026-05-04T10:59:59+02:00", "2026-05-04T09:00:00+00:00"),
    ],
)
def test_the_next_time_is_strictly_after_the_start(after: str, expected: str) -> None:
    found = next_after(parse_cron("0 9 * * *"), find_zone("UTC"), at(after))
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    "after", ["0001-01-01T00:00+14:00", "1800-01-01T00:00Z", "9999-12-31T23:59Z"]
)
@pytest.mark.parametrize("expression", ["0 9 * * *", "*/5 * * * *", "0 0 29 2 *"])
def test_at_the_ends_of_the_calendar_there_is_no_next_time(expression: str, after: str) -> None:
    cron, zone = parse_cron(expression), find_zone("America/New_York")
    assert next_after(cron, zone, at(after)) is None
    assert upcoming(cron, zone, at(after), 3) == []


def keys(expression: str, zone_name: str, after: str, count: int) -> list[str]:
    cron, zone = parse_cron(expression), find_zone(zone_name)
    return [occurrence_key(cron, zone, o.at) for o in upcoming(cron, zone, at(after), count)]


def test_the_key_of_a_fixed_time_is_what_the_wall_clock_shows() -> None:
    assert keys("30 2 * * *", "America/New_York", "2026-03-07T00:00Z", 3) == [
        "2026-03-07T02:30:00",
        "2026-03-08T03:00:00",
        "2026-03-09T02:30:00",
    ]


def test_the_key_of_a_rhythm_is_the_instant() -> None:
    assert keys("30 * * * *", "America/New_York", "2026-11-01T05:00Z", 2) == [
        "2026-11-01T05:30:00Z",
        "2026-11-01T06:30:00Z",
    ]


def test_the_key_of_a_fixed_time_survives_a_zone_that_changes_its_rules() -> None:
    # A government abolishes daylight saving: 09:00 is another instant, and the same day's call.
    cron = parse_cron("0 9 * * *")
    before = occurrence_key(cron, find_zone("Europe/Berlin"), at("2027-07-01T07:00Z"))
    assert before == occurrence_key(cron, find_zone("Africa/Algiers"), at("2027-07-01T08:00Z"))


@pytest.mark.parametrize("cron", [parse_cron("0 9 * * MON"), parse_cron("0 9 * * 1")])
def test_the_same_expression_in_other_words_gives_the_same_keys(cron: Cron) -> None:
    assert occurrence_key(cron, find_zone("UTC"), at("2026-05-04T09:00Z")) == "2026-05-04T09:00:00"


def test_upcoming_moves_strictly_on() -> None:
    walk = upcoming(
        parse_cron("*/7 1-3 * * *"), find_zone("Europe/Paris"), at("2026-10-24T00Z"), 99
    )
    assert len(walk) == 99
    assert all(earlier.at < later.at for earlier, later in pairwise(walk))
