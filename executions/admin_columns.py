"""An execution and its attempts as operators see them: sentences, and times with their zone."""

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from executions.admin_words import error_sentence, reason_sentence
from executions.models import Attempt, Execution
from executions.states import WAITING
from scheduler_project.admin_base import (
    COLOURS,
    DASH,
    ReadOnly,
    TabularInline,
    both_clocks,
    display,
    link,
    list_of,
    page_of,
    utc,
    wall,
    words,
)
from webhooks.models import Delivery


class Attempts(ReadOnly, TabularInline):
    """Each try to reach the person."""

    model = Attempt
    fields = ("number", "result", "began", "ended", "duration", "said", "provider", "call_id")
    readonly_fields = fields
    ordering = ("number",)
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        """With what their times need."""
        return super().get_queryset(request).select_related("execution__scheduled_call")

    @display(description="result")
    def result(self, attempt: Attempt) -> str:
        """Its outcome; where it stands while it has none."""
        return words(attempt.outcome or attempt.status)

    @display(description="began")
    def began(self, attempt: Attempt) -> str:
        """In the call's zone and in UTC."""
        return both_clocks(attempt.started_at, attempt.execution.scheduled_call.zone)

    @display(description="ended")
    def ended(self, attempt: Attempt) -> str:
        """In the call's zone and in UTC."""
        return both_clocks(attempt.ended_at, attempt.execution.scheduled_call.zone)

    @display(description="what the call service said")
    def said(self, attempt: Attempt) -> str:
        """Its error; a dash for none."""
        return attempt.error or DASH


class Columns:
    """An execution in words, in the list and on its page."""

    @display(description="call")
    def call(self, execution: Execution) -> SafeString:
        """The scheduled call, and the way to it."""
        return link(page_of(execution.scheduled_call), execution.scheduled_call)

    @display(description="number")
    def number(self, execution: Execution) -> str:
        """The phone number."""
        return execution.scheduled_call.phone_number

    @display(description="scheduled for", header=True)
    def due(self, execution: Execution) -> tuple[str, str]:
        """In the call's zone, and in UTC."""
        zone = execution.scheduled_call.zone
        at_home, in_utc = wall(execution.scheduled_for, zone), utc(execution.scheduled_for)
        return at_home, "" if at_home == in_utc else in_utc

    @display(description="status", label=COLOURS)
    def status_shown(self, execution: Execution) -> tuple[str, str]:
        """Where it stands, in colour."""
        return execution.status, words(execution.status)

    @display(description="status")
    def status_words(self, execution: Execution) -> str:
        """Where it stands, and how many it stands for."""
        many = f", {execution.count} occurrences in one row" if execution.count > 1 else ""
        return f"{words(execution.status)}{many}"

    @display(description="trigger")
    def trigger_shown(self, execution: Execution) -> str:
        """By the schedule, or by hand."""
        return "by hand" if execution.trigger == "manual" else "by the schedule"

    @display(description="why")
    def why(self, execution: Execution) -> str:
        """The reason in a sentence."""
        return reason_sentence(execution.reason)

    @display(description="error")
    def failure(self, execution: Execution) -> str:
        """The error in a sentence."""
        return error_sentence(execution.error)

    @display(description="duration")
    def talked(self, execution: Execution) -> str:
        """Seconds of talking."""
        return DASH if execution.duration is None else f"{execution.duration} s"

    @display(description="details")
    def told(self, execution: Execution) -> str:
        """What the call service told besides: who answered, a summary, the cost."""
        found = execution.details or {}
        return "\n".join(f"{words(name)}: {value}" for name, value in found.items()) or DASH

    @display(description="scheduled for")
    def scheduled(self, execution: Execution) -> str:
        """In the call's zone and in UTC."""
        return both_clocks(execution.scheduled_for, execution.scheduled_call.zone)

    @display(description="last attempt began")
    def actual(self, execution: Execution) -> str:
        """In the call's zone and in UTC."""
        return both_clocks(execution.actual_time, execution.scheduled_call.zone)

    @display(description="over since")
    def over(self, execution: Execution) -> str:
        """In the call's zone and in UTC."""
        return both_clocks(execution.ended_at, execution.scheduled_call.zone)

    @display(description="next attempt due")
    def retry(self, execution: Execution) -> str:
        """While it waits: in the call's zone and in UTC."""
        due = execution.due_at if execution.status in WAITING else None
        return both_clocks(due, execution.scheduled_call.zone)

    @display(description="webhook deliveries")
    def deliveries(self, execution: Execution) -> SafeString:
        """The way to what was told about it."""
        return link(list_of(Delivery, execution_id__exact=execution.pk), "what was told about it")
