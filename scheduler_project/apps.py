"""The frame as a Django app: it owns the API tokens and the system checks."""

from django.apps import AppConfig


class FrameConfig(AppConfig):
    """Registers the system checks when Django is ready."""

    name = "scheduler_project"
    verbose_name = "Access"

    def ready(self) -> None:
        from scheduler_project import checks  # noqa: F401  importing registers the checks
