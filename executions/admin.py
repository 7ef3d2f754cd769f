"""Operators read what happened: executions with their attempts; and call off one that waits."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path

from executions.admin_columns import Attempts, Columns
from executions.admin_decisions import BUTTONS, decide_view
from executions.admin_switches import StopSwitchAdmin
from executions.models import Execution
from executions.skipping import cancel_execution
from executions.states import WAITING, ExecutionStatus
from executions.tasks import ring_webhooks
from scheduled_calls.filters import FILTERS as CALL_FILTERS
from scheduled_calls.filters import twin
from scheduled_calls.models import ScheduledCall
from scheduler_project.admin_base import (
    COLOURS,
    ReadOnlyPage,
    as_uuid,
    list_of,
    page_of,
)
from scheduler_project.errors import Problem
from scheduler_project.newest import Newest

__all__ = ["ExecutionAdmin", "StopSwitchAdmin"]
MOST = 200
MOST_SEARCHED = 1_000
SEARCH = CALL_FILTERS["search"]


@admin.register(Execution)
class ExecutionAdmin(Columns, ReadOnlyPage):
    """The record of what happened is read, never written, by people."""

    list_display = ("call", "number", "due", "status_shown", "trigger_shown", "why", "talked")
    list_display_links = ("due",)
    list_filter = ("status", "trigger", "scheduled_for")
    list_select_related = ("scheduled_call",)
    search_fields = ("id", "scheduled_call__phone_number", "scheduled_call__name")
    search_help_text = (
        "an id, or a part of the call's number, name or agent "
        f"(the newest {MOST_SEARCHED:,} such calls)"
    )
    # by the index that the API's list uses, not by a time that has none
    ordering = ("-opened",)
    actions = ("cancel_waiting",)
    inlines = (Attempts,)
    change_form_outer_before_template = "operators/execution_state.html"
    fieldsets = (
        ("What came of it", {"fields": ("status_words", "why", "failure", "talked", "told")}),
        ("When", {"fields": ("scheduled", "actual", "over", "retry", "trigger_shown")}),
        ("Record", {"fields": ("call_id", "deliveries", "id")}),
    )
    readonly_fields = (
        "status_words", "why", "failure", "talked", "told", "scheduled", "actual", "over", "retry",
        "trigger_shown", "deliveries", "id",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        """With what their times and names need."""
        return super().get_queryset(request).select_related("scheduled_call", "owner")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        """An id finds it, or all of that call; other text is a part of name or number."""
        if (id_ := as_uuid(search_term)) is not None:
            return queryset.filter(Q(pk=id_) | Q(scheduled_call=id_)), False
        if not (text := search_term.strip()):
            return queryset, False
        wanted = SEARCH.read(text)
        # First the calls, then what an index knows of them: never the whole record call by call.
        calls = Newest(
            ScheduledCall.objects.filter(wanted).order_by("-id"), "id", twin=twin({"search": text})
        )
        return queryset.filter(scheduled_call__in=calls.keys(0, MOST_SEARCHED)), False

    # --- calling one off

    def may_act(self, request: HttpRequest) -> bool:
        """The only action is to cancel."""
        return self.has_cancel_permission(request)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Who may change scheduled calls may call off one of their occurrences."""
        meta = ScheduledCall._meta
        return request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One execution; where it waits, with a button that calls it off."""
        found = self.get_object(request, object_id) if object_id else None
        shown: dict[str, Any] = {}
        if found:
            shown = {"execution": found, "colour": COLOURS.get(found.status)}
        if found and self.has_cancel_permission(request):
            shown["may_cancel"] = found.status in WAITING
            shown["decisions"] = BUTTONS if found.status == ExecutionStatus.UNKNOWN else []
        context = {**shown, **(extra_context or {})}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return answer

    def get_urls(self) -> list[URLPattern]:
        """Besides the usual pages, for the buttons of an execution's page: POST <id>/cancel/ and
        <id>/decide/<outcome>/."""
        cancel = self.admin_site.admin_view(self.cancel_view)
        decide = self.admin_site.admin_view(self.decide_view)
        return [
            path("<uuid:id_>/cancel/", cancel, name="executions_execution_cancel"),
            path("<uuid:id_>/decide/<str:word>/", decide, name="executions_execution_decide"),
            *super().get_urls(),
        ]

    def decide_view(self, request: HttpRequest, id_: Any, word: str) -> HttpResponse:
        """Decides an unknown one, after one more question."""
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return decide_view(self, request, self.get_queryset(request).filter(pk=id_).first(), word)

    def cancel_view(self, request: HttpRequest, id_: Any) -> HttpResponse:
        """Calls one off, then shows its page again."""
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rows = self.get_queryset(request).filter(pk=id_)
        self.cancel_waiting(request, rows)
        found = rows.first()
        return HttpResponseRedirect(page_of(found) if found else list_of(Execution))

    @admin.action(description="Cancel where it waits", permissions=["cancel"])
    def cancel_waiting(self, request: HttpRequest, rows: QuerySet[Execution]) -> None:
        """Skips the occurrence, or ends its retry; says how each went."""
        cancelled = 0
        for execution in rows[:MOST]:
            try:
                _, bells = cancel_execution(execution.owner, execution.pk)
            except Problem as problem:
                messages.error(request, f"{execution.scheduled_call}: {problem.detail}")
                continue
            ring_webhooks(bells)
            self.log_change(request, execution, "Cancelled.")
            cancelled += 1
        if cancelled:
            messages.success(request, f"Cancelled {cancelled} execution{'s' * (cancelled > 1)}.")
