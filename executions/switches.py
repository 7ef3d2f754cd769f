"""Stop switches: staff forbid to ring at all, for one agent, or for numbers that begin so.

A switch is asked by T1, in its own statement, and once more just before a request leaves. What is
stopped waits until the switch is lifted, or until it is too late.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from executions import rows
from executions.models import Execution, StopScope, StopSwitch
from scheduled_calls.fields import Field, body_schema, read_body
from scheduled_calls.validators import NUMBER_DECORATION, Wrong, line
from scheduler_project import clock
from scheduler_project.errors import FieldError, Invalid, NotFound
from scheduler_project.query import read_instant

#: why something did not ring, as a machine word
REASON = "stop_switch"
PREFIX = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)
_NOT_LIFTED = "ended_at IS NULL AND (ends_at IS NULL OR ends_at > %(now)s)"
_ACTIVE = f"SELECT id, scope, value, reason FROM executions_stopswitch WHERE {_NOT_LIFTED}"  # noqa: S608  own constants


def _scope(value: Any) -> str:
    if value not in StopScope.values:
        raise Wrong("invalid", f"scope is one of {', '.join(StopScope.values)}.")
    return str(value)


def _ends_at(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise Wrong("wrong_type", "ends_at is an instant such as 2027-02-01T14:30:00Z, or null.")
    try:
        return read_instant(value)
    except ValueError as error:
        raise Wrong("invalid", str(error)) from None


#: the body of POST /api/stop-switches
FIELDS: dict[str, Field] = {
    "scope": Field(_scope, {"type": "string", "enum": StopScope.values}),
    "value": Field(
        line(0, 255, "value"),
        {"type": "string", "description": "the agent's id, or digits such as +44; else empty"},
    ),
    "reason": Field(line(1, 255, "reason"), {"type": "string", "minLength": 1, "maxLength": 255}),
    "ends_at": Field(
        _ends_at, {"type": ["string", "null"], "description": "an instant; null: until lifted"}
    ),
}

REQUIRED = ("scope", "reason")
SCHEMA = body_schema(FIELDS, REQUIRED)


@dataclass(frozen=True, slots=True)
class Stop:
    """A switch in force."""

    id: int
    scope: str
    value: str
    reason: str

    def holds(self, agent_id: str, phone_number: str) -> bool:
        """Whether it forbids this agent to ring this number."""
        if self.scope == StopScope.AGENT:
            return self.value == agent_id
        return phone_number.startswith(self.value)  # all numbers begin with nothing


def stop(
    scope: str, value: str, reason: str, author: str, ends_at: datetime | str | None = None
) -> StopSwitch:
    """Throws a switch, until `ends_at` (an instant) or until it is lifted; raises Invalid."""
    body = {"scope": scope, "value": value, "reason": reason, "ends_at": ends_at}
    return throw(body, author)


def throw(body: Any, author: str) -> StopSwitch:
    """As `stop`, from a body with FIELDS."""
    now = clock.now()
    return StopSwitch.objects.create(**read(body, now), author=author[:150], created_at=now)


def read(body: Any, now: datetime) -> dict[str, Any]:
    """The cleaned columns of a switch; raises Invalid naming what is wrong in the body."""
    told = read_body(body, FIELDS, required=REQUIRED, table=FIELDS)
    told = {"value": "", "ends_at": None, **told}
    if told["scope"] == StopScope.NUMBER_PREFIX:
        told["value"] = told["value"].translate(NUMBER_DECORATION)
    if errors := _misfits(told, now):
        raise Invalid(errors=errors)
    return told


def _misfits(told: dict[str, Any], now: datetime) -> list[FieldError]:
    scope, value, ends_at = told["scope"], told["value"], told["ends_at"]
    found = []
    if scope == StopScope.GLOBAL and value:
        found.append(FieldError("value", "invalid", "a switch for all calls has no value."))
    if scope == StopScope.AGENT and not value:
        found.append(FieldError("value", "required", "name the agent by its id."))
    if scope == StopScope.NUMBER_PREFIX and not PREFIX.fullmatch(value):
        message = "write a plus and the first digits of the numbers, such as +44."
        found.append(FieldError("value", "invalid", message))
    if ends_at is not None and ends_at <= now:
        found.append(FieldError("ends_at", "in_past", "ends_at has passed; name a later instant."))
    return found


def lift(switch_id: int | str, author: str) -> StopSwitch:
    """Lifts a switch; one that is over already stays as it is. Raises NotFound."""
    text = str(switch_id)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such stop switch.")
    with transaction.atomic():
        found = StopSwitch.objects.select_for_update().filter(pk=int(text)).first()
        if found is None:
            raise NotFound("There is no such stop switch.")
        now = clock.now()
        if found.is_active(now):
            found.ended_at, found.lifted_by = now, author[:150]
            found.save(update_fields=["ended_at", "lifted_by"])
        return found


def in_force(now: datetime) -> Q:
    """The condition on stop switches of being in force at `now`."""
    return Q(ended_at__isnull=True) & (Q(ends_at__isnull=True) | Q(ends_at__gt=now))


def active(now: datetime) -> list[Stop]:
    """The switches in force at `now`."""
    with connection.cursor() as cursor:
        return active_on(cursor, now)


def active_on(cursor: Any, now: datetime) -> list[Stop]:
    """As `active`, over the given cursor."""
    return [Stop(**row) for row in rows.fetch(cursor, _ACTIVE, {"now": now})]


def holding(stops: Sequence[Stop], agent_id: str, phone_number: str) -> Stop | None:
    """The first of the switches that forbids this agent to ring this number."""
    return next((one for one in stops if one.holds(agent_id, phone_number)), None)


def stopped(agent: str, number: str) -> str:
    """SQL: whether a switch forbids this agent (an expression) to ring this number, at %(now)s."""
    return f"""EXISTS (SELECT FROM executions_stopswitch WHERE {_NOT_LIFTED}
        AND CASE scope WHEN 'agent' THEN value = {agent} ELSE starts_with({number}, value) END)"""


def without_stopped(waiting: QuerySet[Execution], now: datetime) -> QuerySet[Execution]:
    """Those of the waiting executions that no switch holds back."""
    held = Q()
    for one in active(now):
        by_agent = Q(scheduled_call__agent_id=one.value)
        by_number = Q(scheduled_call__phone_number__startswith=one.value)
        held |= by_agent if one.scope == StopScope.AGENT else by_number
    return waiting.exclude(held) if held else waiting
