"""The admin site as one operator uses it in tests."""

import html
import re
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.test import Client

CALLS = "scheduled_calls/scheduledcall/"
EXECUTIONS = "executions/execution/"
DELIVERIES = "webhooks/delivery/"


class Site:
    """Pages below /admin; messages and errors as plain sentences."""

    def __init__(self, user: User | None = None, **options: Any) -> None:
        self.client = Client(**options)
        if user:
            # A login by hand, because the login protection wants to see a request.
            self.client.force_login(user, "django.contrib.auth.backends.ModelBackend")

    def get(self, path: str = "", **query: Any) -> Any:
        """GET."""
        return self.client.get(f"/admin/{path}", query)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        """POST as a form, following the redirect."""
        return self.client.post(f"/admin/{path}", data or {}, follow=True, **options)

    def act(self, path: str, action: str, rows: list[Any], **data: Any) -> Any:
        """An action of a list, on the ticked rows."""
        ticked = [str(getattr(row, "pk", row)) for row in rows]
        return self.post(path, {"action": action, "_selected_action": ticked, **data})

    def press(self, call_id: UUID, verb: str, **data: Any) -> Any:
        """A button of a call's page."""
        return self.post(f"{CALLS}{call_id}/do/{verb}/", data)

    def form(self, path: str) -> dict[str, Any]:
        """What the form of a page would send if nothing were typed."""
        answer = self.get(path)
        form = answer.context["adminform"].form
        filled = {name: form[name].value() for name in form.fields}
        shown = {name: form.fields[name].prepare_value(value) for name, value in filled.items()}
        return {name: value for name, value in shown.items() if value is not None}


def told(answer: Any) -> list[str]:
    """The messages on a page."""
    return [str(message) for message in answer.context["messages"]]


def wrong(answer: Any) -> dict[str, str]:
    """The fields that a form names as wrong, each with its sentences."""
    errors = answer.context["adminform"].form.errors
    return {name: " ".join(sentences) for name, sentences in errors.items()}


def text_of(answer: Any) -> str:
    """A page's words without its tags, blanks made one."""
    body = re.sub(
        r"<script.*?</script>|<style.*?</style>", " ", answer.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))
