"""The operators of the admin site, and the rows that they look at."""

import pytest
from django.contrib.auth.models import Permission, User

from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.admin.site import Site
from tests.client import one_time, recurring


@pytest.fixture
def operator(db: None) -> User:
    """A member of staff who may see, add and change scheduled calls, and see the rest."""
    return staff("olga", ["view", "add", "change"])


@pytest.fixture
def onlooker(db: None) -> User:
    """A member of staff who may only look."""
    return staff("viktor", ["view"])


@pytest.fixture
def site(operator: User) -> Site:
    """The admin as the operator uses it."""
    return Site(operator)


@pytest.fixture
def onlookers_site(onlooker: User) -> Site:
    """The admin as somebody uses it who may only look."""
    return Site(onlooker)


@pytest.fixture
def call(alice: User) -> ScheduledCall:
    """Alice's one-time call, 14:30 in New York."""
    return services.schedule_call(alice, one_time())


@pytest.fixture
def weekly(alice: User) -> ScheduledCall:
    """Alice's weekly call, Monday at nine in New York."""
    return services.schedule_recurring_call(alice, recurring())


def staff(name: str, verbs: list[str]) -> User:
    """A member of staff with these permissions on scheduled calls, and permission to view all."""
    user = User.objects.create_user(name, is_staff=True)
    wanted = Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(
        codename__in=[f"{verb}_scheduledcall" for verb in verbs]
    )
    user.user_permissions.set(wanted)
    return user
