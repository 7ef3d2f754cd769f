"""Reads one value that a caller sends: what is right is cleaned, what is wrong gets a sentence."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import phonenumbers
from django.conf import settings

from scheduled_calls.recurrence import CronError, UnknownZone, find_zone, parse_cron
from scheduler_project.webhook_url import check_webhook_url

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
E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
NUMBER_DECORATION = str.maketrans("", "", " .-()")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


_encode = json.JSONEncoder(allow_nan=False).encode


class JsonObject(dict[str, Any]):
    """A JSON object that was read; its `text` was made to measure it, and is what gets stored."""

    text = ""


class Wrong(ValueError):
    """A value is not as it should be: a machine word and a sentence that says what would be."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def line(least: int, most: int, what: str) -> Callable[[Any], str]:
    """A reader of one line of text with `least` to `most` characters."""

    def read(value: Any) -> str:
        text = _text(value, what).strip()
        if len(text) < least:
            raise Wrong("required", f"{what} is empty; write 1 to {most} characters.")
        if len(text) > most:
            raise Wrong("too_long", f"{what} has {len(text)} characters; at most {most} fit.")
        if CONTROL.search(text) or (most <= 255 and "\n" in text):
            raise Wrong("invalid", f"{what} holds control characters; write plain text.")
        return text

    return read


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write text.")
    if UNKEEPABLE.search(value):
        raise Wrong("invalid", f"{what} holds a character that cannot be stored.")
    return value


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "no text")


def phone_number(value: Any) -> str:
    """E.164 (ITU-T): a plus, a country code, 7 to 15 digits in all; decoration is removed."""
    number = _text(value, "phone_number").translate(NUMBER_DECORATION)
    if not E164.fullmatch(number):
        raise Wrong(
            "invalid",
            "phone_number is written in E.164: a plus, the country code, 7 to 15 digits in all, "
            "such as +12125550123.",
        )
    if settings.SCHEDULER.full_number_validity and not _exists(number):
        raise Wrong("invalid", "phone_number does not exist in its country's numbering plan.")
    return number


def _exists(number: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def timezone(value: Any) -> str:
    """An IANA zone name; the nearest names are offered for an unknown one."""
    name = _text(value, "timezone")
    try:
        return find_zone(name).key
    except UnknownZone as error:
        raise Wrong("unknown_timezone", str(error)) from None


def time(what: str) -> Callable[[Any], str | datetime]:
    """A reader of a time's type; it is read in its zone later, when the zone is known."""

    def read(value: Any) -> str | datetime:
        if not isinstance(value, str | datetime):
            raise Wrong(
                "wrong_type", f"{what} is {kind_of(value)}; write text such as 2027-02-01 14:30:00."
            )
        return value

    return read


def cron(value: Any) -> str:
    """A five-field cron expression of the classic dialect; see `recurrence.parse_cron`."""
    text = _text(value, "cron_expression").strip()
    if len(text) > 255:
        raise Wrong("too_long", "cron_expression has more than 255 characters.")
    try:
        parse_cron(text)
    except CronError as error:
        raise Wrong("invalid_cron", str(error)) from None
    return text


def whole(least: int, most: int, what: str) -> Callable[[Any], int]:
    """A reader of one whole number within [least, most]."""

    def read(value: Any) -> int:
        if type(value) is not int:
            raise Wrong("wrong_type", f"{what} is {kind_of(value)}; write a whole number.")
        if not least <= value <= most:
            raise Wrong("out_of_range", f"{what} is a whole number from {least} to {most}.")
        return value

    return read


def json_object(what: str) -> Callable[[Any], dict[str, Any]]:
    """A reader of a JSON object of at most 16 KiB."""

    def read(value: Any) -> dict[str, Any]:
        value = _object(value, what)
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


def webhook_url(value: Any) -> str:
    """An address that webhooks may go to; null or empty is none."""
    if value is None or value == "":
        return ""
    rules = settings.SCHEDULER
    try:
        return check_webhook_url(
            _text(value, "webhook_url"),
            allow_http=rules.webhook_allow_http,
            allowed_nets=rules.webhook_allowed_nets,
        )
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong("invalid_url", str(error)) from None


def webhook_events(value: Any) -> list[str]:
    """Some of the eight events; null is none."""
    return [] if value is None else subset(EVENTS, "webhook_events")(value)
