"""Reads a JSON body strictly: what cannot be stored faithfully is refused with a sentence."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 32
MAX_DIGITS = 300
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
#: types whose every value can be kept
HARMLESS = frozenset({int, bool, type(None)})


def refuse_unkeepable(value: Any, depth: int = 0) -> None:
    """Raises ParseError for NUL, lone surrogates, infinities and deep nesting, at any depth."""
    if depth > MAX_DEPTH:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str):
        _keepable_text(value)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ParseError("The body holds a number too large to keep; write it as text.")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not key.isprintable():
                _keepable_text(key)
            if not plainly_keepable(item):
                refuse_unkeepable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if not plainly_keepable(item):
                refuse_unkeepable(item, depth + 1)


def plainly_keepable(value: Any) -> bool:
    """Whether one look says that this can be kept; most values are printable texts and numbers."""
    kind = type(value)
    return value.isprintable() if kind is str else kind in HARMLESS


def _keepable_text(text: str) -> None:
    if "\x00" in text:
        raise ParseError("The body holds the character U+0000 (NUL), which cannot be stored.")
    if HALF_A_PAIR.search(text):
        raise ParseError("The body holds half of a surrogate pair; write the whole character.")


class StrictJSONParser(BaseParser):
    """JSON after RFC 8259 in UTF-8, without what PostgreSQL or JavaScript would change."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as Python values; raises ParseError (400) saying what is wrong with it."""
        raw = stream.read()
        if not raw.strip():
            return {}
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8 (byte {error.start}).") from None
        value = parse_json(text)
        self.refuse(value)
        return value

    def refuse(self, value: Any) -> None:
        """Raises ParseError for values that cannot be kept."""
        refuse_unkeepable(value)


class RowsJSONParser(StrictJSONParser):
    """The same for a body of many rows, each of which is to be refused by itself."""

    def refuse(self, value: Any) -> None:
        """Nothing: whoever reads the rows looks at each."""


def read_json(text: str) -> Any:
    """Text to values; raises ParseError for malformed JSON and for values that cannot be kept."""
    value = parse_json(text)
    refuse_unkeepable(value)
    return value


def parse_json(text: str) -> Any:
    """Text to values, kept or not; raises ParseError for malformed JSON."""
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_int=_whole, object_pairs_hook=_no_twice
        )
    except json.JSONDecodeError as error:
        raise ParseError(
            f"The body is not JSON: {error.msg} at line {error.lineno} column {error.colno}."
        ) from None
    except RecursionError:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.") from None


def _no_constant(word: str) -> Any:
    raise ParseError(f"The body holds {word}, which is not JSON; write a number or null.")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ParseError(f"The body holds a number of {len(digits)} digits; write it as text.")
    return int(digits)


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The body names {twice[:100]!r} twice; name it once.")
    return found
