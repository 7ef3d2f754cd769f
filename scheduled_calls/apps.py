"""WHAT to call and WHEN, as a Django app."""

from django.apps import AppConfig


class ScheduledCallsConfig(AppConfig):
    """The room of the scheduled calls."""

    name = "scheduled_calls"
    verbose_name = "Scheduled calls"
