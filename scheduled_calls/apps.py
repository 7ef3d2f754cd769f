"""WHAT to call and WHEN, as a Django app."""

from django.apps import AppConfig


class ScheduledCallsConfig(AppConfig):
    """The room of the scheduled calls."""

    name = "scheduled_calls"
    verbose_name = "Scheduled calls"

    def ready(self) -> None:
        from scheduled_calls import checks  # noqa: F401  importing registers the checks
