"""Eight days on which clocks change, and when each cron must ring on them, written by hand.

    zone                  the clock goes             from        to          at (UTC)
    America/New_York      forward, 2026-03-08        02:00-05    03:00-04    03-08 07:00
    America/New_York      back,    2025-11-02        02:00-04    01:00-05    11-02 06:00
    Europe/London         forward, 2026-03-29        01:00+00    02:00+01    03-29 01:00
    Europe/London         back,    2025-10-26        02:00+01    01:00+00    10-26 01:00
    Australia/Lord_Howe   back,    2026-04-05        02:00+11    01:30+10:30 04-04 15:00
    Australia/Lord_Howe   forward, 2025-10-05        02:00+10:30 02:30+11    10-04 15:30
    America/Havana        forward, 2026-03-08        00:00-05    01:00-04    03-08 05:00
    America/Havana        back,    2025-11-02        01:00-04    00:00-05    11-02 05:00

All of them are in the past: a new release of the zone database may move coming changes (Cuba's of
2027 were), but hardly these.

A fixed time rings once a day: in a gap at its end, in an overlap on the first pass. Where minute or
hour begins with a star, what the clock shows counts: nothing in a gap, both passes of an overlap.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

#: with this set, every quarter of an hour of each day is walked through too (ten minutes)
WHOLE_DAYS = os.environ.get("FAULTS_WHOLE_DAYS") == "1"
QUARTERS = "*/15 * * * *"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """A local day: for each cron the times at which it must ring, with their offsets."""

    zone: str
    date: str
    slots: dict[str, str]

    @property
    def begin(self) -> datetime:
        """The day's first instant, in UTC."""
        return self._midnight(timedelta())

    @property
    def end(self) -> datetime:
        """The next day's first instant, in UTC."""
        return self._midnight(DAY)

    def _midnight(self, later: timedelta) -> datetime:
        # where midnight does not exist (Havana), this is the first instant after it all the same
        date = datetime.fromisoformat(self.date) + later
        return date.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def crons(self) -> list[str]:
        """The crons of this day."""
        return [*self.slots, *([QUARTERS] if WHOLE_DAYS else [])]

    def local_times(self, cron: str) -> list[str]:
        """When the cron must ring, as local times with their offsets (ISO 8601), in order."""
        if cron == QUARTERS:
            return self._quarters()
        return [f"{self.date}T{slot}" for slot in self.slots[cron].split()]

    def _quarters(self) -> list[str]:
        minutes = int((self.end - self.begin).total_seconds()) // 60
        shown = [
            (self.begin + timedelta(minutes=minute)).astimezone(ZoneInfo(self.zone))
            for minute in range(minutes)
        ]
        return [local.isoformat(timespec="minutes") for local in shown if local.minute % 15 == 0]


def every_four_hours(offset: str) -> str:
    """04:00 to 20:00, long after the change."""
    return " ".join(f"{hour:02}:00{offset}" for hour in range(4, 24, 4))


