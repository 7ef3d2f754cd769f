"""Keeps what happened: an execution per occurrence, its attempts, the service's reports."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from executions.states import (
    CAME_TO_NOTHING,
    FINAL,
    OPEN,
    WAITING,
    AttemptStatus,
    ExecutionStatus,
    Outcome,
    Trigger,
)
from scheduled_calls.models import ScheduledCall
from scheduler_project.ids import uuid7


class Execution(models.Model):
    """One occurrence of a scheduled call, or one manual run of it, with what came of it.

    A retry is the same row with a later `due_at`. `ring_at` is when a worker must be told (again);
    it is the hot path's only index.
    """

    #: uuid5 of the scheduled call and `occurrence_key`: known before the row exists. So the primary
    #: key makes an occurrence one row. Whoever opens one holds the call's row.
    id = models.UUIDField(primary_key=True, editable=False)
    #: sorts executions by the moment they were opened
    opened = models.UUIDField(unique=True, default=uuid7, editable=False)
    scheduled_call = models.ForeignKey(
        ScheduledCall, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    #: a copy of the scheduled call's, whose own reference is checked by the database
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    occurrence_key = models.CharField(max_length=80)
    trigger = models.CharField(max_length=8, choices=Trigger, default=Trigger.SCHEDULE)
    scheduled_for = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ring_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=12, choices=ExecutionStatus)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    #: whether the call service ever accepted an attempt: `started` is told once
    started = models.BooleanField(default=False)
    #: the last attempt's begin, reference at the call service, and talking seconds
    actual_time = models.DateTimeField(null=True)
    call_id = models.CharField(max_length=255, null=True)  # noqa: DJ001  null is "none yet"
    duration = models.PositiveIntegerField(null=True)
    error = models.TextField(null=True)  # noqa: DJ001  null is "no error", as the seed shows it
    reason = models.CharField(max_length=64, blank=True, default="")
    details = models.JSONField(null=True)
    #: for a missed row: how many occurrences it stands for
    count = models.PositiveIntegerField(default=1)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened"]
        constraints = [
            # one person, one phone: dispatch ends the old one before it opens the next
            models.UniqueConstraint(
                fields=["scheduled_call"],
                condition=Q(status__in=sorted(WAITING)),
                name="execution_one_waiting",
            ),
            models.CheckConstraint(
                name="execution_status_is_known", condition=Q(status__in=ExecutionStatus.values)
            ),
            models.CheckConstraint(
                name="execution_waiting_is_rung",
                condition=Q(status__in=sorted(WAITING), ring_at__isnull=False)
                | (~Q(status__in=sorted(WAITING)) & Q(ring_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="execution_final_has_ended",
                condition=Q(status__in=sorted(FINAL), ended_at__isnull=False)
                | (~Q(status__in=sorted(FINAL)) & Q(ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="execution_dialed_has_attempts",
                condition=Q(status__in=["pending", "missed", "skipped", "cancelled", "failed"])
                | Q(attempt_count__gte=1),
            ),
        ]
        indexes = [
            # beat: what is to be rung now? (and again)
            models.Index(
                fields=["ring_at"],
                name="execution_ring",
                condition=Q(status__in=sorted(WAITING)),
            ),
            # dispatch: is another execution of this call under way?
            models.Index(
                fields=["scheduled_call"],
                name="execution_open",
                condition=Q(status__in=sorted(OPEN)),
            ),
            # GET /api/executions: one owner's, newest first. What it includes answers ?status= and
            # ?scheduled_before= without reading rows.
            models.Index(
                fields=["owner", "opened"],
                include=["status", "scheduled_for"],
                name="execution_newest",
            ),
            # ?status= of the same list, for what few end as; health: how many failed today?
            models.Index(
                fields=["status", "owner", "opened"],
                include=["ended_at"],
                name="execution_came_to_nothing",
                condition=Q(status__in=sorted(CAME_TO_NOTHING)),
            ),
            # GET /api/scheduled-calls/{id}/history, and a call's last execution
            models.Index(fields=["scheduled_call", "-scheduled_for"], name="execution_history"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.scheduled_for:%Y-%m-%d %H:%M} UTC"


class Attempt(models.Model):
    """One try to reach the person; its id is our reference at the call service."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    execution = models.ForeignKey(
        Execution, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=12, choices=AttemptStatus)
    provider = models.CharField(max_length=100)
    #: agent_id, phone_number, customer_context, metadata: as sent, whatever is edited later
    sent = models.JSONField()
    #: the advisory lock of the worker's session that holds it
    worker = models.BigIntegerField(null=True)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    #: how often it was provably not sent and put back
    resends = models.PositiveSmallIntegerField(default=0)
    #: when somebody must look after it: the lease is over, or the call service is to be asked
    look_at = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0)
    unknown_since = models.DateTimeField(null=True)
    call_id = models.CharField(max_length=255, null=True)  # noqa: DJ001  null is "none yet"
    outcome = models.CharField(  # noqa: DJ001  null is "still open"
        max_length=16, choices=Outcome, null=True
    )
    error = models.TextField(null=True)  # noqa: DJ001  null is "no error"
    duration = models.PositiveIntegerField(null=True)
    details = models.JSONField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["execution_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "number"], name="attempt_number"),
            models.UniqueConstraint(
                fields=["execution"],
                condition=~Q(status=AttemptStatus.ENDED),
                name="attempt_one_open",
            ),
            models.UniqueConstraint(
                fields=["provider", "call_id"],
                condition=Q(call_id__isnull=False),
                name="attempt_call_id",
            ),
            models.CheckConstraint(
                name="attempt_status_is_known", condition=Q(status__in=AttemptStatus.values)
            ),
            models.CheckConstraint(
                name="attempt_ended_has_outcome",
                condition=Q(
                    status=AttemptStatus.ENDED, outcome__isnull=False, ended_at__isnull=False
                )
                | (~Q(status=AttemptStatus.ENDED) & Q(outcome__isnull=True, ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="attempt_dialing_is_leased",
                condition=~Q(status=AttemptStatus.DIALING)
                | Q(worker__isnull=False, lease_until__isnull=False, look_at__isnull=False),
            ),
        ]
        indexes = [
            # beat: which attempts must be looked after now?
            models.Index(
                fields=["look_at"],
                name="attempt_look",
                condition=Q(status__in=["dialing", "in_progress", "unknown"]),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome or self.status}"


class ProviderEvent(models.Model):
    """The inbox of callbacks: each event of a call service once, as it came."""

    provider = models.CharField(max_length=100)
    event_id = models.CharField(max_length=255)
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="events")
    status = models.CharField(max_length=32)
    raw = models.JSONField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.status}"


class StopScope(models.TextChoices):
    """Which calls a stop switch holds back."""

    GLOBAL = "global", "all calls"
    AGENT = "agent", "one agent's calls"
    NUMBER_PREFIX = "number_prefix", "numbers that begin so"


class StopSwitch(models.Model):
    """Somebody of the staff has forbidden to ring, for a reason; whoever owns the calls."""

    scope = models.CharField(max_length=16, choices=StopScope)
    #: the agent's id, or the first digits of a number such as +44; empty for all calls
    value = models.CharField(max_length=255, blank=True, default="")
    reason = models.CharField(max_length=255)
    author = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    #: when it ends by itself
    ends_at = models.DateTimeField(null=True, blank=True)
    #: when somebody lifted it, and who
    ended_at = models.DateTimeField(null=True, editable=False)
    lifted_by = models.CharField(max_length=150, blank=True, default="", editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "stop switches"
        constraints = [
            models.CheckConstraint(
                name="stop_switch_scope_is_known", condition=Q(scope__in=StopScope.values)
            ),
            models.CheckConstraint(
                name="stop_switch_names_what_it_stops",
                condition=Q(scope=StopScope.GLOBAL, value="")
                | (~Q(scope=StopScope.GLOBAL) & ~Q(value="")),
            ),
        ]
        indexes = [
            # each dial: what is forbidden now? Those that were lifted are history.
            models.Index(
                fields=["scope"],
                name="stop_switch_not_lifted",
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}{f' {self.value}' * bool(self.value)}: {self.reason}"

    def is_active(self, now: datetime) -> bool:
        """Whether it is in force at `now`."""
        return self.ended_at is None and (self.ends_at is None or self.ends_at > now)
