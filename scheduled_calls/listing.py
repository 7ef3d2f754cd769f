"""The owner looks through what is scheduled: filters, newest first."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from scheduled_calls.filters import FILTERS
from scheduled_calls.models import ScheduledCall
from scheduler_project.query import conditions


def scheduled_calls_of(owner: User, query: Mapping[str, Any]) -> QuerySet[ScheduledCall]:
    """The owner's scheduled calls that the query's filters leave; raises Invalid."""
    wanted = conditions(query, FILTERS)
    return ScheduledCall.objects.filter(wanted, owner=owner).select_related("clocked")
