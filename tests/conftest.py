"""What every test may ask for: two owners who must never see each other, and their clients."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from scheduled_calls.crontabs import forget_crontabs
from scheduler_project.models import ApiToken
from tests.client import Api

# No example is too slow on a machine that has other things to do, and each run takes the same ones;
# `--hypothesis-profile default` leaves it to chance.
settings.register_profile(
    "calm", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("calm")

#: Whoever has nothing left to do waits in the end for the other: what takes longest comes first.
LONGEST = (
    "tests/faults/test_short.py",
    "tests/test_seed.py",
    "tests/test_two_workers.py",
    "tests/faults/test_dst_days.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in the order that they have."""
    files = [item.nodeid.partition("::")[0] for item in items]
    ranks = {file: LONGEST.index(file) if file in LONGEST else len(LONGEST) for file in files}
    items.sort(key=lambda item: ranks[item.nodeid.partition("::")[0]])


@pytest.fixture(autouse=True)
def _fresh_database_memory() -> None:
    """Forgets the ids of crontab rows: the database of the test before is gone."""
    forget_crontabs()


@pytest.fixture(scope="module")
def standing(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[DjangoDbBlocker]:
    """A transaction around all tests of a file, for rows that all of them only look at.

    A fixture of the file makes them once, under `unblock()`; each test's own rows go as ever.
    """
    with django_db_blocker.unblock():
        forget_crontabs()
        whole = transaction.atomic()
        whole.__enter__()
    yield django_db_blocker
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        whole.__exit__(None, None, None)


@pytest.fixture
def alice(db: None) -> User:
    """An owner."""
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Another owner."""
    return User.objects.create_user("bob")


@pytest.fixture
def api(alice: User) -> Api:
    """The API with Alice's token."""
    return Api(ApiToken.issue(alice))


@pytest.fixture
def bobs_api(bob: User) -> Api:
    """The API with Bob's token."""
    return Api(ApiToken.issue(bob))


@pytest.fixture
def nobodys_api(db: None) -> Api:
    """The API without any token."""
    return Api()
