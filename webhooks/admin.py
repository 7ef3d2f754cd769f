"""Operators see what was told to whom, with each try, and send it again. Secrets are not shown."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduled_calls.structures import EVENTS
from scheduler_project import clock
from scheduler_project.admin_base import (
    COLOURS,
    DASH,
    ReadOnly,
    ReadOnlyPage,
    TabularInline,
    as_uuid,
    display,
    link,
    list_of,
    page_of,
    utc,
)
from scheduler_project.errors import Problem
from webhooks.delivery import redeliver
from webhooks.models import Delivery, DeliveryAttempt
from webhooks.tasks import ring

MOST = 200


class EventFilter(admin.SimpleListFilter):
    """What it tells; the words are known, so no table is searched for them."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All events."""
        return [(event, event) for event in EVENTS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the event; all for a word that is none."""
        known = self.value() in EVENTS
        return queryset.filter(event=self.value()) if known else queryset


class Tries(ReadOnly, TabularInline):
    """Each try to deliver."""

    model = DeliveryAttempt
    fields = ("number", "began", "took", "status_code", "error", "response_excerpt")
    readonly_fields = fields
    ordering = ("number",)
    extra = 0
    hide_title = True

    @display(description="began")
    def began(self, attempt: DeliveryAttempt) -> str:
        """In UTC."""
        return utc(attempt.started_at)

    @display(description="took")
    def took(self, attempt: DeliveryAttempt) -> str:
        """Until the answer, or until it was given up."""
        return f"{attempt.duration_ms} ms"


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyPage):
    """Messages to customers' systems. A delivery has no zone of its own: times are UTC."""

    list_display = ("made", "type", "to", "status_shown", "attempt_count", "next_try", "last_error")
    list_filter = ("status", EventFilter)
    search_fields = ("id", "schedule_id", "execution_id", "url")
    search_help_text = "an id of the delivery, the call or the execution, or a part of the URL"
    ordering = ("-pk",)
    actions = ("redeliver_again",)
    inlines = (Tries,)
    change_form_outer_before_template = "operators/delivery_state.html"
    fieldsets = (
        (None, {"fields": ("type", "url", "owner", "made", "arrived", "next_try", "last_error")}),
        ("About", {"fields": ("call", "execution", "id")}),
        ("Message", {"fields": ("message",)}),
    )
    readonly_fields = ("made", "arrived", "next_try", "call", "execution", "message", "id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """An id is looked up by index; other text is a part of the URL."""
        if (id_ := as_uuid(search_term)) is not None:
            return queryset.filter(Q(pk=id_) | Q(schedule_id=id_) | Q(execution_id=id_)), False
        text = search_term.strip()
        return (queryset.filter(url__icontains=text) if text else queryset), False

    @display(description="made")
    def made(self, delivery: Delivery) -> str:
        """When it was written, with the outcome that it tells."""
        return utc(delivery.created_at)

    @display(description="to")
    def to(self, delivery: Delivery) -> str:
        """The URL without its query, short."""
        shown = delivery.endpoint
        return f"{shown[:60]}…" if len(shown) > 60 else shown

    @display(description="status", label=COLOURS)
    def status_shown(self, delivery: Delivery) -> str:
        """Where it stands, in colour."""
        return delivery.status

    @display(description="next try")
    def next_try(self, delivery: Delivery) -> str:
        """While it waits."""
        return utc(delivery.next_attempt_at)

    @display(description="delivered")
    def arrived(self, delivery: Delivery) -> str:
        """When a 2xx came back."""
        return utc(delivery.delivered_at)

    @display(description="scheduled call")
    def call(self, delivery: Delivery) -> SafeString | str:
        """The way to the call it tells about."""
        return _link("scheduled_calls_scheduledcall", delivery.schedule_id)

    @display(description="execution")
    def execution(self, delivery: Delivery) -> SafeString | str:
        """The way to the execution it tells about."""
        return _link("executions_execution", delivery.execution_id)

    @display(description="body, as signed and sent")
    def message(self, delivery: Delivery) -> SafeString:
        """The JSON over several lines."""
        try:
            shown = json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False)
        except ValueError:
            shown = delivery.body
        return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', shown)

    # --- once more

    def may_act(self, request: HttpRequest) -> bool:
        """The only action is to send again."""
        return self.has_redeliver_permission(request)

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        """Django's "change" permission on deliveries, which changes nothing else."""
        return request.user.has_perm("webhooks.change_delivery")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One delivery, with a button that sends it again."""
        found = self.get_object(request, object_id) if object_id else None
        shown = {} if found is None else {"delivery": found, "colour": COLOURS.get(found.status)}
        may = self.has_redeliver_permission(request)
        context = {**shown, "may_redeliver": may, **(extra_context or {})}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return answer

    def get_urls(self) -> list[URLPattern]:
        """Besides the usual pages: POST <id>/redeliver/ from the button of a delivery's page."""
        view = self.admin_site.admin_view(self.redeliver_view)
        name = "webhooks_delivery_redeliver"
        return [path("<uuid:id_>/redeliver/", view, name=name), *super().get_urls()]

    def redeliver_view(self, request: HttpRequest, id_: Any) -> HttpResponse:
        """Sends one again, then shows its page."""
        if not self.has_redeliver_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rows = self.get_queryset(request).filter(pk=id_)
        self.redeliver_again(request, rows)
        found = rows.first()
        return HttpResponseRedirect(page_of(found) if found else list_of(Delivery))

    @admin.action(description="Send again", permissions=["redeliver"])
    def redeliver_again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        """One more round of tries under the same webhook-id; says how each went."""
        again = []
        for delivery in rows[:MOST]:
            try:
                again.append(redeliver(delivery.owner_id, delivery.pk, clock.now()).pk)
            except Problem as problem:
                messages.error(request, f"{delivery}: {problem.detail}")
                continue
            self.log_change(request, delivery, "Sent again.")
        if again:
            ring(again)
            count = len(again)
            messages.success(request, f"Sending {count} message{'s' * (count > 1)} again.")


def _link(page: str, id_: Any) -> SafeString | str:
    return link(reverse(f"admin:{page}_change", args=[id_]), id_) if id_ else DASH
