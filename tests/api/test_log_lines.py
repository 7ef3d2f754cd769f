"""The log never quotes a row, also not where PostgreSQL does so in its refusal."""

import logging

import pytest
from django.db import DatabaseError, connection

from scheduler_project.logs import LineFormatter

NUMBER = "+12025550177"


def refused() -> DatabaseError:
    """A refusal of PostgreSQL's whose detail holds a number, as Django raises it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE seen (number text PRIMARY KEY)")
        with pytest.raises(DatabaseError) as caught:
            cursor.execute("INSERT INTO seen VALUES (%s), (%s)", [NUMBER, NUMBER])
    return caught.value


@pytest.mark.django_db
def test_a_refusal_of_the_database_is_logged_without_the_row() -> None:
    error = refused()
    assert NUMBER in str(error)
    wrapped = RuntimeError("a defect")
    wrapped.__cause__ = error
    record = logging.LogRecord(
        "x", logging.ERROR, __file__, 1, "went wrong", None, (type(wrapped), wrapped, None)
    )
    line = LineFormatter("%(message)s").format(record)
    assert "duplicate key" in line
    assert NUMBER not in line
