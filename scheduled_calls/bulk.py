"""Many calls in one request: each row is read by itself, the good ones are stored together.

One transaction holds them all, so that a process that dies in the middle leaves nothing behind.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from rest_framework.exceptions import ParseError

from scheduled_calls.drafts import Draft, draft, read_new
from scheduled_calls.fields import FIELDS, Field, read_body
from scheduled_calls.storing import storing
from scheduled_calls.structures import boolean, list_of
from scheduled_calls.validators import kind_of
from scheduler_project import clock
from scheduler_project.errors import FieldError, Invalid
from scheduler_project.ids import uuid7
from scheduler_project.parsing import refuse_unkeepable

MOST_CALLS = 10_000
#: rows that are read and then written in one go; as many are in memory twice
AT_ONCE = 1_000
#: what a body of many calls holds
BULK_FIELDS: dict[str, Field] = {
    "calls": Field(list_of("calls", MOST_CALLS), {"type": "array", "maxItems": MOST_CALLS}),
    "batch_id": FIELDS["batch_id"],
    "atomic": Field(boolean("atomic"), {"type": "boolean", "default": False}),
}

Row = dict[str, Any]


class NothingStored(Invalid):
    """Some calls of an atomic batch are not right, so none was stored; `results` has the wrong."""

    def __init__(self, results: list[Row], count: int) -> None:
        self.results = results
        errors = [
            FieldError(_path(row["index"], error["field"]), error["code"], error["message"])
            for row in results
            for error in row["errors"]
        ]
        sentence = f"Nothing was stored: {len(results)} of {count} calls are not right."
        super().__init__(sentence, errors=errors)
        self.extensions = {"created": 0, "failed": len(results), "results": results}


def schedule_calls(
    owner: User, body: Any, read: Callable[[Any], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Schedules the `calls` of a body; `{"batch_id", "created", "failed", "results"}`.

    `results` has `{"index", "id"}` or `{"index", "errors"}` for each, in their order. `read` makes
    cleaned fields of one of the calls (default: `read_row`). Raises Invalid for a body that is no
    batch, and NothingStored when one of an `atomic` batch is wrong.
    """
    if isinstance(body, Mapping):
        _refuse_unkeepable({name: value for name, value in body.items() if name != "calls"})
    given = read_body(body, BULK_FIELDS, required=("calls",), table=BULK_FIELDS)
    calls, batch_id = given["calls"], given.get("batch_id") or str(uuid7())
    results: list[Row] = []
    with storing() as store_some:
        now = clock.now()
        for start in range(0, len(calls), AT_ONCE):
            attempts = read_all(owner, calls[start : start + AT_ONCE], read or read_row, now)
            drafts, told = _sorted(attempts, batch_id, start)
            store_some(drafts)
            results += told
        wrong = [row for row in results if "errors" in row]
        if wrong and given.get("atomic"):
            raise NothingStored(wrong, len(calls))
    created, failed = len(calls) - len(wrong), len(wrong)
    return {"batch_id": batch_id, "created": created, "failed": failed, "results": results}


def read_all(
    owner: User, rows: Iterable[Any], read: Callable[[Any], dict[str, Any]], now: datetime
) -> Iterator[Draft | Invalid]:
    """The draft of each row, or in its place what is wrong with it."""
    for row in rows:
        try:
            yield draft(owner, read(row), now)
        except Invalid as refused:
            yield refused


def read_row(row: Any) -> dict[str, Any]:
    """The cleaned fields of one row; raises Invalid. The time that it names tells its kind."""
    if not isinstance(row, Mapping):
        raise Invalid(f"This call is {kind_of(row)}; write a JSON object.")
    _refuse_unkeepable(row)
    kind = _kind(row)
    if row.get("kind") not in (None, kind):
        message = f"by its time this call is {kind}; leave kind out, or write {kind}."
        raise Invalid(errors=[FieldError("kind", "wrong_kind", message)])
    return read_new({name: row[name] for name in row if name != "kind"}, kind)


def _kind(row: Mapping[str, Any]) -> str:
    once = row.get("scheduled_time") is not None
    again = row.get("cron_expression") is not None
    if once == again:
        both = " Only one of them: a call is either." if once else ""
        message = "write scheduled_time for one call, or cron_expression for one that comes again."
        code = "wrong_kind" if once else "required"
        raise Invalid(errors=[FieldError("scheduled_time", code, message + both)])
    return "recurring" if again else "one_time"


def _refuse_unkeepable(row: Mapping[str, Any]) -> None:
    try:
        refuse_unkeepable(row)
    except ParseError:
        raise Invalid(errors=list(_unkeepable(row))) from None


def _unkeepable(row: Mapping[str, Any]) -> Iterator[FieldError]:
    for name, value in row.items():
        try:
            refuse_unkeepable({name: value})
        except ParseError as error:
            shown = name.encode("ascii", "backslashreplace").decode()[:60]
            yield FieldError(shown, "invalid", str(error).replace("The body", "this field"))


def _sorted(
    attempts: Iterable[Draft | Invalid], batch_id: str, start: int
) -> tuple[list[Draft], list[Row]]:
    drafts: list[Draft] = []
    results: list[Row] = []
    for index, attempt in enumerate(attempts, start):
        if isinstance(attempt, Invalid):
            results.append({"index": index, "errors": _errors(attempt, index)})
        else:
            attempt.columns["batch_id"] = attempt.columns["batch_id"] or batch_id
            results.append({"index": index, "id": attempt.name})
            drafts.append(attempt)
    return drafts, results


def _path(index: int, field: str) -> str:
    row = f"calls[{index}]"
    return row if field == row else f"{row}.{field}"


def _errors(refused: Invalid, index: int) -> list[dict[str, str]]:
    whole = FieldError(f"calls[{index}]", "wrong_type", refused.detail)
    return [error.as_dict() for error in refused.errors or [whole]]
