"""Refuses SCHEDULER_HTTP_CALL_* settings that could not work."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from scheduler_project.env import SchedulerSettings
from webhooks.signing import key_of


def check_http_settings(rules: SchedulerSettings) -> None:
    """Raises ImproperlyConfigured with a sentence for the first setting that is wrong."""
    _check_url(rules.http_call_url)
    _check_token(rules.http_call_token)
    _check_secret(rules.http_call_secret)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc or not _is_plain(url):
        raise ImproperlyConfigured(
            "SCHEDULER_HTTP_CALL_URL must be the call service's address, such as "
            "https://calls.example.com/v1, without user name, query or fragment."
        )


def _check_token(token: str) -> None:
    if token and not _is_plain(token):
        raise ImproperlyConfigured(
            "SCHEDULER_HTTP_CALL_TOKEN holds characters that no HTTP header may carry."
        )


def _check_secret(secret: str) -> None:
    try:
        key_of(secret) if secret else None
    except ValueError as error:
        raise ImproperlyConfigured(f"SCHEDULER_HTTP_CALL_SECRET: {error}") from None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