NEW_YORK_FORWARD = Day(
    "America/New_York",
    "2026-03-08",
    {
        "30 2 * * *": "03:00-04:00",  # in the gap
        "0,20,40 2 * * *": "03:00-04:00",  # three slots in the gap make one call
        "30 1 * * *": "01:30-05:00",
        "0 9 * * *": "09:00-04:00",
        "0 0 * * *": "00:00-05:00",
        "*/30 0-3 * * *": "00:00-05:00 00:30-05:00 01:00-05:00 01:30-05:00 03:00-04:00 03:30-04:00",
        "0 */2 * * *": "00:00-05:00 04:00-04:00 06:00-04:00 08:00-04:00 10:00-04:00 12:00-04:00"
        " 14:00-04:00 16:00-04:00 18:00-04:00 20:00-04:00 22:00-04:00",  # no 02:00
    },
)
NEW_YORK_BACK = Day(
    "America/New_York",
    "2025-11-02",
    {
        "30 1 * * *": "01:30-04:00",  # in the overlap
        "0 1 * * *": "01:00-04:00",  # at its very beginning
        "30 2 * * *": "02:30-05:00",
        "0 9 * * *": "09:00-05:00",
        "0 0 * * *": "00:00-04:00",
        "*/30 0-2 * * *": "00:00-04:00 00:30-04:00 01:00-04:00 01:30-04:00 01:00-05:00 01:30-05:00"
        " 02:00-05:00 02:30-05:00",
        "0 */4 * * *": "00:00-04:00 " + every_four_hours("-05:00"),
    },
)
LONDON_FORWARD = Day(
    "Europe/London",
    "2026-03-29",
    {
        "30 1 * * *": "02:00+01:00",  # in the gap
        "*/7 1 * * *": "",  # the clock never shows that hour
        "30 2 * * *": "02:30+01:00",
        "0 9 * * *": "09:00+01:00",
        "0 0 * * *": "00:00+00:00",
        "*/30 0-2 * * *": "00:00+00:00 00:30+00:00 02:00+01:00 02:30+01:00",
        "0 */2 * * *": "00:00+00:00 02:00+01:00 04:00+01:00 06:00+01:00 08:00+01:00 10:00+01:00"
        " 12:00+01:00 14:00+01:00 16:00+01:00 18:00+01:00 20:00+01:00 22:00+01:00",
    },
)
LONDON_BACK = Day(
    "Europe/London",
    "2025-10-26",
    {
        "30 1 * * *": "01:30+01:00",  # in the overlap
        "59 1 * * *": "01:59+01:00",  # at its very end
        "30 2 * * *": "02:30+00:00",
        "0 9 * * *": "09:00+00:00",
        "0 0 * * *": "00:00+01:00",
        "*/30 0-2 * * *": "00:00+01:00 00:30+01:00 01:00+01:00 01:30+01:00 01:00+00:00 01:30+00:00"
        " 02:00+00:00 02:30+00:00",
        "0 */4 * * *": "00:00+01:00 " + every_four_hours("+00:00"),
    },
)
LORD_HOWE_BACK = Day(
    "Australia/Lord_Howe",
    "2026-04-05",
    {
        "45 1 * * *": "01:45+11:00",  # in the overlap of half an hour
        "30 1 * * *": "01:30+11:00",  # at its very beginning
        "0 2 * * *": "02:00+10:30",  # the clock went back before it showed this
        "30 2 * * *": "02:30+10:30",
        "0 9 * * *": "09:00+10:30",
        "0 0 * * *": "00:00+11:00",
        "*/30 0-2 * * *": "00:00+11:00 00:30+11:00 01:00+11:00 01:30+11:00 01:30+10:30 02:00+10:30"
        " 02:30+10:30",
        "0 */4 * * *": "00:00+11:00 " + every_four_hours("+10:30"),
    },
)
LORD_HOWE_FORWARD = Day(
    "Australia/Lord_Howe",
    "2025-10-05",
    {
        "15 2 * * *": "02:30+11:00",  # in the gap of half an hour
        "0,30 2 * * *": "02:30+11:00",  # one slot in the gap, and the one it is moved to
        "30 1 * * *": "01:30+10:30",
        "30 2 * * *": "02:30+11:00",
        "0 9 * * *": "09:00+11:00",
        "0 0 * * *": "00:00+10:30",
        "*/30 0-3 * * *": "00:00+10:30 00:30+10:30 01:00+10:30 01:30+10:30 02:30+11:00 03:00+11:00"
        " 03:30+11:00",
        "0 */4 * * *": "00:00+10:30 " + every_four_hours("+11:00"),
    },
)
HAVANA_FORWARD = Day(
    "America/Havana",
    "2026-03-08",
    {
        "0 0 * * *": "01:00-04:00",  # midnight is in the gap
        "30 0 * * *": "01:00-04:00",
        "30 1 * * *": "01:30-04:00",
        "30 2 * * *": "02:30-04:00",
        "0 9 * * *": "09:00-04:00",
        "*/30 0-2 * * *": "01:00-04:00 01:30-04:00 02:00-04:00 02:30-04:00",
        "0 */4 * * *": every_four_hours("-04:00"),  # no 00:00
    },
)
HAVANA_BACK = Day(
    "America/Havana",
    "2025-11-02",
    {
        "0 0 * * *": "00:00-04:00",  # this day has two midnights
        "30 0 * * *": "00:30-04:00",
        "30 1 * * *": "01:30-05:00",
        "30 2 * * *": "02:30-05:00",
        "0 9 * * *": "09:00-05:00",
        "*/30 0-2 * * *": "00:00-04:00 00:30-04:00 00:00-05:00 00:30-05:00 01:00-05:00 01:30-05:00"
        " 02:00-05:00 02:30-05:00",
        "0 */4 * * *": "00:00-04:00 00:00-05:00 " + every_four_hours("-05:00"),
    },
)
#: days that are the same on the map are walked through together; in order of time
WALKS = {
    "Lord Howe forward": (LORD_HOWE_FORWARD,),
    "London back": (LONDON_BACK,),
    "New York and Havana back": (NEW_YORK_BACK, HAVANA_BACK),
    "New York and Havana forward": (NEW_YORK_FORWARD, HAVANA_FORWARD),
    "London forward": (LONDON_FORWARD,),
    "Lord Howe back": (LORD_HOWE_BACK,),
}
