"""Where each example begins: on the same day, with empty tables, on a clock that the test moves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
EMPTIED = (
    "executions_providerevent",
    "executions_attempt",
    "executions_execution",
    "executions_stopswitch",
    "scheduled_calls_scheduledcall",
    "django_celery_beat_clockedschedule",
)


@dataclass(slots=True)
class Time:
    """The clock that all read. `boot` goes on over all examples, as a machine's does."""

    now: datetime = START
    boot: float = 1_000_000.0

    def move(self, by: timedelta) -> None:
        """Time passes."""
        self.now += by
        self.boot += by.total_seconds()


def first_day(time: Time) -> None:
    """Empties the tables, by DELETE: for a few rows that is faster than TRUNCATE."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in EMPTIED:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608  own constants
    time.now = START
    time.boot += 10_000
