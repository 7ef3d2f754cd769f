"""Reads what a caller sends besides text: numbers, lists, JSON objects, a retry policy."""

import json
from collections.abc import Callable
from typing import Any

from scheduled_calls.validators import Wrong, kind_of

MAX_OBJECT_BYTES = 16 * 1024
MAX_DELAY = 86_400
EVENTS = (
    "started",
    "completed",
    "failed",
    "retrying",
    "unknown",
    "missed",
    "skipped",
    "cancelled",
)
SEED_EVENTS = ["started", "completed", "failed"]
RETRYABLE = ("timeout", "no_answer", "busy", "failed", "voicemail", "provider_error")
SEED_RETRY_ON = ["timeout", "no_answer", "busy"]


_encode = json.JSONEncoder(allow_nan=False, check_circular=False).encode


class JsonObject(dict[str, Any]):
    """A JSON object that was read; its `text` was made to measure it, and is what gets stored."""

    text = ""


def whole(least: int, most: int, what: str) -> Callable[[Any], int]:
    """A reader of one whole number within [least, most]."""

    def read(value: Any) -> int:
        if type(value) is not int:
            raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write a whole number.")
        if not least <= value <= most:
            raise Wrong("out_of_range", f"{what} is a whole number from {least} to {most}.")
        return value

    return read


def boolean(what: str) -> Callable[[Any], bool]:
    """A reader of true or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write true or false.")
        return value

    return read


def list_of(what: str, most: int) -> Callable[[Any], list[Any]]:
    """A reader of a list of up to `most` values, which are not looked at."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write a list.")
        if len(value) > most:
            raise Wrong("too_many", f"{what} has {len(value):,} items; at most {most:,} fit.")
        return list(value)

    return read


def subset(words: tuple[str, ...], what: str) -> Callable[[Any], list[str]]:
    """A reader of a list of some of the words, each once, in the words' own order."""

    def read(value: Any) -> list[str]:
        if not isinstance(value, list | tuple):
            raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write a list.")
        for word in value:
            if not isinstance(word, str) or word not in words:
                shown = f"{word!r}"[:60]
                raise Wrong("invalid", f"{what} knows no {shown}; it knows {', '.join(words)}.")
        return [word for word in words if word in value]

    return read


POLICY: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "max_retries": (whole(0, 10, "retry_policy.max_retries"), 0),
    "retry_delay": (whole(1, MAX_DELAY, "retry_policy.retry_delay"), 60),
    "exponential_backoff": (boolean("exponential_backoff"), False),
    "retry_on": (subset(RETRYABLE, "retry_policy.retry_on"), SEED_RETRY_ON),
}


def json_object(what: str) -> Callable[[Any], dict[str, Any]]:
    """A reader of a JSON object of at most 16 KiB."""

    def read(value: Any) -> dict[str, Any]:
        if not _object(value, what):
            return {}
        kept = JsonObject(value)
        try:
            kept.text = _encode(value)
        except (TypeError, ValueError, RecursionError):
            raise Wrong("invalid", f"{what} holds values that JSON cannot carry.") from None
        if (size := len(kept.text)) > MAX_OBJECT_BYTES:  # it is all ASCII
            raise Wrong("too_large", f"{what} takes {size} bytes; at most {MAX_OBJECT_BYTES} fit.")
        return kept

    return read


def as_json(value: Any) -> str:
    """The JSON text of a value that was read."""
    if not value:
        return "{}" if isinstance(value, dict) else "[]"
    return (value.text if isinstance(value, JsonObject) else "") or _encode(value)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong(
            "wrong_type", f'{what} is {kind_of(value)}; write an object such as {{"a": 1}}.'
        )
    return value


def retry_policy(value: Any) -> dict[str, Any] | None:
    """`max_retries` 0-10, `retry_delay` seconds, `exponential_backoff`, `retry_on`; filled in."""
    if value is None:
        return None
    given = _object(value, "retry_policy")
    if unknown := sorted(set(given) - set(POLICY)):
        raise Wrong(
            "unknown_field", f"retry_policy has no {unknown[0]!r}; it has {', '.join(POLICY)}."
        )
    if "max_retries" not in given:
        raise Wrong("required", "retry_policy needs max_retries, a whole number from 0 to 10.")
    return {name: read(given.get(name, default)) for name, (read, default) in POLICY.items()}


def webhook_events(value: Any) -> list[str]:
    """Some of the eight events; null is none."""
    return [] if value is None else subset(EVENTS, "webhook_events")(value)
