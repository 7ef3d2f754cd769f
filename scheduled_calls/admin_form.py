"""The operator's form: what is typed goes to the same verbs as the API's bodies."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from rest_framework.exceptions import ParseError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from executions import interruption
from scheduled_calls import services
from scheduled_calls.drafts import read_new
from scheduled_calls.fields import names_for, read_body
from scheduled_calls.models import Kind, ScheduledCall
from scheduled_calls.structures import EVENTS
from scheduler_project.errors import FieldError, Invalid, Problem
from scheduler_project.parsing import read_json

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[ScheduledCall]
else:
    ModelForm = forms.ModelForm

#: what `name` of a form field is in a body of the API; the names are the same
NAMES = tuple(dict.fromkeys(name for kind in Kind.values for name in names_for(kind)))
REQUIRED = ("agent_id", "phone_number")


class JSONText(forms.JSONField):
    """A JSON object as text, read as strictly as the API reads a body."""

    def __init__(self, rows: int = 5, **options: Any) -> None:
        looks = {"rows": rows, "spellcheck": "false", "style": "font-family: monospace"}
        widget = UnfoldAdminTextareaWidget(attrs=looks)
        super().__init__(required=False, widget=widget, **options)

    def to_python(self, value: Any) -> Any:
        """The value; None for an empty text. Raises ValidationError with line and column."""
        if value in self.empty_values or isinstance(value, dict | list):
            return value or None
        try:
            return read_json(value)
        except ParseError as error:
            sentence = str(error.detail).replace("The body", "This", 1)
            hint = 'Write an object such as {"customer_id": 17}, or leave it empty.'
            raise forms.ValidationError(f"{sentence} {hint}") from None

    def prepare_value(self, value: Any) -> str:
        """JSON over several lines, letters as they are; what was typed stays as it was typed."""
        if isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed, also when it is no JSON."""
        return data

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether it says something else than before; an empty object and no text are the same."""
        try:
            return (initial or None) != (self.to_python(data) or None)
        except forms.ValidationError:
            return True


class Paragraphs(forms.CharField):
    """Text of several lines; browsers send their ends as CR LF (RFC 7578), stored is LF."""

    def to_python(self, value: Any) -> str:
        """The text with plain line ends."""
        return str(super().to_python(value) or "").replace("\r\n", "\n")


def line(help_text: str = "", placeholder: str = "", **options: Any) -> forms.CharField:
    """One line of text; what may stand in it is for the verbs to say."""
    widget = UnfoldAdminTextInputWidget(attrs={"placeholder": placeholder, "autocomplete": "off"})
    return forms.CharField(required=False, help_text=help_text, widget=widget, **options)


class ScheduledCallForm(ModelForm):
    """A new scheduled call, or a change of one. Valid means: the verb has done it."""

    agent_id = line("The agent that speaks, as your call service names it.", label="Agent id")
    phone_number = line("With plus and country code.", "+12125550123", label="Phone number")
    name = line()
    description = Paragraphs(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))
    timezone = line("IANA name; wall clocks and cron are read in it.", "America/New_York")
    scheduled_time = line(
        "For one call: wall clock in the time zone above, or an instant with Z or an offset.",
        "2027-02-01 14:30:00",
        label="Scheduled time",
    )
    cron_expression = line(
        "For calls that come again: minute, hour, day of month, month, day of week.",
        "0 9 * * MON-FRI",
        label="Cron expression",
    )
    max_occurrences = forms.IntegerField(
        required=False,
        label="Max occurrences",
        help_text="Recurring only; empty means without end.",
        error_messages={"invalid": "Write a whole number such as 12, or leave it empty."},
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    customer_context = JSONText(
        label="Customer context", help_text="A JSON object that the agent is told about the person."
    )
    metadata = JSONText(help_text="A JSON object of your own.")
    retry_policy = JSONText(
        label="Retry policy",
        rows=11,
        help_text="A JSON object such as "
        '{"max_retries": 3, "retry_delay": 300, "exponential_backoff": true}; '
        "empty means no retry. Delays are seconds.",
    )
    webhook_url = line(
        "Where events are sent.", "https://example.com/webhooks", label="Webhook URL"
    )
    webhook_events = forms.MultipleChoiceField(
        required=False,
        label="Webhook events",
        choices=[(event, event) for event in EVENTS],
        help_text="None ticked, with a URL, means started, completed and failed.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    batch_id = line(label="Batch id")

    class Meta:
        model = ScheduledCall
        fields = ("owner",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.changed: interruption.Changed | None = None
        #: the stored call; None while a new one is typed
        self.stored = None if self.instance._state.adding else self.instance
        for name in REQUIRED:
            self.fields[name].required = True
            self.fields[name].error_messages["required"] = f"{name} is missing."
        if self.stored is not None:
            for name in set(NAMES) - set(names_for(self.stored.kind)):
                del self.fields[name]
            shown = {name: getattr(self.stored, name) for name in NAMES}
            self.initial = {**shown, **self.initial}

    def clean(self) -> dict[str, Any]:
        """Does what the form says; what is wrong stands as a sentence at its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        try:
            if self.stored is None:
                self._schedule(cleaned)
            else:
                self._update(self.stored, cleaned)
        except Invalid as invalid:
            for error in invalid.errors:
                self._tell(error)
        except Problem as problem:
            self.add_error(None, problem.detail)
        return cleaned

    def _schedule(self, cleaned: dict[str, Any]) -> None:
        empty: tuple[Any, ...] = ("", None, [])
        body = {name: cleaned[name] for name in NAMES if cleaned.get(name) not in empty}
        kind = self._kind_of(body)
        if self.errors:
            read_new(body, kind)  # nothing is stored: only what else is wrong is found
        elif kind == Kind.ONE_TIME:
            self.instance = services.schedule_call(cleaned["owner"], body)
        else:
            self.instance = services.schedule_recurring_call(cleaned["owner"], body)

    def _kind_of(self, body: dict[str, Any]) -> str:
        once, again = "scheduled_time" in body, "cron_expression" in body
        if once == again:
            what = "one of the two, not both" if once else "one of the two"
            message = f"Fill in {what}: scheduled_time for one call, cron_expression for many."
            for name in ("scheduled_time", "cron_expression"):
                body.pop(name, None)
                self.add_error(name, message)
        return Kind.RECURRING if again else Kind.ONE_TIME

    def _update(self, call: ScheduledCall, cleaned: dict[str, Any]) -> None:
        body = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        if self.errors:
            read_body(body, names_for(call.kind))
        elif body:
            self.changed = interruption.update(call.owner, call.pk, body)
            self.instance = self.changed.call

    def _tell(self, error: FieldError) -> None:
        if error.field not in self.errors:
            self.add_error(error.field if error.field in self.fields else None, error.message)

    def _post_clean(self) -> None:
        """Nothing is copied to the instance and nothing is saved: the verb has stored the call."""

    def save(self, commit: bool = True) -> ScheduledCall:
        """The call as the verb left it."""
        return self.instance

    def save_m2m(self) -> None:
        """There is none."""
