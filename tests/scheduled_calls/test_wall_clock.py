"""Reading a one-time call's time, and finding zones, in the pinned zone database only."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from importlib import metadata
from zoneinfo import ZoneInfo

import pytest
import pytz

from scheduled_calls.recurrence import (
    ReadTime,
    TimeError,
    UnknownZone,
    find_zone,
    read_time,
    use_pinned_zones,
    zone_database_version,
)

use_pinned_zones()

NEW_YORK = find_zone("America/New_York")


def instant(text: str, zone: str = "America/New_York") -> str:
    return read_time(text, find_zone(zone)).at.isoformat()


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-01 14:30:00",
        "2027-02-01T14:30:00",
        "2027-02-01 14:30",
        "2027-02-01T14:30",
        "2027-02-01t14:30:00",
        "  2027-02-01 14:30:00\n",
        "2027-02-01 14:30:00.999999",
        "2027-02-01T14:30:00.1",
    ],
)
def test_a_naive_time_is_wall_clock_in_the_zone(text: str) -> None:
    read = read_time(text, NEW_YORK)
    assert read.at.isoformat() == "2027-02-01T19:30:00+00:00"
    assert read.wall is not None
    assert read.wall.isoformat() == "2027-02-01T14:30:00"
    assert read.note is None


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-01T14:30:00Z",
        "2027-02-01 14:30z",
        "2027-02-01T14:30:00+00:00",
        "2027-02-01T14:30:00-00:00",
        "2027-02-01T20:00:00+05:30",
        "2027-02-01T20:00:00+0530",
        "2027-02-01T09:30:00.123456-05:00",
    ],
)
def test_a_time_with_an_offset_is_that_instant_whatever_the_zone(text: str) -> None:
    for zone in (NEW_YORK, find_zone("Asia/Tokyo")):
        read = read_time(text, zone)
        assert read == ReadTime(datetime(2027, 2, 1, 14, 30, tzinfo=UTC), None, None)


# Gaps and overlaps: zone, wall time asked for, instant, note.
#   America/New_York     2027-03-14 02:00 -> 03:00 at 07:00Z; 2027-11-07 02:00 -> 01:00 at 06:00Z
#   Australia/Lord_Howe  2026-10-04 02:00 -> 02:30 at 15:30Z on the 3rd; 2026-04-05 02:00 -> 01:30
#   America/Havana       2026-03-08 00:00 -> 01:00 at 05:00Z
#   Asia/Beirut          2026-03-29 00:00 -> 01:00 at 22:00Z on the 28th
#   Africa/Cairo         2026-04-24 00:00 -> 01:00 at 22:00Z on the 23rd
#   Pacific/Apia         2011-12-30 00:00 -> 2011-12-31 00:00 at 10:00Z
@pytest.mark.parametrize(
    ("zone", "text", "expected", "note"),
    [
        ("America/New_York", "2027-03-14 01:59:59", "2027-03-14T06:59:59+00:00", None),
        ("America/New_York", "2027-03-14 02:00:00", "2027-03-14T07:00:00+00:00", "dst_gap"),
        ("America/New_York", "2027-03-14 02:59:59", "2027-03-14T07:00:00+00:00", "dst_gap"),
        ("America/New_York", "2027-03-14 03:00:00", "2027-03-14T07:00:00+00:00", None),
        ("America/New_York", "2027-11-07 00:59:59", "2027-11-07T04:59:59+00:00", None),
        ("America/New_York", "2027-11-07 01:00:00", "2027-11-07T05:00:00+00:00", "dst_overlap"),
        ("America/New_York", "2027-11-07 01:59:59", "2027-11-07T05:59:59+00:00", "dst_overlap"),
        ("America/New_York", "2027-11-07 02:00:00", "2027-11-07T07:00:00+00:00", None),
        ("Australia/Lord_Howe", "2026-10-04 02:10:00", "2026-10-03T15:30:00+00:00", "dst_gap"),
        ("Australia/Lord_Howe", "2026-10-04 02:30:00", "2026-10-03T15:30:00+00:00", None),
        ("Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00+00:00", "dst_overlap"),
        ("America/Havana", "2026-03-08 00:30:00", "2026-03-08T05:00:00+00:00", "dst_gap"),
        ("Asia/Beirut", "2026-03-29 00:00:00", "2026-03-28T22:00:00+00:00", "dst_gap"),
        ("Africa/Cairo", "2026-04-24 00:59:00", "2026-04-23T22:00:00+00:00", "dst_gap"),
        ("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T10:00:00+00:00", "dst_gap"),
        ("Asia/Kathmandu", "2027-01-01 00:00:00", "2026-12-31T18:15:00+00:00", None),
    ],
)
def test_a_time_in_a_gap_is_its_end_and_in_an_overlap_the_first_pass(
    zone: str, text: str, expected: str, note: str | None
) -> None:
    read = read_time(text, find_zone(zone))
    assert read.at.isoformat() == expected
    assert read.note == note
    assert read.wall == datetime.fromisoformat(text)


def test_a_datetime_is_read_like_its_text() -> None:
    naive = datetime(2027, 2, 1, 14, 30, 0, 5)  # noqa: DTZ001 - naive is what is tested
    assert read_time(naive, NEW_YORK) == read_time("2027-02-01 14:30:00", NEW_YORK)
    aware = datetime(2027, 2, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    assert read_time(aware, NEW_YORK) == read_time("2027-02-01T14:30:00+02:00", NEW_YORK)


def test_a_second_pass_that_a_naive_datetime_asks_for_is_the_first_all_the_same() -> None:
    second = datetime(2027, 11, 7, 1, 30, fold=1)  # noqa: DTZ001 - naive is what is tested
    assert read_time(second, NEW_YORK).at.isoformat() == "2027-11-07T05:30:00+00:00"


def test_an_aware_datetime_keeps_its_second_pass() -> None:
    second = datetime(2027, 11, 7, 1, 30, tzinfo=NEW_YORK, fold=1)
    assert read_time(second, NEW_YORK).at.isoformat() == "2027-11-07T06:30:00+00:00"


def test_what_pytz_has_localised_is_the_instant_it_means() -> None:
    # As in the guide's time zone example.
    local = pytz.timezone("America/Los_Angeles").localize(
        datetime(2027, 2, 1, 14, 30)  # noqa: DTZ001 - pytz wants it naive
    )
    for value in (local, local.isoformat(), local.astimezone(pytz.UTC).isoformat()):
        assert read_time(value, NEW_YORK).at.isoformat() == "2027-02-01T22:30:00+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2027-02-01",
        "14:30",
        "1801492200",
        "2027-02-01 24:00",
        "2027-02-01 14:60",
        "2027-02-01 14:30:60",
        "2027-02-30 10:00",
        "2027-13-01 10:00",
        "2027-W05-1T10:00",
        "2027-032T10:00",
        "20270201T143000",
        "27-02-01 14:30",
        "2027-2-1 14:30",
        "2027-02-01  14:30",
        "2027/02/01 14:30",
        "01.02.2027 14:30",
        "2027-02-01 2:30 PM",
        "2027-02-01 14:30 UTC",
        "2027-02-01 14:30 +05:30",
        "2027-02-01 14:30+5",
        "2027-02-01 14:30+24:00",
        "2027-02-01 14:30+05:60",
        "\u0662\u0660\u0662\u0667-02-01 14:30",  # Arabic digits
        "2027-02-01 14:30\x00",
        "0000-01-01 00:00",
        "0001-01-01 00:00+14:00",
        "1899-12-31 23:59",
        "9999-12-31 23:59:59",
        "9999-12-31T23:59:59-14:00",
        "12027-02-01 14:30",
        "2027-02-01 14:30:00." + "1" * 5000,
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(TimeError, match=r"is not a time|is not between") as refusal:
        read_time(text, NEW_YORK)
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("value", [None, 5, 1.5, True, date(2027, 2, 1), ["2027-02-01 14:30"]])
def test_what_is_neither_text_nor_datetime_is_refused(value: object) -> None:
    with pytest.raises(TimeError, match="a text or a datetime"):
        read_time(value, NEW_YORK)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["1900-01-01 00:00", "9998-12-31 23:59:59"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Tokyo"])
def test_the_first_and_the_last_year_can_be_shown_in_every_zone(text: str, zone: str) -> None:
    for given in (text, f"{text}-23:59", f"{text}+23:59"):
        read = read_time(given, find_zone(zone))
        assert read.at.astimezone(find_zone(zone)).tzinfo is not None


@pytest.mark.parametrize("name", ["America/New_York", "UTC", "Etc/GMT+5", "US/Eastern", "EST"])
def test_any_iana_name_is_a_zone(name: str) -> None:
    assert find_zone(name).key == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("america/new_york", "America/New_York"),
        ("AMERICA/NEW_YORK", "America/New_York"),
        ("utc", "UTC"),
        ("Europe/Pari", "Europe/Paris"),
        ("New York", "America/New_York"),
        ("Kolkata", "Asia/Kolkata"),
        ("America/New York", "America/New_York"),
        ("Australia/Sidney", "Australia/Sydney"),
    ],
)
def test_an_unknown_zone_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(UnknownZone, match="Did you mean") as refusal:
        find_zone(name)
    assert refusal.value.nearest[0] == meant
    assert len(refusal.value.nearest) <= 3


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\x00",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "/usr/share/zoneinfo/UTC",
        "Europe",
        "Europe/",
        "Europe/../Europe/Paris",
        "Europe/__init__.py",
        "tzdata.zi",
        "zone.tab",
        "zones",
        "localtime",
        "posixrules",
        "Factory",
        "posix/Europe/Paris",
        "right/Europe/Paris",
        "Europe/Paris\n",
        "Éurope/Paris",
        "\ud800",
        "A" * 100_000,
    ],
)
def test_what_is_no_zone_is_refused_and_no_file_is_looked_for(name: str) -> None:
    with pytest.raises(UnknownZone, match="not an IANA time zone"):
        find_zone(name)


def test_zones_come_from_the_pinned_package_not_from_the_host() -> None:
    use_pinned_zones()
    assert zoneinfo.TZPATH == ()
    assert ZoneInfo("Europe/Paris") is find_zone("Europe/Paris")
    assert zone_database_version() == metadata.version("tzdata")
