"""What the Python front door does with each verb: the API's own verbs, bells and JSON."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import close_old_connections, connection

from executions import history as histories
from executions import interruption, manual
from executions.health import health as measure
from executions.serializers import HealthSerializer, present_execution
from executions.skipping import cancel_execution as skip
from executions.tasks import ring_calls, ring_webhooks
from scheduled_calls import previewing, services
from scheduled_calls.listing import scheduled_calls_of
from scheduled_calls.presenting import present, present_all, present_new
from scheduled_calls.serializers import PreviewSerializer
from scheduler.values import body_of
from scheduler_project.errors import FieldError, Invalid

Answer = Mapping[str, Any]


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


def schedule_call(owner: User, fields: Answer) -> Answer:
    """One call."""
    return present_new([services.schedule_call(owner, _body(fields))])[0]


def schedule_recurring_call(owner: User, fields: Answer) -> Answer:
    """Calls by a cron expression."""
    return present_new([services.schedule_recurring_call(owner, _body(fields))])[0]


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
    rows = scheduled_calls_of(owner, dict(_texts(filters))).order_by("-pk")
    if cursor is not None:
        rows = rows.filter(pk__lt=_last_seen(cursor))
    found = list(rows[: limit + 1])
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
    return {
        name: value
        for name, value in body_of(fields).items()
        if not (name == "timezone" and value is None)
    }


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
