"""What every test may ask for: two owners who must never see each other, and their clients."""

import pytest
from django.contrib.auth.models import User

from scheduled_calls.crontabs import forget_crontabs
from scheduler_project.models import ApiToken
from tests.client import Api


@pytest.fixture(autouse=True)
def _fresh_database_memory() -> None:
    """Forgets the ids of crontab rows: the database of the test before is gone."""
    forget_crontabs()


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
