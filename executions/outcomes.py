"""What the call service said is written down: attempt, execution, scheduled call and webhook rows,
all in one transaction, many at a time."""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg2
from django.conf import settings
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)

from executions import rows
from executions.ending import close_calls
from executions.findings import UNKNOWN, Finding
from executions.notices import read_told, tell
from executions.rows import Row
from executions.states import FINAL
from executions.transitions import Change, change, lands, may_ring_again
from scheduler_project import clock

log = logging.getLogger(__name__)

# Locks in the order of all verbs: scheduled call, execution, attempt. The calls' locks are a
# statement of their own: what is read after it has seen everything that they waited for. They hold
# executions and attempts, too: without the call's lock nobody changes more of these than when beat
# looks at them again.
_LOCK_CALLS = """
SELECT s.id FROM executions_attempt a
JOIN executions_execution e ON e.id = a.execution_id
JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
WHERE a.id = ANY(%(ids)s::uuid[]) ORDER BY s.id FOR NO KEY UPDATE OF s
"""
_LOCK_THESE = """
SELECT id FROM scheduled_calls_scheduledcall WHERE id = ANY(%(schedules)s::uuid[])
ORDER BY id FOR NO KEY UPDATE
"""
_READ = """
SELECT a.id AS a_id, a.status AS a_status, a.worker AS a_worker, a.call_id AS a_call_id,
    a.error AS a_error, a.details::text AS a_details, a.looks AS a_looks,
    a.unknown_since AS a_unknown_since, a.resends AS a_resends, a.number AS attempt_number,
    e.id AS execution_id, e.status AS execution_status, e.started, e.attempt_count,
    e.error AS e_error, s.id AS schedule_id, s.status AS call_status,
    s.webhook_url <> '' AS told{more}
FROM executions_attempt a
JOIN executions_execution e ON e.id = a.execution_id
JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
WHERE a.id = ANY(%(ids)s::uuid[])
ORDER BY s.id
"""
#: what decides whether an execution may ring again
_MORE = """,
    e.scheduled_for, e.expires_at, s.next_run_at, s.retry_policy::text AS retry_policy,
    EXISTS (SELECT FROM executions_execution o
            WHERE o.scheduled_call_id = s.id AND o.id <> e.id
              AND o.status IN ('pending', 'dialing', 'in_progress', 'retrying')
            OFFSET 0) AS another,
    e.trigger = 'schedule'
        AND split_part(e.occurrence_key, ':', 1) <> s.timing_revision::text AS outdated"""
_READ_ALL, _READ_OVER = _READ.format(more=_MORE), _READ.format(more="")
ATTEMPT = {
    "status": "varchar",
    "call_id": "varchar",
    "outcome": "varchar",
    "error": "text",
    "duration": "integer",
    "details": "jsonb",
    "worker": "bigint",
    "lease_until": "timestamptz",
    "look_at": "timestamptz",
    "looks": "smallint",
    "unknown_since": "timestamptz",
    "resends": "smallint",
    "ended_at": "timestamptz",
}
EXECUTION = {
    "status": "varchar",
    "started": "boolean",
    "call_id": "varchar",
    "duration": "integer",
    "error": "text",
    "reason": "varchar",
    "details": "jsonb",
    "due_at": "timestamptz",
    "expires_at": "timestamptz",
    "ring_at": "timestamptz",
    "ended_at": "timestamptz",
}
#: the database is away or read-only: try again, nothing is wrong with the findings
AWAY = (
    OperationalError,
    InterfaceError,
    InternalError,
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.InternalError,
)
Transaction = Callable[[], AbstractContextManager[Any]]


