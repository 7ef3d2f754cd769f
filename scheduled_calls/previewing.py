"""Before anything is stored: what would this body schedule, and when would it ring?"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from scheduled_calls.drafts import read_new
from scheduled_calls.models import WALL_CLOCK
from scheduled_calls.recurrence import describe, find_zone, parse_cron, read_time, upcoming
from scheduled_calls.structures import whole
from scheduled_calls.timing import read_moment
from scheduled_calls.validators import Wrong
from scheduler_project import clock
from scheduler_project.errors import FieldError, Invalid

MOST = 366
_read_count = whole(1, MOST, "count")


def preview(body: Any) -> dict[str, Any]:
    """`{"description", "occurrences"}` of the body of a creation, one-time or recurring.

    `count` says how many occurrences are wanted (default 10, up to 366). Raises Invalid for all
    that a creation would refuse.
    """
    count = _count(body)
    if isinstance(body, Mapping):
        body = {name: value for name, value in body.items() if name != "count"}
    recurring = isinstance(body, Mapping) and body.get("cron_expression") is not None
    cleaned = read_new(body, "recurring" if recurring else "one_time")
    zone, now = find_zone(cleaned["timezone"]), clock.now()
    if recurring:
        return _recurring(cleaned, zone, now, count)
    moment = read_moment(cleaned["scheduled_time"], zone.key, now)
    read = read_time(cleaned["scheduled_time"], zone)
    return {
        "description": f"Once, at {moment.at.astimezone(zone):{WALL_CLOCK}} ({zone.key})",
        "occurrences": [_occurrence(moment.at, zone, read.note)],
    }


def _recurring(
    cleaned: Mapping[str, Any], zone: ZoneInfo, now: datetime, count: int
) -> dict[str, Any]:
    cron, limit = parse_cron(cleaned["cron_expression"]), cleaned.get("max_occurrences")
    coming = upcoming(cron, zone, now, min(count, limit or count))
    return {
        "description": ", ".join(_words(describe(cron), zone.key, limit)),
        "occurrences": [_occurrence(one.at, zone, one.note) for one in coming],
    }


def _words(rhythm: str, zone_name: str, limit: int | None) -> Iterator[str]:
    yield f"{rhythm} ({zone_name})"
    if limit is not None:
        yield "once" if limit == 1 else f"{limit} times"


def _occurrence(at: datetime, zone: ZoneInfo, note: str | None) -> dict[str, Any]:
    local = at.astimezone(zone)
    return {
        "scheduled_time": local.strftime(WALL_CLOCK),
        "scheduled_time_utc": at,
        "utc_offset": local.isoformat()[-6:],
        "note": note,
    }


def _count(body: Any) -> int:
    if not isinstance(body, Mapping) or body.get("count") is None:
        return 10
    try:
        return _read_count(body["count"])
    except Wrong as wrong:
        raise Invalid(errors=[FieldError("count", wrong.code, str(wrong))]) from None
