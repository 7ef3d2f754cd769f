"""Two sessions that meet on one scheduled call, each led statement by statement."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django_celery_beat.models import ClockedSchedule, CrontabSchedule
from pytest_django import DjangoDbBlocker

from executions.models import Attempt, Execution
from scheduled_calls.models import ScheduledCall, SearchText
from tests.executions.conftest import story
from tests.races.sides import Side

__all__ = ["story"]
#: all that a race writes, in the order in which it can be deleted
WRITTEN = (Attempt, Execution, SearchText, ScheduledCall, ClockedSchedule, CrontabSchedule, User)


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database in which commits are commits.

    A few rows are deleted in milliseconds; pytest-django's way, all tables anew, takes 0.4 s.
    """
    with django_db_blocker.unblock():
        yield
        with connection.cursor() as cursor:
            for model in WRITTEN:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")  # noqa: S608  own constants


@pytest.fixture
def one(db: None) -> Iterator[Side]:
    """The session that comes first."""
    with Side() as side:
        yield side


@pytest.fixture
def other(db: None) -> Iterator[Side]:
    """The session that meets it."""
    with Side() as side:
        yield side
