"""Between Python and JSON: values of a script become what can be stored, answers become records."""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ParseError

from scheduler_project.errors import FieldError, Invalid
from scheduler_project.parsing import MAX_DEPTH, plainly_keepable, refuse_unkeepable

#: what JSON carries as it stands; most values are one of these
PLAIN = frozenset({str, int, float, bool, type(None)})
NESTED = (dict, list)


class Record(dict[str, Any]):
    """An answer of the API, also by attribute: `call.id` is `call["id"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r}; there are {', '.join(self)}") from None


def record(answer: Mapping[str, Any]) -> Record:
    """The answer with a Record for every object in it."""
    found = Record(answer)
    for name, item in answer.items():
        if isinstance(item, NESTED):  # most are not
            found[name] = _record(item)
    return found


def _record(value: Any) -> Any:
    if isinstance(value, dict):  # what the API answers is made of these
        return record(value)
    return [_record(item) for item in value] if isinstance(value, list) else value


def body_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A body as the API's JSON would have brought it; raises Invalid for what no JSON can carry.

    A datetime that is a field by itself stays one: it is a time. Inside an object it is text.
    """
    return {
        name: value if isinstance(value, datetime) else _plain(name, value)
        for name, value in fields.items()
    }


def _plain(field: str, value: Any) -> Any:
    if plainly_keepable(value):
        return value
    try:
        plain = _as_json(value, 0)
        refuse_unkeepable(plain)
    except (ParseError, TypeError) as error:
        sentence = str(error).replace("The body", field)
        raise Invalid(errors=[FieldError(field, "invalid", sentence)]) from None
    return plain


def _as_json(value: Any, depth: int) -> Any:
    if type(value) in PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise TypeError(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        return {_key(name): _as_json(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item, depth + 1) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID) else value


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"The body has {name!r:.60} as a name; write names as text.")
    return name
