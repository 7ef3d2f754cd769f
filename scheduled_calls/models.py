"""Keeps what to call and when: one row a scheduled call, its time held by django-celery-beat."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django_celery_beat.models import ClockedSchedule, CrontabSchedule

from scheduled_calls.recurrence import describe, find_zone, parse_cron
from scheduler_project.ids import uuid7

WALL_CLOCK = "%Y-%m-%d %H:%M:%S"


class Status(models.TextChoices):
    """Where a scheduled call stands."""

    ACTIVE = "active"  # rings when its time comes; its last execution may still be running
    PAUSED = "paused"  # rings nothing until it is resumed
    COMPLETED = "completed"  # nothing is left to ring and the last execution is final
    CANCELLED = "cancelled"  # somebody cancelled it; for good
    MISSED = "missed"  # one-time only: its time went by without a ring


#: few calls are this, and an operator looks for them
SET_ASIDE = (Status.PAUSED, Status.CANCELLED, Status.MISSED)


class Kind(models.TextChoices):
    """How often it rings."""

    ONE_TIME = "one_time"
    RECURRING = "recurring"


class ScheduledCall(models.Model):
    """Whom to call, with which agent, when.

    `next_run_at` is the time that beat looks for; it moves on in the transaction that opens the
    occurrence. `clocked` rows belong to one call, `crontab` rows are shared and never edited.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    agent_id = models.CharField(max_length=255)
    phone_number = models.CharField(max_length=16)
    name = models.CharField(max_length=255, blank=True, default="")
    description = models.TextField(blank=True, default="")
    timezone = models.CharField(max_length=64)
    #: the wall clock as it was given, local to `timezone`; empty when given with an offset
    wall_clock = models.CharField(max_length=32, blank=True, default="")
    #: the expression as it was given; the crontab row holds its normal form
    cron_expression = models.CharField(max_length=255, blank=True, default="")
    clocked = models.OneToOneField(
        ClockedSchedule, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    crontab = models.ForeignKey(
        CrontabSchedule,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    max_occurrences = models.PositiveIntegerField(null=True, blank=True)
    #: occurrences opened and neither missed nor skipped
    occurrence_count = models.PositiveIntegerField(default=0)
    next_run_at = models.DateTimeField(null=True, blank=True)
    #: the id that the execution of the occurrence at `next_run_at` will have
    next_execution_id = models.UUIDField(null=True, blank=True, editable=False)
    #: the occurrence opened last; for a one-time call it tells whether its time was taken up
    last_opened_for = models.DateTimeField(null=True, blank=True)
    #: raised whenever cron, time or zone change: old occurrences stay apart from new ones
    timing_revision = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    paused_reason = models.CharField(max_length=255, blank=True, default="")
    paused_until = models.DateTimeField(null=True, blank=True)
    #: while paused: when beat must look (the pause ends, or a one-time call's time goes by)
    wake_at = models.DateTimeField(null=True, blank=True)
    customer_context = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    retry_policy = models.JSONField(null=True, blank=True)
    webhook_url = models.CharField(max_length=2048, blank=True, default="")
    webhook_events = models.JSONField(default=list, blank=True)
    batch_id = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="scheduled_call_has_one_schedule",
                condition=Q(clocked__isnull=True) ^ Q(crontab__isnull=True),
            ),
            models.CheckConstraint(
                name="scheduled_call_status_is_known", condition=Q(status__in=Status.values)
            ),
            models.CheckConstraint(
                name="scheduled_call_only_active_runs",
                condition=Q(status=Status.ACTIVE, next_run_at__isnull=False)
                & Q(next_execution_id__isnull=False)
                | Q(next_run_at__isnull=True, next_execution_id__isnull=True),
            ),
            models.CheckConstraint(
                name="scheduled_call_only_paused_wakes",
                condition=Q(status=Status.PAUSED) | Q(wake_at__isnull=True),
            ),
            models.CheckConstraint(
                name="scheduled_call_keeps_to_max_occurrences",
                condition=Q(max_occurrences__isnull=True)
                | Q(occurrence_count__lte=F("max_occurrences")),
            ),
        ]
        indexes = [
            # Those that end with the id are read backwards, newest first. With `-id` each of
            # their pages would be split in halves as it grows, and stay half empty.
            # GET /api/scheduled-calls: one owner's, newest first; health: how many are there, how
            # many have a next run?
            models.Index(
                fields=["owner", "id"], include=["next_run_at"], name="scheduled_call_newest"
            ),
            # ?kind=recurring of the same list
            models.Index(
                fields=["owner", "id"],
                name="scheduled_call_recurring",
                condition=Q(crontab__isnull=False),
            ),
            # ?agent_id= of the same list
            models.Index(fields=["owner", "agent_id", "id"], name="scheduled_call_agent"),
            # ?phone_number= of the same list
            models.Index(fields=["owner", "phone_number", "-id"], name="scheduled_call_number"),
            # ?batch_id= of the same list
            models.Index(
                fields=["owner", "batch_id", "id"],
                name="scheduled_call_batch",
                condition=~Q(batch_id=""),
            ),
            # The next two say nothing of the status, which CHECKs above tie to their columns: so a
            # call whose status alone changes keeps its place in every index.
            # dispatch: what is due now?
            models.Index(
                fields=["next_run_at"],
                name="scheduled_call_due",
                condition=Q(next_run_at__isnull=False),
            ),
            # dispatch: which pause ends now?
            models.Index(
                fields=["wake_at"],
                name="scheduled_call_wake",
                condition=Q(wake_at__isnull=False),
            ),
            # may a crontab row be deleted?
            models.Index(
                fields=["crontab"],
                name="scheduled_call_crontab",
                condition=Q(crontab__isnull=False),
            ),
            # GET and cancel of an execution that is still to come
            models.Index(
                fields=["next_execution_id"],
                name="scheduled_call_next",
                condition=Q(next_execution_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.agent_id} to {self.phone_number}"

    @property
    def kind(self) -> str:
        """`one_time` or `recurring`."""
        return Kind.ONE_TIME if self.crontab_id is None else Kind.RECURRING

    @property
    def zone(self) -> ZoneInfo:
        """The zone that wall clocks of this call are read in."""
        return find_zone(self.timezone)

    @property
    def instant(self) -> datetime | None:
        """When a one-time call rings, aware, UTC; None when recurring."""
        return self.clocked.clocked_time if self.clocked else None

    @property
    def scheduled_time(self) -> str | None:
        """The one-time call's wall clock in its zone, as the seed writes it."""
        return self.local(self.instant)

    @property
    def cron_description(self) -> str | None:
        """The expression in plain English; None for a one-time call."""
        return describe_cron(self.cron_expression)

    def local(self, instant: datetime | None) -> str | None:
        """An instant as wall clock in this call's zone, `2027-02-01 14:30:00`."""
        return wall_clock_at(instant, self.timezone)

    def wants(self, event: str) -> bool:
        """Whether this call's owner wants a webhook about the event."""
        return bool(self.webhook_url) and event in self.webhook_events


@lru_cache(maxsize=4096)  # calls of a campaign share their times
def wall_clock_at(instant: datetime | None, zone_name: str) -> str | None:
    """An instant as wall clock in a zone, `2027-02-01 14:30:00`."""
    return instant.astimezone(_shown_zone(zone_name)).strftime(WALL_CLOCK) if instant else None


def describe_cron(expression: str) -> str | None:
    """A cron expression in plain English; None for none, and for one that cannot be read."""
    try:
        return describe(parse_cron(expression)) if expression else None
    except ValueError:
        return None


def _shown_zone(name: str) -> tzinfo:
    """A zone that can no longer be read must not hide the row: it is shown in UTC."""
    try:
        return find_zone(name)
    except ValueError:
        return UTC


class SearchText(models.Model):
    """What `?search=` looks through: a call's name, agent, number and its id's last group.

    In upper case, a line each. A trigger keeps it. It is a table of its own, since a call's row is
    written anew at each ring.
    """

    call = models.OneToOneField(
        ScheduledCall,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="search_text",
        db_constraint=False,
    )
    text = models.TextField()
    #: whether the index of trigrams has it; see scheduled_calls/searching.py
    filed = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["call"], name="search_text_unfiled", condition=Q(filed=False)),
        ]

    def __str__(self) -> str:
        return self.text


class CallMetadata(models.Model):
    """A call's metadata, if it has any: what `?metadata.<key>=` looks through.

    A trigger keeps it. It is a table of its own, since each ring would write in its index, which
    is the dearest of all.
    """

    call = models.OneToOneField(
        ScheduledCall,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="kept_metadata",
        db_constraint=False,
    )
    metadata = models.JSONField()

    class Meta:
        verbose_name_plural = "call metadata"
        indexes = [
            GinIndex(
                fields=["metadata"], opclasses=["jsonb_path_ops"], name="call_metadata_values"
            ),
        ]

    def __str__(self) -> str:
        return str(self.metadata)


class SetAside(models.Model):
    """A call that is paused, cancelled or missed: what `?status=` looks for among a million others.

    A trigger keeps it. It is a table of its own, since an index that knows the status of a call
    would make each completion of one a change of all indexes.
    """

    call = models.OneToOneField(
        ScheduledCall,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="set_aside",
        db_constraint=False,
    )
    status = models.CharField(max_length=16)

    class Meta:
        indexes = [
            # GET /api/scheduled-calls?status=, newest first
            models.Index(fields=["status", "-call"], name="set_aside_list"),
        ]

    def __str__(self) -> str:
        return self.status
