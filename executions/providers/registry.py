"""Finds the adapter that SCHEDULER_CALL_PROVIDER names."""

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from executions.providers.base import CallProvider
from scheduler_project.env import SchedulerSettings

PROVIDERS = {
    "http": "executions.providers.http.HttpProvider",
    "sandbox": "executions.providers.sandbox.SandboxProvider",
}


def current_provider() -> CallProvider:
    """The adapter of the call service that dials; raises ImproperlyConfigured."""
    return provider_named(settings.SCHEDULER.call_provider)


def provider_named(name: str) -> CallProvider:
    """The adapter by its short name or by the dotted path of its class.

    Raises ImproperlyConfigured with a sentence when there is none, or its settings are wrong.
    """
    return _made(name, settings.SCHEDULER)


@lru_cache(maxsize=16)
def _made(name: str, rules: SchedulerSettings) -> CallProvider:
    """One adapter per name and settings: the settings are part of the key for the tests' sake."""
    path = PROVIDERS.get(name, name)
    known = ", ".join(sorted(PROVIDERS))
    try:
        found = import_string(path)
    except (ImportError, ValueError) as error:
        raise ImproperlyConfigured(
            f"SCHEDULER_CALL_PROVIDER is {name!r}; write one of {known}, or the dotted path of "
            f"your own adapter's class ({error})."
        ) from None
    if not (isinstance(found, type) and issubclass(found, CallProvider)):
        raise ImproperlyConfigured(
            f"SCHEDULER_CALL_PROVIDER is {name!r}, which is no subclass of "
            "executions.providers.base.CallProvider."
        )
    made = found.from_settings(rules)
    made.name = name  # the word by which attempts and callbacks find it again
    return made
