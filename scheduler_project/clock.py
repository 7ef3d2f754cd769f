"""What time is it? The one seam for time: PostgreSQL's clock, so that all hosts agree."""

import time
from datetime import UTC, datetime
from typing import Any

from django.db import connection


def now() -> datetime:
    """The instant now, aware, UTC, read from PostgreSQL over Django's connection."""
    with connection.cursor() as cursor:
        return now_on(cursor)


def now_on(cursor: Any) -> datetime:
    """The instant now, aware, UTC, read over the given database cursor.

    `clock_timestamp()` and not `now()`: inside a long transaction time must go on.
    """
    cursor.execute("SELECT clock_timestamp()")
    instant: datetime = cursor.fetchone()[0]
    return instant.astimezone(UTC)


def now_beside(cursor: Any, expression: str, given: Any = None) -> tuple[datetime, Any]:
    """As `now_on`, and the value of an SQL expression (of this project's own) with it.

    `given` are the expression's parameters.
    """
    cursor.execute(f"SELECT clock_timestamp(), {expression}", given)
    instant, value = cursor.fetchone()
    return instant.astimezone(UTC), value


def boot_seconds() -> float:
    """Seconds for measuring how long something took, on a clock that also runs while the machine
    sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
