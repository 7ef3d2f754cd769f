"""Reads what a caller sends: what is right is cleaned, what is wrong gets a sentence.

One table serves the API, the Python front door, the admin's form and the OpenAPI schema.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import phonenumbers
from django.conf import settings

from scheduled_calls.recurrence import CronError, UnknownZone, find_zone, parse_cron
from scheduler_project.errors import FieldError, Invalid
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
        raise Wrong("wrong_type", f"{what} is {_kind(value)}; write text.")
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Wrong("invalid", f"{what} holds a character that cannot be stored.")
    return value


def _kind(value: Any) -> str:
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
    if settings.SCHEDULER.full_number_validity and not phonenumbers.is_valid_number(
        phonenumbers.parse(number)
    ):
        raise Wrong("invalid", "phone_number does not exist in its country's numbering plan.")
    return number


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
                "wrong_type", f"{what} is {_kind(value)}; write text such as 2027-02-01 14:30:00."
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
            raise Wrong("wrong_type", f"{what} is {_kind(value)}; write a whole number.")
        if not least <= value <= most:
            raise Wrong("out_of_range", f"{what} is a whole number from {least} to {most}.")
        return value

    return read


def json_object(what: str) -> Callable[[Any], dict[str, Any]]:
    """A reader of a JSON object of at most 16 KiB."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong(
                "wrong_type", f'{what} is {_kind(value)}; write an object such as {{"a": 1}}.'
            )
        try:
            size = len(json.dumps(value, allow_nan=False).encode())
        except (TypeError, ValueError, RecursionError):
            raise Wrong("invalid", f"{what} holds values that JSON cannot carry.") from None
        if size > MAX_OBJECT_BYTES:
            raise Wrong("too_large", f"{what} takes {size} bytes; at most {MAX_OBJECT_BYTES} fit.")
        return value

    return read


def retry_policy(value: Any) -> dict[str, Any] | None:
    """`max_retries` 0-10, `retry_delay` seconds, `exponential_backoff`, `retry_on`; filled in."""
    if value is None:
        return None
    given = json_object("retry_policy")(value)
    if unknown := sorted(set(given) - set(POLICY)):
        raise Wrong(
            "unknown_field", f"retry_policy has no {unknown[0]!r}; it has {', '.join(POLICY)}."
        )
    if "max_retries" not in given:
        raise Wrong("required", "retry_policy needs max_retries, a whole number from 0 to 10.")
    return {name: read(given.get(name, default)) for name, (read, default) in POLICY.items()}


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("wrong_type", f"exponential_backoff is {_kind(value)}; write true or false.")
    return value


def subset(words: tuple[str, ...], what: str) -> Callable[[Any], list[str]]:
    """A reader of a list of some of the words, each once, in the words' own order."""

    def read(value: Any) -> list[str]:
        if not isinstance(value, list | tuple):
            raise Wrong("wrong_type", f"{what} is {_kind(value)}; write a list.")
        for word in value:
            if not isinstance(word, str) or word not in words:
                shown = f"{word!r}"[:60]
                raise Wrong("invalid", f"{what} knows no {shown}; it knows {', '.join(words)}.")
        return [word for word in words if word in value]

    return read


