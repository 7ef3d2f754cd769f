"""Refuses to start with a call service that could not place a call, or could not report back."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from executions.providers.http import HttpProvider
from executions.providers.registry import current_provider


@register()
def call_provider_is_usable(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SCHEDULER_CALL_PROVIDER names an adapter whose settings make sense."""
    try:
        provider = current_provider()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="executions.E001")]
    return _missing_secrets() if type(provider) is HttpProvider else []


def _missing_secrets() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not settings.SCHEDULER.http_call_token:
        hint = "Without SCHEDULER_HTTP_CALL_TOKEN the call service cannot tell who asks."
        found.append(Warning("No token for the call service.", hint=hint, id="executions.W001"))
    if not settings.SCHEDULER.http_call_secret:
        hint = "Without SCHEDULER_HTTP_CALL_SECRET callbacks are refused and calls only polled."
        found.append(Warning("No callback secret is set.", hint=hint, id="executions.W002"))
    return found
