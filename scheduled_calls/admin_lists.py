"""What operators see of a scheduled call: the list's filter and rows, and a call in words."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from scheduled_calls.filters import FILTERS
from scheduled_calls.models import Kind, ScheduledCall, Status
from scheduled_calls.presenting import last_executions
from scheduler_project.admin_base import (
    COLOURS,
    DASH,
    QuickList,
    both_clocks,
    display,
    nowrap,
    utc,
    wall,
    words,
)


class StatusFilter(admin.SimpleListFilter):
    """Where it stands; by the API's filter, which knows the quick way."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All of them."""
        return [(status.value, status.value) for status in Status]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ScheduledCall]
    ) -> QuerySet[ScheduledCall]:
        """Those that stand so; all for a word that is none."""
        known = self.value() in Status.values
        return queryset.filter(FILTERS["status"].read(self.value())) if known else queryset


class KindFilter(admin.SimpleListFilter):
    """One-time or recurring."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The two kinds."""
        return [(Kind.ONE_TIME.value, "one-time"), (Kind.RECURRING.value, "recurring")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ScheduledCall]
    ) -> QuerySet[ScheduledCall]:
        """Those of the kind; all for a word that is none."""
        if self.value() not in Kind.values:
            return queryset
        return queryset.filter(FILTERS["kind"].read(self.value()))


class WithLastExecutions(QuickList):
    """A page of calls, each with `last_execution`, by one query for the whole page."""

    def get_queryset(self, request: HttpRequest, *args: Any) -> QuerySet[ScheduledCall]:
        """Sorted by next run it holds those that have one: the index of what is due knows those."""
        rows: QuerySet[ScheduledCall] = super().get_queryset(request, *args)
        if "next_run_at" in str(rows.query.order_by[:1]):
            return rows.filter(status=Status.ACTIVE, next_run_at__isnull=False)
        return rows

    def get_results(self, request: HttpRequest) -> None:
        """The page's rows."""
        super().get_results(request)
        shown = list[ScheduledCall](self.result_list)
        found = last_executions(shown)
        for call in shown:
            call.last_execution = found.get(call.pk)  # type: ignore[attr-defined]  # for `last`
        self.result_list = shown


class Columns:
    """A scheduled call in words, in the list and on its page."""

    @display(description="call", header=True)
    def call(self, call: ScheduledCall) -> tuple[str, str]:
        """Its name, and its agent."""
        return call.name or "(no name)", call.agent_id

    @display(description="kind", header=True)
    def kind_shown(self, call: ScheduledCall) -> tuple[str, str]:
        """One-time or recurring, and the cron expression."""
        return words(call.kind), nowrap(call.cron_expression)

    @display(description="status", label=COLOURS)
    def status_shown(self, call: ScheduledCall) -> str:
        """Where it stands, in colour."""
        return call.status

    @display(description="next run", header=True, ordering="next_run_at")
    def next_run(self, call: ScheduledCall) -> tuple[str, str]:
        """Wall clock in the call's own zone; for a paused one, until when."""
        if call.next_run_at is not None:
            return str(call.local(call.next_run_at)), call.timezone
        until = call.paused_until if call.status == Status.PAUSED else None
        return ("paused until", wall(until, call.zone)) if until else (DASH, "")

    @display(description="last execution", label=COLOURS)
    def last(self, call: ScheduledCall) -> tuple[str, str] | None:
        """How the execution that was opened last stands."""
        newest = getattr(call, "last_execution", None)
        return (newest["status"], words(newest["status"])) if newest else None

    @display(description="in words")
    def times(self, call: ScheduledCall) -> str:
        """What the cron means, or the instant of a one-time call."""
        return call.cron_description or both_clocks(call.instant, call.zone)

    @display(description="made")
    def made(self, call: ScheduledCall) -> str:
        """When it was scheduled."""
        return utc(call.created_at)

    @display(description="changed")
    def changed(self, call: ScheduledCall) -> str:
        """When it was changed last."""
        return utc(call.updated_at)

    @display(description="id")
    def identifier(self, call: ScheduledCall) -> str:
        """As the API shows it."""
        return str(call.pk)
