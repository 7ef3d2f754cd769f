"""How a scheduled call looks in JSON: rows become answers, in the form that serializers.py tells.

Written out by hand, because a campaign's calls are answered by the ten thousand.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject

from executions.models import Execution
from scheduled_calls.drafts import Draft
from scheduled_calls.models import ScheduledCall, describe_cron, wall_clock_at

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
    return [_shown_row(call, last.get(call.pk), call.pk in dialing) for call in calls]


def present_new(calls: Iterable[ScheduledCall]) -> list[dict[str, Any]]:
    """Calls that were just made, as the API shows them: nothing was executed yet."""
    return [_shown_row(call, None, dialing=False) for call in calls]


def present_draft(draft: Draft) -> dict[str, Any]:
    """A call that is being stored, as the API shows it once it is."""
    return _shown(draft.name, draft.columns, draft.at, None)


def _shown_row(call: ScheduledCall, last: Last, dialing: bool) -> dict[str, Any]:
    shown = _shown(str(call.pk), call.__dict__, call.instant, last)
    return shown | {"dialing": True} if dialing else shown


def _shown(
    name: str, columns: Mapping[str, Any], instant: datetime | None, last: Last
) -> dict[str, Any]:
    url, cron, zone_name = columns["webhook_url"], columns["cron_expression"], columns["timezone"]
    return {
        "id": name,
        "schedule_id": name,
        "kind": "one_time" if columns["crontab_id"] is None else "recurring",
        "agent_id": columns["agent_id"],
        "phone_number": columns["phone_number"],
        "name": columns["name"],
        "description": columns["description"],
        "timezone": zone_name,
        "scheduled_time": wall_clock_at(instant, zone_name),
        "scheduled_time_utc": _utc(instant),
        "cron_expression": cron or None,
        "cron_description": describe_cron(cron),
        "max_occurrences": columns["max_occurrences"],
        "occurrence_count": columns["occurrence_count"],
        "next_run_at": _utc(columns["next_run_at"]),
        "status": str(columns["status"]),
        "paused_reason": columns["paused_reason"],
        "paused_until": _utc(columns["paused_until"]),
        "customer_context": columns["customer_context"],
        "metadata": columns["metadata"],
        "retry_policy": columns["retry_policy"],
        "webhook_url": url or None,
        "webhook_events": list(columns["webhook_events"]) if url else None,
        "batch_id": columns["batch_id"] or None,
        "last_execution": last,
        "created_at": _utc(columns["created_at"]),
        "updated_at": _utc(columns["updated_at"]),
    }


@lru_cache(maxsize=4096)  # calls of a campaign share their times
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
