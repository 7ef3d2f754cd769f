"""WHAT HAPPENED, as a Django app."""

from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    """The room of the executions; registers its system checks when Django is ready."""

    name = "executions"
    verbose_name = "Executions"

    def ready(self) -> None:
        from executions import checks  # noqa: F401  importing registers the checks
