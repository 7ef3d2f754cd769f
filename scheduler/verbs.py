"""What the Python front door does with each verb: the API's own verbs, bells and JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, close_old_connections, connection

from executions import history as histories
from executions import interruption, manual
from executions.health import health as measure
from executions.serializers import HealthSerializer, present_execution
from executions.skipping import cancel_execution as skip
from executions.tasks import ring_calls, ring_webhooks
from scheduled_calls import bulk, previewing, services
from scheduled_calls.drafts import Draft, draft, read_new
from scheduled_calls.filters import scattered, twin
from scheduled_calls.listing import scheduled_calls_of
from scheduled_calls.presenting import present, present_all, present_draft
from scheduled_calls.serializers import PreviewSerializer
from scheduled_calls.storing import store, storing
from scheduler.values import Record, body_of, record
from scheduler_project import clock
from scheduler_project.errors import FieldError, Invalid
from scheduler_project.newest import Newest
from scheduler_project.paging import rows_in_order

Answer = Mapping[str, Any]
#: calls that are read while PostgreSQL writes as many
AT_ONCE = 500


@contextmanager
def fresh_connection() -> Iterator[None]:
    """Leaves no connection behind that broke or grew old: a script may sleep for days."""
    _close_old()
    try:
        yield
    finally:
        _close_old()


def _close_old() -> None:
    # Django would drop a connection inside a transaction, and with it what the caller has done.
    if not connection.in_atomic_block:
        close_old_connections()


def find_owner() -> User:
    """The user whose rows a script sees, made if need be: the name is SCHEDULER_OWNER."""
    name = settings.SCHEDULER.owner
    found = User.objects.filter(username=name).first()
    return found or User.objects.get_or_create(username=name, defaults={"password": "!"})[0]


def schedule_each(
    owner: User, wanted: Sequence[tuple[str, Answer]]
) -> Sequence[Record | Exception]:
    """Calls as kind and fields, stored together; in the place of a wrong one what is wrong.

    When the database refuses, none of them is stored, and that is what is wrong with each.
    """
    now = clock.now()
    attempts = (_attempt(owner, kind, fields, now) for kind, fields in wanted)
    try:
        return _store_one(next(attempts)) if len(wanted) == 1 else _store_many(attempts)
    except DatabaseError as refused:
        again = (_attempt(owner, kind, fields, now) for kind, fields in wanted)
        return [refused if isinstance(attempt, Draft) else attempt for attempt in again]


def _store_one(attempt: Draft | Exception) -> Sequence[Record | Exception]:
    if isinstance(attempt, Draft):
        store(attempt)  # one statement, no transaction around it
    return [_answer(attempt)]


def _store_many(attempts: Iterator[Draft | Exception]) -> Sequence[Record | Exception]:
    answers: list[Record | Exception] = []
    with storing() as store_some:
        while some := list(islice(attempts, AT_ONCE)):
            store_some([attempt for attempt in some if isinstance(attempt, Draft)])
            answers += map(_answer, some)
    return answers


def _answer(attempt: Draft | Exception) -> Record | Exception:
    return record(present_draft(attempt)) if isinstance(attempt, Draft) else attempt


def _attempt(owner: User, kind: str, fields: Answer, now: datetime) -> Draft | Exception:
    try:
        return draft(owner, read_new(_body(fields), kind), now)
    except Exception as error:  # also a defect of ours: it is this call's alone
        return error


def schedule_calls(owner: User, calls: Any, batch_id: Any, atomic: Any) -> Answer:
    """Many calls, and what became of each."""
    body = {"calls": calls, "batch_id": batch_id, "atomic": atomic}
    return bulk.schedule_calls(owner, body, read=lambda row: bulk.read_row(_row(row)))


def preview(owner: User, fields: Answer) -> Answer:
    """What would be scheduled."""
    return PreviewSerializer(previewing.preview(_body(fields))).data


def get(owner: User, schedule_id: str) -> Answer:
    """One scheduled call."""
    return present(services.get(owner, schedule_id))


def list_calls(owner: User, filters: Answer, limit: int, cursor: str | None) -> Answer:
    """A page in `results`; `next` is the id of its last row when there are more."""
    if type(limit) is not int or not 1 <= limit <= 200:
        raise _wrong("limit", "limit is a whole number from 1 to 200.")
    query = dict(_texts(filters))
    rows = scheduled_calls_of(owner, query).order_by("-id")
    place = {} if cursor is None else {"id__lt": _last_seen(cursor)}
    if scattered(query):
        ids = Newest(rows, "id", twin=twin(query)).filter(**place).keys(0, limit + 1)
        found = rows_in_order(rows, "id", ids)
    else:
        found = list(rows.filter(**place)[: limit + 1])
    more = len(found) > limit
    return {
        "next": str(found[limit - 1].pk) if more else None,
        "results": present_all(found[:limit]),
    }


def update(owner: User, schedule_id: str, fields: Answer) -> Answer:
    """The named fields replaced."""
    return _changed(interruption.update(owner, schedule_id, _body(fields)))


def pause(owner: User, schedule_id: str, fields: Answer) -> Answer:
    """No ring until it is resumed."""
    return _changed(interruption.pause(owner, schedule_id, _body(fields)))


def resume(owner: User, schedule_id: str) -> Answer:
    """Rings again."""
    return _changed(interruption.resume(owner, schedule_id))


def cancel(owner: User, schedule_id: str) -> Answer:
    """No ring ever again."""
    return _changed(interruption.cancel(owner, schedule_id))


def execute_now(owner: User, schedule_id: str) -> Answer:
    """Rings now; the execution."""
    execution = manual.execute_now(owner, schedule_id)
    ring_calls([execution.pk])
    return present_execution(execution)


def cancel_execution(owner: User, execution_id: str) -> Answer:
    """One occurrence skipped, or its retries ended."""
    execution, bells = skip(owner, execution_id)
    ring_webhooks(bells)
    return present_execution(execution)


def history(owner: User, schedule_id: str, limit: int, before: str | None) -> Answer:
    """What happened and what is next."""
    if type(limit) is not int or not 1 <= limit <= histories.MOST_SHOWN:
        raise _wrong("limit", f"limit is a whole number from 1 to {histories.MOST_SHOWN}.")
    return histories.history(owner, schedule_id, limit=limit, before=before)


def health(owner: User) -> Answer:
    """Counts and state."""
    return HealthSerializer(measure(owner)).data


def _body(fields: Answer) -> dict[str, Any]:
    """The fields without a `timezone` of None, which means the default one."""
    body = body_of(fields)
    if body.get("timezone", "") is None:
        del body["timezone"]
    return body


def _row(row: Any) -> Any:
    """One of many calls as the API's JSON would have brought it."""
    if not isinstance(row, Mapping):
        return row
    if strange := [name for name in row if not isinstance(name, str)]:
        raise _wrong(f"{strange[0]!r:.60}", "there is no such field; write names as text.")
    return _body(row)


def _changed(changed: interruption.Changed) -> Answer:
    ring_webhooks(changed.bells)
    return present(changed.call, dialing=changed.dialing)


def _texts(filters: Answer) -> Iterator[tuple[str, str]]:
    """The filters as the query of an address would carry them."""
    for name, value in filters.items():
        if name == "metadata" and isinstance(value, Mapping):
            yield from ((f"metadata.{key}", _text(item)) for key, item in value.items())
        elif value is not None:
            yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str | UUID) else json.dumps(value, default=str)


def _last_seen(cursor: str) -> UUID:
    try:
        return UUID(str(cursor))
    except ValueError:
        raise _wrong("cursor", "take the cursor from `next`.") from None


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(field, "invalid", message)])
