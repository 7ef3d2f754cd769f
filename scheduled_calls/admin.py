"""Operators see, add and change scheduled calls; pause, resume, cancel, execute now."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from executions.models import Execution
from executions.tasks import ring_webhooks
from scheduled_calls.admin_actions import DIALING, MOST, VERBS, perform
from scheduled_calls.admin_form import ScheduledCallForm
from scheduled_calls.admin_lists import Columns, KindFilter, StatusFilter, WithLastExecutions
from scheduled_calls.filters import FILTERS
from scheduled_calls.models import Kind, ScheduledCall, SearchText, Status
from scheduled_calls.tasks import ring_if_behind
from scheduler_project.admin_base import COLOURS, EstimatingPaginator, Page, list_of, page_of, wall

WHO = ("Whom", {"fields": ("owner", "agent_id", "phone_number", "name", "description")})
WHEN = ("scheduled_time", "cron_expression", "max_occurrences")
AFTERWARDS = (
    ("What the agent is told", {"fields": ("customer_context", "metadata", "batch_id")}),
    ("When nobody answers", {"fields": ("retry_policy",)}),
    ("Who is told", {"fields": ("webhook_url", "webhook_events")}),
)


@admin.register(ScheduledCall)
class ScheduledCallAdmin(Columns, Page):
    """All changes go through the verbs; the admin itself saves nothing."""

    form = ScheduledCallForm
    list_display = (
        "call",
        "phone_number",
        "kind_shown",
        "status_shown",
        "next_run",
        "last",
        "owner",
    )
    list_display_links = ("call",)
    list_filter = (StatusFilter, KindFilter)
    list_select_related = ("owner",)
    search_fields = ("name", "phone_number", "agent_id", "id")
    search_help_text = FILTERS["search"].description
    sortable_by = ("next_run",)
    actions = ("pause_calls", "resume_calls", "cancel_calls", "execute_calls")
    autocomplete_fields = ("owner",)
    readonly_fields = ("times", "occurrence_count", "made", "changed", "identifier")
    change_form_outer_before_template = "operators/call_state.html"

    # --- the list

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[WithLastExecutions]:
        """A list that knows each call's last execution."""
        return WithLastExecutions

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledCall]:
        """All calls, each with what its page and the verbs need."""
        return super().get_queryset(request).select_related("owner", "clocked")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ScheduledCall], search_term: str
    ) -> tuple[QuerySet[ScheduledCall], bool]:
        """The same search as the API's."""
        if not search_term.strip():
            return queryset, False
        ring_if_behind()
        return queryset.filter(FILTERS["search"].read(search_term)), False

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *args: Any
    ) -> EstimatingPaginator:
        """One that knows where a search looks."""
        pages = EstimatingPaginator(queryset, per_page, *args)
        if SearchText._meta.db_table in queryset.query.alias_map:
            pages.twin = "search_text__pk"
        return pages

    # --- the form

    def get_fieldsets(self, request: HttpRequest, obj: ScheduledCall | None = None) -> Any:
        """On an existing call only what its kind has."""
        if obj is None:
            return (WHO, ("When", {"fields": ("timezone", *WHEN)}), *AFTERWARDS)
        when = WHEN[:1] if obj.kind == Kind.ONE_TIME else WHEN[1:]
        record = ("Record", {"fields": ("occurrence_count", "made", "changed", "identifier")})
        return (WHO, ("When", {"fields": ("timezone", *when, "times")}), *AFTERWARDS, record)

    def get_readonly_fields(self, request: HttpRequest, obj: ScheduledCall | None = None) -> Any:
        """Whose call it is, is said once."""
        return self.readonly_fields if obj is None else ("owner", *self.readonly_fields)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The default owner and zone."""
        owner = User.objects.filter(username=settings.SCHEDULER.owner).first()
        zone = settings.SCHEDULER.default_timezone
        return {"timezone": zone, **({"owner": owner.pk} if owner else {})}

    def save_model(self, request: HttpRequest, obj: ScheduledCall, form: Any, change: bool) -> None:
        """The form's verb has stored it; what is left is to ring and to tell."""
        changed = form.changed
        if changed is not None:
            transaction.on_commit(lambda: ring_webhooks(changed.bells))
            if changed.dialing:
                messages.warning(request, DIALING.format(obj))

    def has_change_permission(self, request: HttpRequest, obj: ScheduledCall | None = None) -> bool:
        """What is cancelled is cancelled for good."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.status != Status.CANCELLED)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history stays. A call is cancelled instead."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, below it says where the call stands and what can be done to it."""
        call = self.get_object(request, object_id) if object_id else None
        known = self._state(request, call) if call else {}
        context = {**known, **(extra_context or {})}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return answer

    def _state(self, request: HttpRequest, call: ScheduledCall) -> dict[str, Any]:
        may = super().has_change_permission(request)
        newest = Execution.objects.filter(scheduled_call=call).order_by("-scheduled_for", "-opened")
        return {
            "state": call,
            "colour": COLOURS.get(call.status, ""),
            "next_run": wall(call.next_run_at, call.zone),
            "last_execution": newest.first(),
            "executions": list_of(Execution, scheduled_call__id__exact=call.pk),
            "verbs": [
                (name, verb) for name, verb in VERBS.items() if may and call.status in verb.offered
            ],
        }

    # --- what is done to calls

    def get_urls(self) -> list[URLPattern]:
        """Besides the usual pages: POST <id>/do/<verb>/ from the buttons of a call's page."""
        view = self.admin_site.admin_view(self.do_view)
        name = "scheduled_calls_scheduledcall_do"
        return [path("<uuid:id_>/do/<str:verb>/", view, name=name), *super().get_urls()]

    def do_view(self, request: HttpRequest, id_: Any, verb: str) -> HttpResponse:
        """One verb on one call, then its page again."""
        if not super().has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        call = self.get_queryset(request).filter(pk=id_).first()
        if call is None or verb not in VERBS:
            messages.error(request, "There is no such scheduled call or action any more.")
            return HttpResponseRedirect(list_of(ScheduledCall))
        return self._perform(request, verb, [call]) or HttpResponseRedirect(page_of(call))

    @admin.action(description="Pause", permissions=["change"])
    def pause_calls(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Stops the calls from ringing until they are resumed."""
        return self._perform(request, "pause", rows)

    @admin.action(description="Resume", permissions=["change"])
    def resume_calls(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Lets paused calls ring again."""
        return self._perform(request, "resume", rows)

    @admin.action(description="Cancel for good …", permissions=["change"])
    def cancel_calls(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Cancels the calls, after one more question."""
        return self._perform(request, "cancel", rows)

    @admin.action(description="Execute now", permissions=["change"])
    def execute_calls(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Rings now, besides the schedule."""
        return self._perform(request, "execute", rows)

    def _perform(self, request: HttpRequest, name: str, rows: Any) -> HttpResponse | None:
        verb, calls = VERBS[name], list(rows[: MOST + 1])
        if len(calls) > MOST:
            messages.error(request, f"At most {MOST} calls at a time; select fewer.")
            return None
        if verb.asks_first and "confirmed" not in request.POST:
            return self._ask(request, verb, calls)
        for call in perform(request, verb, calls):
            self.log_change(request, call, f"{verb.done}.")
        return None

    def _ask(self, request: HttpRequest, verb: Any, calls: list[ScheduledCall]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": verb.label,
            "calls": calls,
            "posted": [
                (ACTION_CHECKBOX_NAME, value)
                for value in request.POST.getlist(ACTION_CHECKBOX_NAME)
            ],
            "action": request.POST.get("action", ""),
            "back": page_of(calls[0]) if len(calls) == 1 else list_of(ScheduledCall),
        }
        return TemplateResponse(request, "operators/confirm_cancel.html", context)
