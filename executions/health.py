"""Is the scheduler well? The owner's counts, and whether calls that are due do ring."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Max, Min

from executions.attention import attention
from executions.models import Execution
from executions.states import WAITING, ExecutionStatus
from executions.switches import without_stopped
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.recurrence import zone_database_version
from scheduler_project import clock
from scheduler_project.health import broker_answers

#: a due call that waits longer than this says that nobody rings
LATE_SECONDS = 60
#: so many of the newest executions are looked through for the last attempt
LOOKED_THROUGH = 200


def health(owner: User) -> dict[str, Any]:
    """The seed's five fields and a few more. Counts are the owner's, `status` is the system's."""
    now, broker = clock.now(), broker_answers()
    waited = overdue_seconds(now)
    # One reading of one index for both: only an active call has a next run.
    counts = ScheduledCall.objects.filter(owner=owner).aggregate(
        pending=Count("next_run_at"), total=Count("*")
    )
    return {
        "status": judge(broker, waited, settings.SCHEDULER.catch_up_seconds),
        "scheduled_calls_pending": counts["pending"],
        "scheduled_calls_total": counts["total"],
        "last_execution": _last_attempt(owner),
        "failed_executions_today": _failed_since(owner, _midnight(now)),
        "version": settings.VERSION,
        "zone_database": zone_database_version(),
        "broker": broker,
        "overdue_seconds": waited,
        "attention": attention(owner, now),
    }


def judge(broker: bool, waited: int, catch_up_seconds: int) -> str:
    """`healthy`, `degraded` (the broker is silent, or due calls wait) or `unhealthy`; pure.

    Unhealthy: due calls wait and the broker is silent, or they wait so long that they are missed.
    """
    late = waited > LATE_SECONDS
    if (late and not broker) or waited > catch_up_seconds:
        return "unhealthy"
    return "degraded" if late or not broker else "healthy"


def overdue_seconds(now: datetime) -> int:
    """How long the oldest call that is due has been waiting, whoever owns it; 0 when none is.

    Retries of a paused call and what a stop switch holds back wait on purpose: they do not count.
    """
    due = {"next_run_at__isnull": False, "next_run_at__lt": now}  # as the index of dispatch has it
    unopened = ScheduledCall.objects.filter(status=Status.ACTIVE, **due)
    waiting = Execution.objects.filter(status__in=sorted(WAITING), due_at__lt=now)
    waiting = without_stopped(waiting.exclude(scheduled_call__status=Status.PAUSED), now)
    oldest = (
        unopened.aggregate(first=Min("next_run_at"))["first"],
        waiting.aggregate(first=Min("due_at"))["first"],
    )
    found = [time for time in oldest if time is not None]
    return int((now - min(found)).total_seconds()) if found else 0


def _last_attempt(owner: User) -> datetime | None:
    newest = Execution.objects.filter(owner=owner, actual_time__isnull=False)
    ids = newest.order_by("-opened").values("pk")[:LOOKED_THROUGH]
    last: datetime | None = Execution.objects.filter(pk__in=ids).aggregate(last=Max("actual_time"))[
        "last"
    ]
    return last


def _failed_since(owner: User, instant: datetime) -> int:
    failed = Execution.objects.filter(owner=owner, status=ExecutionStatus.FAILED)
    return failed.filter(ended_at__gte=instant).count()


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