def record(cursor: Any, findings: Sequence[Finding], now: datetime) -> list[UUID]:
    """Writes the findings that still count; returns webhook deliveries to ring for.

    To be called in a transaction on `cursor`, with one finding an attempt.
    """
    by_attempt = {finding.attempt_id: finding for finding in findings}
    schedules = [finding.schedule_id for finding in findings]
    over = not any(may_ring_again(finding) for finding in findings)
    catch_up = settings.SCHEDULER.catch_up_seconds
    changed = [
        (row, _change(row, by_attempt[row["a_id"]], now, catch_up))
        for row in lock(
            cursor, list(by_attempt), None if None in schedules else schedules, over=over
        )
        if lands(row, by_attempt[row["a_id"]])
    ]
    return write(cursor, changed, now)


def lock(
    cursor: Any,
    attempt_ids: Sequence[UUID],
    schedule_ids: Sequence[UUID | None] | None = None,
    *,
    over: bool = False,
) -> list[Row]:
    """The attempts with their executions and calls, held for the rest of the transaction.

    `schedule_ids`: of the calls, where the caller knows them all. `over`: none of them rings again
    after what the caller knows; then what decides that is not read.
    """
    ids = {"ids": rows.array(attempt_ids)}
    if schedule_ids is None:
        cursor.execute(_LOCK_CALLS, ids)
    else:
        cursor.execute(_LOCK_THESE, {"schedules": rows.array(schedule_ids)})
    return rows.fetch(cursor, _READ_OVER if over else _READ_ALL, ids)


def write(cursor: Any, changed: Sequence[tuple[Row, Change]], now: datetime) -> list[UUID]:
    """Writes what changed of the rows that `lock` gave; returns webhook deliveries to ring for."""
    telling = [(row["execution_id"], made) for row, made in changed if row["told"] and made.events]
    told = read_told(cursor, [id_ for id_, _ in telling])
    rows.update(cursor, "executions_attempt", ATTEMPT, [made.attempt for _, made in changed])
    executions = [made.execution for _, made in changed if made.execution]
    rows.update(cursor, "executions_execution", EXECUTION, executions)
    over = [row["schedule_id"] for row, made in changed if _is_over(made)]
    close_calls(cursor, over, now)
    happened = [
        (event, told[id_], _as_told(event, made)) for id_, made in telling for event in made.events
    ]
    return tell(cursor, happened, now)


def _change(row: Row, finding: Finding, now: datetime, catch_up: float) -> Change:
    chance = random.random()  # noqa: S311  spreads retries, guards nothing
    return change(row, finding, now, catch_up, chance)


def _is_over(made: Change) -> bool:
    return made.execution is not None and made.execution["status"] in FINAL


def _as_told(event: str, made: Change) -> Row:
    """A call that was over at once is told as started first, as if it were still under way."""
    told = dict(made.execution or {})
    if event == "started":
        told |= {"status": "in_progress", "duration": None, "error": None, "details": None}
    return told


def record_on(
    begin: Transaction, findings: Sequence[Finding], now: datetime | None = None
) -> list[UUID]:
    """As `record`, in a transaction of its own; a batch that cannot be written is taken apart.

    Without a `now`, it is when the transaction begins.

    What cannot be written alone either (it claims another call's id, or holds what no column can)
    is written as unknown, for nobody can say what rang. Raises when the database is away, and
    when not even that can be written.
    """
    try:
        with begin() as cursor:
            return record(cursor, findings, now or clock.now_on(cursor))
    except AWAY:
        raise
    except Exception:
        if len(findings) > 1:
            return [id_ for finding in findings for id_ in record_on(begin, [finding], now)]
        log.exception("finding_refused attempt=%s", findings[0].attempt_id)
        error = "what the call service said could not be written"
        doubt = Finding(
            findings[0].attempt_id, UNKNOWN, error=error, look_in=60.0, worker=findings[0].worker
        )
        with begin() as cursor:
            return record(cursor, [doubt], now or clock.now_on(cursor))


@contextmanager
def django_transaction() -> Iterator[Any]:
    """A transaction on Django's connection, for callbacks and lookups."""
    with transaction.atomic(), connection.cursor() as cursor:
        yield cursor
