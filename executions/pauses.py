"""A pause ends by itself, or outlasts the time of a one-time call, which is then missed."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

from executions import rows
from executions.dispatch import BATCH, Bells, close_and_tell
from executions.ending import close_calls
from executions.occurrence import INSERTED, execution_row
from executions.rows import Row
from executions.states import ExecutionStatus
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.services import wake
from scheduled_calls.timing import unopened_instant, wake_at

log = logging.getLogger(__name__)

_WAKING = """
SELECT id FROM scheduled_calls_scheduledcall
WHERE status = 'paused' AND wake_at IS NOT NULL AND wake_at <= %(now)s
ORDER BY wake_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""


def end_pauses(now: datetime, limit: int = BATCH) -> Bells:
    """Looks at paused calls whose `wake_at` has come: wakes them, or notes the missed ones."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WAKING, {"now": now, "limit": limit})
        ids = [row[0] for row in cursor.fetchall()]
        calls = ScheduledCall.objects.select_related("clocked").in_bulk(ids).values()
        missed = [row for call in calls for row in _wake_or_miss_safely(call, now)]
        close_calls(cursor, ids, now)  # one may have had nothing left when it was paused
        fresh = set(rows.insert(cursor, "executions_execution", INSERTED, missed))
        new = [row for row in missed if str(row["id"]) in fresh]
        return Bells(webhooks=close_and_tell(cursor, new, now), more=len(ids) == limit)


def _wake_or_miss_safely(call: ScheduledCall, now: datetime) -> list[Row]:
    """As `_wake_or_miss`; a call whose times cannot be computed stays paused and is let alone."""
    try:
        return list(_wake_or_miss(call, now))
    except ValueError:
        log.exception("call_defect schedule=%s", call.id)
        ScheduledCall.objects.filter(pk=call.id).update(wake_at=None)
        return []


def _wake_or_miss(call: ScheduledCall, now: datetime) -> Iterable[Row]:
    """Wakes the call as of its pause's end; yields the row of a time that the pause outlasted."""
    instant, until = unopened_instant(call), call.paused_until
    if until is not None and until <= now and (instant is None or until <= instant):
        # an occurrence at the very end of the pause rings
        wake(call, until - timedelta(microseconds=1))
        return
    if instant is not None and instant <= now:
        yield execution_row(call, instant, ExecutionStatus.MISSED, now, "paused")
        call.status, call.last_opened_for = Status.MISSED, instant
        call.paused_reason, call.paused_until = "", None
    call.wake_at = wake_at(call)
    call.save()
