"""How an execution, its attempts, a history and the scheduler's health look in JSON."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from rest_framework import serializers

from executions.models import Attempt, Execution
from executions.states import AttemptStatus, ExecutionStatus, Outcome, Trigger
from scheduled_calls.serializers import UtcTime


class AttemptSerializer(serializers.Serializer[Attempt]):
    """One try to reach the person. `outcome` is null while it is open; `duration` is seconds."""

    attempt_id = serializers.CharField(source="pk")
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=AttemptStatus.choices)
    outcome = serializers.ChoiceField(choices=Outcome.choices, allow_null=True)
    provider = serializers.CharField()
    call_id = serializers.CharField(allow_null=True)
    started_at = UtcTime()
    ended_at = UtcTime(allow_null=True)
    duration = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class ExecutionSerializer(serializers.Serializer[Execution]):
    """One occurrence, or one manual run, with what came of it.

    `scheduled_time` and `actual_time` are wall clock in the schedule's zone. `actual_time`,
    `call_id`, `duration` (seconds) and `error` are the last attempt's.
    """

    execution_id = serializers.CharField(source="pk")
    scheduled_time = serializers.SerializerMethodField()
    actual_time = serializers.SerializerMethodField()
    call_id = serializers.CharField(allow_null=True, help_text="the call service's own id")
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    duration = serializers.IntegerField(
        allow_null=True, required=False, help_text="seconds; absent while pending"
    )
    error = serializers.CharField(allow_null=True, help_text="the outcome's word first")
    schedule_id = serializers.CharField(source="scheduled_call_id")
    scheduled_time_utc = UtcTime(source="scheduled_for")
    actual_time_utc = UtcTime(source="actual_time", allow_null=True)
    trigger = serializers.ChoiceField(choices=Trigger.choices)
    reason = serializers.SerializerMethodField()
    next_retry_at = serializers.SerializerMethodField()
    count = serializers.IntegerField(help_text="for a missed row: how many it stands for")
    details = serializers.DictField(
        allow_null=True, help_text="what the call service tells: answered_by, summary, ..."
    )
    attempts = AttemptSerializer(source="tries", many=True)

    def get_scheduled_time(self, execution: Execution) -> str | None:
        """When it was to ring."""
        return execution.scheduled_call.local(execution.scheduled_for)

    def get_actual_time(self, execution: Execution) -> str | None:
        """When its last attempt began; null before the first."""
        return execution.scheduled_call.local(execution.actual_time)

    def get_reason(self, execution: Execution) -> str | None:
        """Why it was missed, skipped, cancelled or given up; null when nothing is to be said."""
        return execution.reason or None

    def get_next_retry_at(self, execution: Execution) -> str | None:
        """When the next attempt is due, UTC; null when none is waiting."""
        if execution.status != ExecutionStatus.RETRYING:
            return None
        due: str | None = UtcTime().to_representation(execution.due_at)
        return due

    def to_representation(self, execution: Execution) -> dict[str, Any]:
        """The fields in the seed's order; no `duration` before anything has rung."""
        shown: dict[str, Any] = super().to_representation(execution)
        if execution.status == ExecutionStatus.PENDING:
            del shown["duration"]
        return shown


class ExecutionPageSerializer(serializers.Serializer[Any]):
    """A page of executions, the one opened last first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ExecutionSerializer(many=True)


class HistorySerializer(serializers.Serializer[Any]):
    """The executions of a scheduled call, oldest first, the coming one last."""

    schedule_id = serializers.CharField()
    executions = ExecutionSerializer(many=True)
    earlier = serializers.CharField(
        allow_null=True,
        help_text="what `before` must be for the rows before these; null at the end",
    )


class AttentionSerializer(serializers.Serializer[Any]):
    """What a person should look at."""

    unknown = serializers.IntegerField(help_text="the owner's executions that nobody can explain")
    frozen = serializers.IntegerField(
        help_text="attempts held for over 5 minutes by a worker that does not get on; the system's"
    )
    stop_switches = serializers.IntegerField(help_text="in force now; the system's")


class HealthSerializer(serializers.Serializer[Any]):
    """The owner's counts and the whole system's state."""

    status = serializers.ChoiceField(
        choices=["healthy", "degraded", "unhealthy"], help_text="the system's, not the owner's"
    )
    scheduled_calls_pending = serializers.IntegerField(help_text="active with a next run")
    scheduled_calls_total = serializers.IntegerField()
    last_execution = UtcTime(allow_null=True, format="%Y-%m-%dT%H:%M:%SZ")
    failed_executions_today = serializers.IntegerField(help_text="today is the UTC day")
    version = serializers.CharField()
    zone_database = serializers.CharField(help_text="release of the tzdata package")
    broker = serializers.BooleanField(help_text="whether Redis answers")
    overdue_seconds = serializers.IntegerField(help_text="how long the oldest due call waits")
    attention = AttentionSerializer()


def present_execution(execution: Execution) -> dict[str, Any]:
    """One execution as the API shows it."""
    return present_executions([execution])[0]


def present_executions(executions: Sequence[Execution]) -> list[dict[str, Any]]:
    """Executions as the API shows them; their attempts come with one query for all.

    An execution that is still to come has `tries` set to an empty list by who made it.
    """
    stored = [execution for execution in executions if not execution._state.adding]
    in_order = Attempt.objects.order_by("number")
    prefetch_related_objects(
        stored, "scheduled_call__clocked", Prefetch("attempts", in_order, to_attr="tries")
    )
    serializer = ExecutionSerializer()
    return [serializer.to_representation(execution) for execution in executions]
