"""WHAT HAPPENED, as a Django app."""

from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    """The room of the executions."""

    name = "executions"
    verbose_name = "Executions"
