"""Beside a recurring call: the shared crontab row that holds its cron and zone, found or made."""

from collections.abc import Iterable

from django.db import connection, transaction

from scheduled_calls.recurrence import Cron

#: a cron in normal form and the name of the zone it is read in
Rhythm = tuple[Cron, str]
#: advisory lock under which shared crontab rows are made (an arbitrary number of ours)
CRONTAB_LOCK = 7_001_001
_ids: dict[Rhythm, int] = {}

# Of equal rows, which nothing forbids, the oldest is meant.
_FIND_OR_MAKE = """
WITH asked AS (
  SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS asked(minute, hour, day_of_month, month_of_year, day_of_week, timezone)
), found AS (
  SELECT min(c.id) AS id, minute, hour, day_of_month, month_of_year, day_of_week, timezone
  FROM asked JOIN django_celery_beat_crontabschedule c
    USING (minute, hour, day_of_month, month_of_year, day_of_week, timezone)
  GROUP BY minute, hour, day_of_month, month_of_year, day_of_week, timezone
), made AS (
  INSERT INTO django_celery_beat_crontabschedule
    (minute, hour, day_of_month, month_of_year, day_of_week, timezone)
  SELECT minute, hour, day_of_month, month_of_year, day_of_week, timezone FROM asked
  EXCEPT SELECT minute, hour, day_of_month, month_of_year, day_of_week, timezone FROM found
  RETURNING id, minute, hour, day_of_month, month_of_year, day_of_week, timezone
)
SELECT * FROM found UNION ALL SELECT * FROM made
"""


def crontab_id_for(cron: Cron, zone_name: str) -> int:
    """The id of the shared crontab row for this cron and zone, made if need be."""
    return crontab_ids([(cron, zone_name)])[cron, zone_name]


def crontab_ids(rhythms: Iterable[Rhythm]) -> dict[Rhythm, int]:
    """The ids of the shared crontab rows, those that are missing made, all in one statement.

    django-celery-beat has no unique constraint on them: an advisory lock keeps it one row each.
    """
    wanted = set(rhythms)
    known = {rhythm: _ids[rhythm] for rhythm in wanted & _ids.keys()}
    return known | _find_or_make(list(wanted - known.keys()))


def forget_crontabs() -> None:
    """Empties the process's memory of crontab rows; for a database that was replaced."""
    _ids.clear()


def _find_or_make(rhythms: list[Rhythm]) -> dict[Rhythm, int]:
    if not rhythms:
        return {}
    columns = zip(*((*cron.fields, zone_name) for cron, zone_name in rhythms), strict=True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CRONTAB_LOCK])
        cursor.execute(_FIND_OR_MAKE, [list(column) for column in columns])
        ids = {(Cron(*fields), zone): pk for pk, *fields, zone in cursor.fetchall()}
        # remembered only once they are there for all
        transaction.on_commit(lambda: _ids.update(ids))
    return ids
