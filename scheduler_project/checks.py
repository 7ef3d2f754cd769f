"""Refuses to start with settings that would ring the wrong phone, or the right one wrongly."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from scheduled_calls.recurrence import UnknownZone, find_zone


@register()
def default_zone_is_a_zone(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SCHEDULER_DEFAULT_TIMEZONE is an IANA name."""
    try:
        find_zone(settings.SCHEDULER.default_timezone)
    except UnknownZone as error:
        return [Error(f"SCHEDULER_DEFAULT_TIMEZONE: {error}", id="scheduler.E001")]
    return []


@register()
def django_speaks_utc(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Django's own zone is UTC: local times are ours to compute."""
    if settings.TIME_ZONE == "UTC" and settings.USE_TZ:
        return []
    hint = "Set SCHEDULER_DEFAULT_TIMEZONE to give calls another default zone."
    return [Error("settings.TIME_ZONE is not 'UTC'", hint=hint, id="scheduler.E002")]


@register()
def lease_outlives_the_deadline(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A dial that is still allowed to run must not be given up as lost."""
    rules = settings.SCHEDULER
    if rules.lease_seconds >= 2 * rules.dial_deadline_seconds:
        return []
    hint = "SCHEDULER_LEASE_SECONDS must be at least twice SCHEDULER_DIAL_DEADLINE_SECONDS."
    return [Error("The dial lease is too short.", hint=hint, id="scheduler.E003")]


@register(Tags.security, deploy=True)
def no_embedded_servers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The embedded servers are for a developer's machine: no backups, no replicas."""
    if os.environ.get("SCHEDULER_EMBEDDED") != "1":
        return []
    hint = "Set DATABASE_URL and REDIS_URL to servers that are backed up."
    return [Warning("These are the embedded servers.", hint=hint, id="scheduler.W001")]
