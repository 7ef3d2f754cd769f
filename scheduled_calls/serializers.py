"""How a scheduled call, and the preview of one, look in JSON."""

from datetime import UTC
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scheduled_calls.models import Kind, ScheduledCall, Status
from scheduler_project.errors import ProblemErrorSerializer


class UtcTime(serializers.DateTimeField):
    """An instant as `2027-02-01T19:30:00Z`, with fractions of a second where there are any."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)


class LastExecutionSerializer(serializers.Serializer[Any]):
    """The execution that was opened last."""

    execution_id = serializers.CharField()
    status = serializers.CharField(help_text="as an execution has it")


class RetryPolicySerializer(serializers.Serializer[Any]):
    """When a failed attempt is tried again; `retry_delay` is seconds after its end."""

    max_retries = serializers.IntegerField()
    retry_delay = serializers.IntegerField()
    exponential_backoff = serializers.BooleanField()
    retry_on = serializers.ListField(child=serializers.CharField())


class ScheduledCallSerializer(serializers.Serializer[ScheduledCall]):
    """A scheduled call. `scheduled_time` is wall clock in `timezone`; names with `_at` are UTC."""

    # The form for the OpenAPI page. `presenting.py` makes answers of this form at a tenth of the
    # time; a test holds the two together.
    id = serializers.CharField(source="pk", help_text="opaque; the same as schedule_id")
    schedule_id = serializers.CharField(source="pk")
    kind = serializers.ChoiceField(choices=Kind.choices)
    agent_id = serializers.CharField()
    phone_number = serializers.CharField(help_text="E.164")
    name = serializers.CharField()
    description = serializers.CharField()
    timezone = serializers.CharField(help_text="IANA name")
    scheduled_time = serializers.CharField(
        allow_null=True,
        help_text="2027-02-01 14:30:00, wall clock in timezone; null when recurring",
    )
    scheduled_time_utc = UtcTime(source="instant", allow_null=True)
    cron_expression = serializers.SerializerMethodField()
    cron_description = serializers.CharField(allow_null=True, help_text="in plain English")
    max_occurrences = serializers.IntegerField(allow_null=True)
    occurrence_count = serializers.IntegerField()
    next_run_at = UtcTime(allow_null=True, help_text="null when paused or nothing is left")
    status = serializers.ChoiceField(choices=Status.choices)
    paused_reason = serializers.CharField()
    paused_until = UtcTime(allow_null=True)
    customer_context = serializers.DictField()
    metadata = serializers.DictField()
    retry_policy = RetryPolicySerializer(allow_null=True)
    webhook_url = serializers.SerializerMethodField()
    webhook_events = serializers.SerializerMethodField()
    batch_id = serializers.SerializerMethodField()
    last_execution = serializers.SerializerMethodField()
    created_at = UtcTime()
    updated_at = UtcTime()
    dialing = serializers.BooleanField(
        required=False, help_text="only when true: a call is being placed at this moment"
    )

    def get_cron_expression(self, call: ScheduledCall) -> str | None:
        """As it was given; null for a one-time call."""
        return call.cron_expression or None

    def get_webhook_url(self, call: ScheduledCall) -> str | None:
        """Null when nobody is told."""
        return call.webhook_url or None

    def get_webhook_events(self, call: ScheduledCall) -> list[str] | None:
        """Null when nobody is told."""
        return list(call.webhook_events) if call.webhook_url else None

    def get_batch_id(self, call: ScheduledCall) -> str | None:
        """Null when it was scheduled by itself."""
        return call.batch_id or None

    @extend_schema_field(LastExecutionSerializer(allow_null=True))
    def get_last_execution(self, call: ScheduledCall) -> dict[str, str] | None:
        """Null before the first."""
        return None  # a row alone does not know it; `presenting.py` asks


class ScheduledCallPageSerializer(serializers.Serializer[Any]):
    """A page of scheduled calls, newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ScheduledCallSerializer(many=True)


class BulkResultSerializer(serializers.Serializer[Any]):
    """What became of one call of a batch: its `id`, or the `errors` for which it was not stored."""

    index = serializers.IntegerField(help_text="its place in `calls`, from 0")
    id = serializers.CharField(required=False)
    errors = ProblemErrorSerializer(many=True, required=False)  # type: ignore[assignment]


class BulkSerializer(serializers.Serializer[Any]):
    """What became of a batch of calls."""

    batch_id = serializers.CharField(help_text="as given, or made")
    created = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BulkResultSerializer(many=True)


class OccurrenceSerializer(serializers.Serializer[Any]):
    """One coming occurrence."""

    scheduled_time = serializers.CharField(help_text="wall clock in the call's zone")
    scheduled_time_utc = UtcTime()
    utc_offset = serializers.CharField(help_text="-05:00")
    note = serializers.CharField(
        allow_null=True, help_text="why the time is shifted: dst_gap, dst_overlap, ..."
    )


class PreviewSerializer(serializers.Serializer[Any]):
    """What a body would schedule, in words and in times."""

    description = serializers.CharField()
    occurrences = OccurrenceSerializer(many=True)
