"""Staff throw and lift stop switches here; what is over stays to be read."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path

from executions.models import StopSwitch
from executions.switches import lift, read, throw
from scheduler_project import clock
from scheduler_project.admin_base import DASH, Page, display, page_of, utc
from scheduler_project.errors import Invalid, Problem

if TYPE_CHECKING:
    SwitchModelForm = forms.ModelForm[StopSwitch]
else:
    SwitchModelForm = forms.ModelForm


class SwitchForm(SwitchModelForm):
    """What to stop, why, and until when; the verb says what is wrong with it."""

    def clean(self) -> dict[str, Any]:
        """Names the wrong fields."""
        told: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                read(told, clock.now())
            except Invalid as wrong:
                for error in wrong.errors:
                    self.add_error(error.field, error.message)
        return told


@admin.register(StopSwitch)
class StopSwitchAdmin(Page):
    """Thrown and lifted, never edited or deleted."""

    form = SwitchForm
    fields = ("scope", "value", "reason", "ends_at")
    list_display = ("what", "state", "reason", "author", "since", "until")
    list_display_links = ("what",)
    list_filter = ("scope",)
    ordering = ("-id",)
    actions = ("lift_switches",)
    change_form_outer_before_template = "operators/switch_state.html"

    @display(description="stops")
    def what(self, found: StopSwitch) -> str:
        """Which calls."""
        return f"{found.get_scope_display()} {found.value}".strip()

    @display(description="state", label={"in force": "danger"})
    def state(self, found: StopSwitch) -> str:
        """Whether it is in force."""
        return "in force" if found.is_active(clock.now()) else "over"

    @display(description="since")
    def since(self, found: StopSwitch) -> str:
        """When it was thrown, UTC."""
        return utc(found.created_at)

    @display(description="until")
    def until(self, found: StopSwitch) -> str:
        """When it ended or ends, UTC, and by whom."""
        if found.ended_at:
            return f"{utc(found.ended_at)}, lifted by {found.lifted_by}"
        return utc(found.ends_at) if found.ends_at else DASH

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All of an existing one."""
        return ("what", "state", "reason", "author", "since", "until") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What is asked for a new one; what is known of an existing one."""
        return self.get_readonly_fields(request, obj) or self.fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """By the verb, with who threw it."""
        obj.pk = throw(form.cleaned_data, request.user.get_username()).pk
        obj.refresh_from_db()

    # --- lifting one

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Who may change switches may lift them."""
        return super().has_change_permission(request)

    def may_act(self, request: HttpRequest) -> bool:
        """The only action is to lift."""
        return self.has_lift_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one: what was stopped, and why, is a record."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may lift them sees them too."""
        return super().has_view_permission(request, obj) or self.has_lift_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One switch; while it is in force, with a button that lifts it."""
        found = self.get_object(request, object_id) if object_id else None
        may_lift = self.has_lift_permission(request)
        shown = {} if found is None else {"switch": found, "in_force": self.state(found)}
        if found and may_lift and found.is_active(clock.now()):
            shown["may_lift"] = True
        context = {**shown, **(extra_context or {})}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return answer

    def get_urls(self) -> list[URLPattern]:
        """Besides the usual pages: POST <id>/lift/ from the button of a switch's page."""
        view = self.admin_site.admin_view(self.lift_view)
        name = "executions_stopswitch_lift"
        return [path("<int:id_>/lift/", view, name=name), *super().get_urls()]

    def lift_view(self, request: HttpRequest, id_: int) -> HttpResponse:
        """Lifts one, then shows its page again."""
        if not self.has_lift_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.lift_switches(request, self.get_queryset(request).filter(pk=id_))
        return HttpResponseRedirect(page_of(StopSwitch(pk=id_)))

    @admin.action(description="Lift", permissions=["lift"])
    def lift_switches(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Lets the calls ring again."""
        for found in rows:
            try:
                lift(found.pk, request.user.get_username())
            except Problem as problem:
                messages.error(request, problem.detail)
                continue
            self.log_change(request, found, "Lifted.")
            messages.success(request, f"Lifted: {found}.")
