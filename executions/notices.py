"""Something happened to an execution: the owner's systems are told, by rows written with it."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from executions import rows
from executions.events import Telling, body_of
from executions.rows import Row
from scheduled_calls.recurrence import find_zone
from webhooks.outbox import Notice, enqueue

log = logging.getLogger(__name__)
#: what a row needs to be told of, in any query that joins execution e and scheduled call s
COLUMNS = """
    e.id AS execution_id, e.trigger, e.status AS execution_status, e.scheduled_for, e.actual_time,
    e.attempt_count, e.call_id AS execution_call_id, e.started, e.expires_at,
    s.id AS schedule_id, s.owner_id, s.status AS call_status, s.timezone, s.crontab_id,
    s.next_run_at, s.agent_id, s.phone_number, s.webhook_url,
    s.retry_policy::text AS retry_policy, s.webhook_events::text AS webhook_events,
    CASE WHEN s.webhook_url <> '' THEN s.customer_context::text END AS customer_context,
    CASE WHEN s.webhook_url <> '' THEN s.metadata::text END AS metadata
"""
_TOLD = f"""
SELECT {COLUMNS} FROM executions_execution e
JOIN scheduled_calls_scheduledcall s ON s.id = e.scheduled_call_id
WHERE e.id = ANY(%(ids)s::uuid[])
"""  # noqa: S608  own constants


def read_told(cursor: Any, execution_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """What `tell` needs to know of these executions, by their ids."""
    if not execution_ids:
        return {}
    found = rows.fetch(cursor, _TOLD, {"ids": rows.array(execution_ids)})
    return {row["execution_id"]: row for row in found}


def tell(cursor: Any, happened: Sequence[tuple[str, Row, Row]], now: datetime) -> list[UUID]:
    """Writes deliveries for (event, row as it was, changes) where the owner wants that event.

    In the caller's transaction; returns the deliveries' ids, to be rung for after the commit.
    """
    wanted = [
        notice
        for event, row, changes in happened
        if row["webhook_url"]
        and event in json.loads(row["webhook_events"])
        and (notice := _notice_safely(event, row, changes, now))
    ]
    return enqueue(cursor, wanted, now)


def _notice_safely(event: str, row: Row, changes: Row, now: datetime) -> Notice | None:
    """As `_notice`; a message that cannot be built must not undo what happened."""
    try:
        return _notice(event, row, changes, now)
    except Exception:
        log.exception("notice_defect execution=%s event=%s", row["execution_id"], event)
        return None


def _notice(event: str, row: Row, changes: Row, now: datetime) -> Notice:
    telling = Telling(
        schedule_id=str(row["schedule_id"]),
        execution_id=str(row["execution_id"]),
        call_id=changes.get("call_id", row["execution_call_id"]),
        agent_id=row["agent_id"],
        phone_number=row["phone_number"],
        status=changes["status"],
        zone=find_zone(row["timezone"]),
        scheduled_for=row["scheduled_for"],
        actual_time=row["actual_time"],
        duration=changes.get("duration"),
        error=changes.get("error"),
        attempt=row["attempt_count"],
        will_retry=changes.get("status") == "retrying",
        trigger=row["trigger"],
        reason=changes.get("reason", ""),
        details=json.loads(changes["details"]) if changes.get("details") else None,
        customer_context=json.loads(row["customer_context"]),
        metadata=json.loads(row["metadata"]),
    )
    return Notice(
        owner_id=row["owner_id"],
        url=row["webhook_url"],
        event=event,
        body=body_of(event, telling, now),
        schedule_id=UUID(telling.schedule_id),
        execution_id=UUID(telling.execution_id),
    )
