"""Reads a body by one table: which fields there are, how each is read, what is said of a wrong one.

The table serves the API, the Python front door, the admin's form and the OpenAPI schema.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from scheduled_calls.structures import (
    EVENTS,
    MAX_DELAY,
    RETRYABLE,
    json_object,
    retry_policy,
    webhook_events,
    whole,
)
from scheduled_calls.validators import (
    Wrong,
    cron,
    kind_of,
    line,
    phone_number,
    time,
    timezone,
    webhook_url,
)
from scheduler_project.errors import FieldError, Invalid


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


_ALL = {**PAUSE_FIELDS, **FIELDS}


@cache
def names_for(kind: str) -> Mapping[str, None]:
    """The names of the fields that a body of this kind may hold, in order, quick to find."""
    other = RECURRING_ONLY if kind == "one_time" else ONE_TIME_ONLY
    return dict.fromkeys(name for name in FIELDS if name not in other)


def read_body(
    body: Any,
    names: Collection[str],
    *,
    required: Collection[str] = (),
    ignored: Collection[str] = (),
    table: Mapping[str, Field] | None = None,
) -> dict[str, Any]:
    """The cleaned fields of a body; raises Invalid naming every wrong, missing or unknown one.

    `table` has the fields of a body that is no scheduled call's.
    """
    known = table or _ALL
    calls = {} if table else FIELDS
    if not isinstance(body, Mapping):
        raise Invalid(f"The body is {kind_of(body)}; write a JSON object.")
    errors = [_missing(name, known) for name in required if body.get(name) is None]
    cleaned: dict[str, Any] = {}
    for name, value in body.items():
        if name in ignored or (value is None and name in required):
            continue
        if name not in names:
            # null for a field of the other kind is what a GET shows: the same may come back
            if value is not None or name not in calls:
                errors.append(_unknown(str(name), names, calls))
            continue
        try:
            cleaned[name] = known[name].read(value)
        except Wrong as wrong:
            errors.append(FieldError(name, wrong.code, str(wrong)))
    if errors:
        raise Invalid(errors=errors)
    return cleaned


def _missing(name: str, known: Mapping[str, Field]) -> FieldError:
    schema = known[name].schema
    example = schema.get("description") or schema.get("examples", [""])[0]
    return FieldError(name, "required", f"{name} is missing{f'; write {example}' * bool(example)}.")


def _unknown(name: str, allowed: Collection[str], calls: Mapping[str, Field]) -> FieldError:
    shown = name[:60]
    if name in calls:
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


def body_schema(table: Mapping[str, Field], required: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of a body that is no scheduled call's, from the table that reads it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*required],
        "properties": {name: field.schema for name, field in table.items()},
    }
