"""How a scheduled call looks in JSON: rows become answers, in the form that serializers.py tells.

Written out by hand, because a campaign's calls are answered by the ten thousand.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject

from executions.models import Execution
from scheduled_calls.models import ScheduledCall

#: `{"execution_id", "status"}` of the execution that was opened last, None before the first
Last = dict[str, str] | None


def present(call: ScheduledCall, *, dialing: bool = False) -> dict[str, Any]:
    """One scheduled call as the API shows it."""
    return present_all([call], dialing=[call.pk] if dialing else [])[0]


def present_all(
    calls: Sequence[ScheduledCall], *, dialing: Collection[UUID] = ()
) -> list[dict[str, Any]]:
    """Scheduled calls as the API shows them; their last executions come with one query."""
    last = last_executions(calls)
    return [_shown(call, last.get(call.pk), call.pk in dialing) for call in calls]


def present_new(calls: Iterable[ScheduledCall]) -> list[dict[str, Any]]:
    """Calls that were just made, as the API shows them: nothing was executed yet."""
    return [_shown(call, None, dialing=False) for call in calls]


def _shown(call: ScheduledCall, last: Last, dialing: bool) -> dict[str, Any]:
    name, url = str(call.pk), call.webhook_url
    shown = {
        "id": name,
        "schedule_id": name,
        "kind": str(call.kind),
        "agent_id": call.agent_id,
        "phone_number": call.phone_number,
        "name": call.name,
        "description": call.description,
        "timezone": call.timezone,
        "scheduled_time": call.scheduled_time,
        "scheduled_time_utc": _utc(call.instant),
        "cron_expression": call.cron_expression or None,
        "cron_description": call.cron_description,
        "max_occurrences": call.max_occurrences,
        "occurrence_count": call.occurrence_count,
        "next_run_at": _utc(call.next_run_at),
        "status": str(call.status),
        "paused_reason": call.paused_reason,
        "paused_until": _utc(call.paused_until),
        "customer_context": call.customer_context,
        "metadata": call.metadata,
        "retry_policy": call.retry_policy,
        "webhook_url": url or None,
        "webhook_events": list(call.webhook_events) if url else None,
        "batch_id": call.batch_id or None,
        "last_execution": last,
        "created_at": _utc(call.created_at),
        "updated_at": _utc(call.updated_at),
    }
    return shown | {"dialing": True} if dialing else shown


def _utc(at: datetime | None) -> str | None:
    """An instant as `2027-02-01T19:30:00Z`, with fractions of a second where there are any."""
    return None if at is None else at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def last_executions(calls: Sequence[ScheduledCall]) -> dict[UUID, Any]:
    """The last execution of each call, as `{"execution_id", "status"}`; None where there is none.

    A subquery for each call of the page, which ends at the first row of its index: DISTINCT ON
    would read the whole history of each.
    """
    newest = Execution.objects.filter(scheduled_call=OuterRef("pk")).order_by(
        "-scheduled_for", "-opened"
    )
    last = newest.values(shown=JSONObject(execution_id="id", status="status"))[:1]
    rows = ScheduledCall.objects.filter(pk__in=[call.pk for call in calls])
    return dict(rows.values_list("pk", Subquery(last)))
