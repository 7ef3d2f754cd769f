"""How a scheduled call, and the preview of one, look in JSON."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.models import Execution
from scheduled_calls.models import Kind, ScheduledCall, Status


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

    # The context brings what one row does not know: `last_executions`, as the function below finds
    # them, and `dialing`, the ids of calls that are just being placed.
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
        found: Mapping[UUID, dict[str, str] | None] = self.context.get("last_executions", {})
        return found.get(call.pk)

    def to_representation(self, call: ScheduledCall) -> dict[str, Any]:
        """The fields in their order; `dialing` only when so."""
        shown: dict[str, Any] = super().to_representation(call)
        if call.pk in self.context.get("dialing", ()):
            shown["dialing"] = True
        return shown


class ScheduledCallPageSerializer(serializers.Serializer[Any]):
    """A page of scheduled calls, newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ScheduledCallSerializer(many=True)


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


def present(call: ScheduledCall, *, dialing: bool = False) -> dict[str, Any]:
    """One scheduled call as the API shows it."""
    return present_all([call], dialing=[call.pk] if dialing else [])[0]


def present_all(
    calls: Sequence[ScheduledCall], *, dialing: Iterable[UUID] = ()
) -> list[dict[str, Any]]:
    """Scheduled calls as the API shows them; their last executions come with one query."""
    context = {"last_executions": last_executions(calls), "dialing": set(dialing)}
    serializer = ScheduledCallSerializer(context=context)
    return [serializer.to_representation(call) for call in calls]


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