POLICY: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "max_retries": (whole(0, 10, "retry_policy.max_retries"), 0),
    "retry_delay": (whole(1, MAX_DELAY, "retry_policy.retry_delay"), 60),
    "exponential_backoff": (_boolean, False),
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


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _or_empty(read: Callable[[Any], Any], empty: Any) -> Callable[[Any], Any]:
    return lambda value: empty() if value is None else read(value)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: how to read it, and its JSON Schema."""

    read: Callable[[Any], Any]
    schema: dict[str, Any]


_LINE = {"type": "string", "minLength": 1}
_OBJECT = {"type": "object", "additionalProperties": True}
FIELDS: dict[str, Field] = {
    "agent_id": Field(line(1, 255, "agent_id"), {**_LINE, "maxLength": 255}),
    "phone_number": Field(
        phone_number, {"type": "string", "description": "E.164, such as +12125550123"}
    ),
    "timezone": Field(timezone, {"type": "string", "description": "IANA name"}),
    "name": Field(_or_empty(line(0, 255, "name"), str), {"type": ["string", "null"]}),
    "description": Field(
        _or_empty(line(0, 4000, "description"), str), {"type": ["string", "null"]}
    ),
    "customer_context": Field(_or_empty(json_object("customer_context"), dict), _OBJECT),
    "metadata": Field(_or_empty(json_object("metadata"), dict), _OBJECT),
    "retry_policy": Field(
        retry_policy,
        {
            "type": ["object", "null"],
            "required": ["max_retries"],
            "additionalProperties": False,
            "properties": {
                "max_retries": {"type": "integer", "minimum": 0, "maximum": 10},
                "retry_delay": {"type": "integer", "minimum": 1, "maximum": MAX_DELAY},
                "exponential_backoff": {"type": "boolean"},
                "retry_on": {"type": "array", "items": {"type": "string", "enum": [*RETRYABLE]}},
            },
        },
    ),
    "webhook_url": Field(webhook_url, {"type": ["string", "null"]}),
    "webhook_events": Field(
        webhook_events,
        {"type": ["array", "null"], "items": {"type": "string", "enum": [*EVENTS]}},
    ),
    "batch_id": Field(
        _or_empty(line(0, 100, "batch_id"), str), {"type": ["string", "null"], "maxLength": 100}
    ),
    "scheduled_time": Field(
        time("scheduled_time"),
        {
            "type": "string",
            "description": "wall clock in `timezone`, or an instant with Z or an offset",
            "examples": ["2027-02-01 14:30:00"],
        },
    ),
    "cron_expression": Field(cron, {"type": "string", "examples": ["0 9 * * MON-FRI"]}),
    "max_occurrences": Field(
        _or_none(whole(1, 1_000_000, "max_occurrences")),
        {"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000},
    ),
}
#: what `pause` and `resume` take besides; not part of a scheduled call
PAUSE_FIELDS: dict[str, Field] = {
    "reason": Field(_or_empty(line(0, 255, "reason"), str), {"type": ["string", "null"]}),
    "until": Field(
        _or_none(time("until")),
        {"type": ["string", "null"], "description": "an instant, as scheduled_time"},
    ),
}
ONE_TIME_ONLY = ("scheduled_time",)
RECURRING_ONLY = ("cron_expression", "max_occurrences")


def names_for(kind: str) -> list[str]:
    """The names of the fields that a body of this kind may hold."""
    other = RECURRING_ONLY if kind == "one_time" else ONE_TIME_ONLY
    return [name for name in FIELDS if name not in other]


def read_body(
    body: Any, names: Iterable[str], *, required: Iterable[str] = (), ignored: Iterable[str] = ()
) -> dict[str, Any]:
    """The cleaned fields of a body; raises Invalid naming every wrong, missing or unknown one."""
    if not isinstance(body, Mapping):
        raise Invalid(f"The body is {_kind(body)}; write a JSON object.")
    allowed = list(names)
    errors = [_missing(name) for name in required if body.get(name) is None]
    cleaned: dict[str, Any] = {}
    for name, value in body.items():
        # null for a field of the other kind is what a GET shows: the same may come back
        other_kind = name in FIELDS and name not in allowed
        if name in ignored or (value is None and (name in required or other_kind)):
            continue
        if name not in allowed:
            errors.append(_unknown(str(name), allowed, value))
            continue
        try:
            cleaned[name] = (FIELDS.get(name) or PAUSE_FIELDS[name]).read(value)
        except Wrong as wrong:
            errors.append(FieldError(name, wrong.code, str(wrong)))
    if errors:
        raise Invalid(errors=errors)
    return cleaned


def _missing(name: str) -> FieldError:
    example = FIELDS[name].schema.get("description") or FIELDS[name].schema.get("examples", [""])[0]
    return FieldError(name, "required", f"{name} is missing{f'; write {example}' * bool(example)}.")


def _unknown(name: str, allowed: list[str], value: Any) -> FieldError:
    shown = name[:60]
    if name in FIELDS:
        kind = "a one-time call" if name in RECURRING_ONLY else "a recurring call"
        return FieldError(shown, "wrong_kind", f"{kind} has no {name}.")
    near = difflib.get_close_matches(name[:60], allowed, n=1)
    hint = f"known are {', '.join(sorted(allowed)) or 'none'}."
    if near:
        hint = f"did you mean {near[0]}?"
    return FieldError(shown, "unknown_field", f"there is no field {shown!r}; {hint}")


def request_schema(kind: str, required: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON Schema of a body, for OpenAPI, from the same table that reads it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*required],
        "properties": {name: FIELDS[name].schema for name in names_for(kind)},
    }
