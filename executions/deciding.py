"""Nobody can say whether a phone rang: a person decides what the unknown execution was.

Only a person may have such a call made again, and it is a new attempt with a new id. What the call
service reports of the old one later is kept in the inbox and changes nothing.
"""

import json
import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from executions.hindrance import refuse_hindered
from executions.models import Attempt, Execution
from executions.outcomes import lock, write
from executions.rows import Row
from executions.states import AttemptStatus, Outcome
from executions.transitions import LET_GO, Change, attempt_with, execution_with
from scheduled_calls.fields import Field, body_schema, read_body
from scheduled_calls.models import ScheduledCall
from scheduled_calls.validators import Wrong, line
from scheduler_project import clock
from scheduler_project.errors import Conflict, NotFound

log = logging.getLogger(__name__)
RETRY = "retry"
DECISIONS = ("completed", "failed", RETRY)
#: `Execution.reason` of what a person decided
REASON = "operator"


def _outcome(value: Any) -> str:
    if value not in DECISIONS:
        raise Wrong("invalid", f"outcome is one of {', '.join(DECISIONS)}.")
    return str(value)


#: the body of POST /api/executions/{id}/decide
FIELDS: dict[str, Field] = {
    "outcome": Field(_outcome, {"type": "string", "enum": [*DECISIONS]}),
    "note": Field(
        line(1, 255, "note"),
        {"type": "string", "minLength": 1, "maxLength": 255, "description": "why, in a sentence"},
    ),
}

SCHEMA = body_schema(FIELDS, required=FIELDS)


def decide(
    execution_id: str | UUID, outcome: str, author: str, note: str, *, owner: User | None = None
) -> tuple[Execution, list[UUID]]:
    """Ends an unknown execution as `completed` or `failed`, or has it rung again by `retry`.

    Returns the execution and the webhook deliveries to ring for. With `owner`, others' executions
    do not exist. Raises Invalid, NotFound; Conflict when it is not unknown, and for a retry when
    the call is cancelled, something else of it is under way, or it may not ring now.
    """
    told = read_body({"outcome": outcome, "note": note}, FIELDS, table=FIELDS)
    decision = {**told, "author": author}
    execution = _find(execution_id, owner)
    with transaction.atomic(), connection.cursor() as cursor:
        unknown = Attempt.objects.filter(execution=execution, status=AttemptStatus.UNKNOWN)
        held = lock(cursor, list(unknown.values_list("pk", flat=True)))
        if not held or held[0]["a_status"] != AttemptStatus.UNKNOWN:
            execution.refresh_from_db()
            raise Conflict(
                f"This execution is {execution.status}; only an unknown one is decided.",
                code="not_unknown",
            )
        row, now = held[0], clock.now()
        if told["outcome"] == RETRY:
            _refuse_retry(row, now)
        bells = write(cursor, [(row, decided(row, decision, now))], now)
        log.info("unknown_decided execution=%s outcome=%s", execution.pk, told["outcome"])
    execution.refresh_from_db()
    return execution, bells


def decided(row: Row, decision: dict[str, str], now: datetime) -> Change:
    """What a decision changes; who made it and why stands in the details of attempt and execution.

    The attempt of a retry keeps the outcome `unknown`.
    """
    outcome, note = decision["outcome"], decision["note"]
    again = outcome == RETRY
    known = json.loads(row["a_details"]) if row["a_details"] else {}
    details = json.dumps({**known, "decision": {**decision, "at": now.isoformat()}})
    error = {"completed": None, "failed": f"failed: {note}"}.get(outcome, row["a_error"])
    attempt = attempt_with(
        row,
        status="ended",
        outcome=Outcome.UNKNOWN.value if again else outcome,
        error=error,
        details=details,
        ended_at=now,
        look_at=None,
        **LET_GO,
    )
    if again:
        expires = now + timedelta(seconds=settings.SCHEDULER.catch_up_seconds)
        due = {"due_at": now, "ring_at": now, "expires_at": expires}
        what: Row = {"status": "retrying", "error": row["e_error"], **due}
        execution = execution_with(row, details=details, reason=REASON, **what)
        return Change(attempt, execution, ["retrying"])
    started = row["started"] or outcome == "completed"
    what = {"status": outcome, "error": error, "started": started, "ended_at": now}
    events = ["started"] if started and not row["started"] else []
    execution = execution_with(row, details=details, reason=REASON, **what)
    return Change(attempt, execution, [*events, outcome])


def _find(execution_id: str | UUID, owner: User | None) -> Execution:
    mine = {} if owner is None else {"owner": owner}
    try:
        found = Execution.objects.filter(pk=UUID(str(execution_id)), **mine).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such execution.")
    return found


def _refuse_retry(row: Row, now: datetime) -> None:
    if row["call_status"] == "cancelled":
        raise Conflict("This scheduled call is cancelled; it cannot ring.")
    if row["another"]:
        raise Conflict(
            "Another execution of this scheduled call is open; wait until it is over.",
            code="execution_open",
        )
    refuse_hindered(ScheduledCall.objects.get(pk=row["schedule_id"]), now)
