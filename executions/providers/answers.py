"""Takes what another service wrote apart, believing nothing: sizes, types and characters; pure."""

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from executions.providers.base import MAX_ANSWER_BYTES
from scheduler_project import json_text

MAX_ID_LENGTH = 255
MAX_ERROR_LENGTH = 500
MAX_DURATION = 7 * 86_400
MAX_RETRY_AFTER = 300.0
MAX_DEPTH = 20
#: characters of text, or of JSON, that one detail may have
MAX_DETAIL_LENGTH = 32 * 1024
DETAILS = ("answered_by", "ended_reason", "summary", "transcript", "recording_url", "cost")


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in an answer, fit for a JSON column; None when it holds anything else.

    PostgreSQL's jsonb takes neither NUL, lone surrogates nor infinities: characters become U+FFFD,
    numbers and levels beyond MAX_DEPTH become null.
    """
    if len(body) > MAX_ANSWER_BYTES:
        return None
    try:
        found = json_text.read(body)
    except (ValueError, RecursionError):
        return None
    return _storable(found, MAX_DEPTH) if isinstance(found, dict) else None


def identifier(value: object) -> str | None:
    """`value` if it can name a call or an event: printable text of 1 to 255 characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_LENGTH:
        return None
    # A dot segment would lead to another address when the id stands in a path.
    usable = value.isprintable() and value.strip() not in ("", ".", "..") and "\ufffd" not in value
    return value if usable else None


def uuid_or_none(value: object) -> UUID | None:
    """The UUID in a text, or None."""
    if not isinstance(value, str):
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def duration(value: object) -> int | None:
    """Whole seconds from 0 to a week, rounded up; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return math.ceil(value) if 0 <= value <= MAX_DURATION else None


def sentence(value: object) -> str | None:
    """A text for people, cut to 500 characters; None for anything else, and for no text."""
    if not isinstance(value, str) or not value.strip():
        return None
    return _clean(value.strip()[:MAX_ERROR_LENGTH])


def details(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields of DETAILS that an answer holds, each within MAX_DETAIL_LENGTH; None for none.

    They may stand at the top or in a `details` object. Long text is cut, long lists are left out.
    """
    nested = found.get("details")
    places = (nested, found) if isinstance(nested, dict) else (found,)
    told = {name: place[name] for place in reversed(places) for name in DETAILS if name in place}
    kept = {name: _detail(value) for name, value in told.items()}
    return {name: value for name, value in kept.items() if value is not None} or None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After (RFC 9110 section 10.2.3), within 0 to 300; None for a bad one.

    A date is read against the answer's own Date, so that a wrong clock on either side is no matter.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), MAX_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(value)
        seconds = (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _detail(value: Any) -> Any:
    if isinstance(value, str):
        return value[:MAX_DETAIL_LENGTH]
    return value if len(json.dumps(value)) <= MAX_DETAIL_LENGTH else None


def _storable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list) and depth == 0:
        return None
    if isinstance(value, dict):
        return {_clean(name): _storable(one, depth - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one, depth - 1) for one in value]
    return value


def _clean(text: str) -> str:
    """The text with U+FFFD for NUL and lone surrogates."""
    if text.isascii() and "\x00" not in text:
        return text  # nearly all is, and there are ten thousand answers at nine o'clock
    units = text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass")
    return units.decode("utf-16", "replace")
