"""Reads an address's query: which rows are wanted; what is not known is refused, not ignored."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter

from scheduled_calls.recurrence import TimeError, read_time
from scheduler_project.errors import FieldError, Invalid

UTC = ZoneInfo("UTC")
#: the two that `scheduler_project.paging` reads
PAGING = ("limit", "cursor")
PAGE_PARAMETERS = [
    OpenApiParameter("limit", int, description="rows on a page, 1 to 200; 50 when not said"),
    OpenApiParameter("cursor", str, description="as `next` and `previous` carry it"),
]
LONGEST_VALUE = 512


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a list.

    `read` turns its text into a condition, or raises ValueError with a sentence. A filter whose
    name ends with a dot stands for all names that begin so; its `read` takes the rest and the text.
    """

    read: Callable[..., Q]
    description: str
    type: Any = str
    words: tuple[str, ...] = ()

    def parameter(self, name: str) -> OpenApiParameter:
        """The filter as OpenAPI writes it."""
        shown = f"{name}<key>" if name.endswith(".") else name
        enum = list(self.words) or None
        return OpenApiParameter(shown, self.type, description=self.description, enum=enum)


def conditions(query: Mapping[str, Any], filters: Mapping[str, Filter]) -> Q:
    """All that the query asks for, joined by *and*; raises Invalid naming all that is wrong in it.

    `query` is a request's QueryDict or a plain dict. Limit and cursor are for the paging to read.
    """
    refuse_unknown(query, [*filters, *PAGING])
    found, errors = Q(), []
    for name in query:
        if name in PAGING:
            continue
        try:
            found &= _condition(name, query[name], filters)
        except ValueError as error:
            errors.append(FieldError(name[:60], "invalid", str(error)))
    if errors:
        raise Invalid(errors=errors)
    return found


def refuse_unknown(query: Mapping[str, Any], known: Collection[str]) -> None:
    """Raises Invalid for a parameter that is not known, is given twice, or cannot be text."""
    errors = []
    for name in query:
        if _known_name(name) not in known:
            message = f"there is no such parameter; known are {', '.join(sorted(known))}."
            errors.append(FieldError(name[:60], "unknown_parameter", message))
        elif len(getattr(query, "getlist", lambda _: [0])(name)) > 1:
            errors.append(FieldError(name[:60], "repeated", "it is given twice; give it once."))
        elif not (_keepable(name) and _keepable(query[name])):
            message = f"write text of at most {LONGEST_VALUE} characters, none of them U+0000."
            errors.append(FieldError(name[:60], "invalid", message))
    if errors:
        raise Invalid(errors=errors)


def read_limit(query: Mapping[str, Any], default: int, most: int) -> int:
    """How many rows are wanted, at most `most`; raises Invalid for a `limit` that is no number."""
    text = query.get("limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        message = f"limit is a whole number from 1 to {most}."
        raise Invalid(errors=[FieldError("limit", "invalid", message)])
    return min(int(text[:9]), most)


def any_of(column: str, words: Collection[str]) -> Callable[[str], Q]:
    """A reader of one of the words."""

    def read(text: str) -> Q:
        if text not in words:
            raise ValueError(f"write one of {', '.join(words)}.")
        return Q(**{column: text})

    return read


def same(column: str) -> Callable[[str], Q]:
    """A reader of a text that a column must equal."""
    return lambda text: Q(**{column: text})


def moment(lookup: str) -> Callable[[str], Q]:
    """A reader of an instant, for a lookup such as `created_at__lt`."""
    return lambda text: Q(**{lookup: read_instant(text)})


def identifier(column: str) -> Callable[[str], Q]:
    """A reader of an id as the API shows it."""

    def read(text: str) -> Q:
        try:
            return Q(**{column: UUID(text)})
        except ValueError:
            raise ValueError("write an id as the API shows it, a UUID.") from None

    return read


def read_instant(text: str) -> datetime:
    """The moment that a text names, aware, UTC (naive: UTC as well); raises ValueError."""
    try:
        return read_time(text, UTC).at
    except TimeError as error:
        hint = " In an address a plus is written %2B." if " " in text[11:] else ""
        raise ValueError(f"{error}{hint}") from None


def _condition(name: str, text: str, filters: Mapping[str, Filter]) -> Q:
    known = _known_name(name)
    rest = [name.removeprefix(known)] if known != name else []
    return filters[known].read(*rest, text)


def _known_name(name: str) -> str:
    """`metadata.` for `metadata.priority`; other names as they are."""
    start, dot, rest = name.partition(".")
    return start + dot if rest else start


def _keepable(text: Any) -> bool:
    return (
        isinstance(text, str)
        and len(text) <= LONGEST_VALUE
        and "\x00" not in text
        and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))
    )
