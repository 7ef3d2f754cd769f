"""An operator says what an unknown execution was, and is asked once more before it counts."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from executions.deciding import decide
from executions.models import Execution
from executions.tasks import ring_webhooks
from scheduler_project.admin_base import list_of, page_of
from scheduler_project.errors import Problem

#: outcome → its button, and the question
QUESTIONS = {
    "completed": ("It was answered", "Note that this call was answered and is over?"),
    "failed": ("It failed", "Note that this call failed, with no further attempt?"),
    "retry": (
        "Ring again",
        "Ring this person again? If the phone did ring before, it rings twice.",
    ),
}
BUTTONS = [(word, label) for word, (label, _) in QUESTIONS.items()]


def decide_view(
    page: Any, request: HttpRequest, execution: Execution | None, word: str
) -> HttpResponse:
    """The question; or, once it is confirmed, the decision, and the execution's page again."""
    if execution is None or word not in QUESTIONS:
        messages.error(request, "There is no such execution or decision any more.")
        return HttpResponseRedirect(list_of(Execution))
    label, question = QUESTIONS[word]
    if "confirmed" not in request.POST:
        context = {
            **page.admin_site.each_context(request),
            "opts": page.opts,
            "title": label,
            "label": label,
            "question": question,
            "execution": execution,
            "back": page_of(execution),
        }
        return TemplateResponse(request, "operators/decide.html", context)
    author, note = request.user.get_username(), request.POST.get("note", "")
    try:
        _, bells = decide(execution.pk, word, author, note)
    except Problem as problem:
        messages.error(request, problem.detail)
    else:
        ring_webhooks(bells)
        page.log_change(request, execution, f"Decided: {label}. {note}")
        messages.success(request, f"Decided: {label}.")
    return HttpResponseRedirect(page_of(execution))
