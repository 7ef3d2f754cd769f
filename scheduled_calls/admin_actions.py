"""What an operator does to scheduled calls, and what the operator is told of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from executions import interruption
from executions.interruption import Changed
from executions.manual import execute_now
from executions.tasks import ring_calls, ring_webhooks
from scheduled_calls.models import ScheduledCall, Status
from scheduler_project.errors import Problem

#: how many calls one action may touch
MOST = 200
NAMED = 10
DIALING = "{} is being dialed right now; that call cannot be stopped any more."


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing to do to a call. `run` returns whether the call is just being placed."""

    label: str
    done: str
    icon: str
    run: Callable[[ScheduledCall], bool]
    #: where its button is offered; the verb itself decides
    offered: frozenset[str]
    asks_first: bool = False


def _interrupt(verb: Callable[[User, Any], Changed]) -> Callable[[ScheduledCall], bool]:
    def run(call: ScheduledCall) -> bool:
        changed = verb(call.owner, call.pk)
        ring_webhooks(changed.bells)
        return changed.dialing

    return run


def _execute(call: ScheduledCall) -> bool:
    execution = execute_now(call.owner, call.pk)
    ring_calls([execution.pk])
    return False


VERBS = {
    "execute": Verb(
        "Execute now",
        "Ringing now",
        "call",
        _execute,
        frozenset({Status.ACTIVE, Status.PAUSED, Status.COMPLETED}),
    ),
    "pause": Verb(
        "Pause", "Paused", "pause", _interrupt(interruption.pause), frozenset({Status.ACTIVE})
    ),
    "resume": Verb(
        "Resume",
        "Active",
        "play_arrow",
        _interrupt(interruption.resume),
        frozenset({Status.PAUSED}),
    ),
    "cancel": Verb(
        "Cancel for good",
        "Cancelled",
        "cancel",
        _interrupt(interruption.cancel),
        frozenset(Status) - {Status.CANCELLED},
        asks_first=True,
    ),
}


def perform(
    request: HttpRequest, verb: Verb, calls: Iterable[ScheduledCall]
) -> list[ScheduledCall]:
    """Does it to each call, tells the operator how each went, and returns those that went well."""
    done = []
    for call in calls:
        try:
            dialing = verb.run(call)
        except Problem as problem:
            messages.error(request, f"{call}: {problem.detail}")
            continue
        done.append(call)
        if dialing:
            messages.warning(request, DIALING.format(call))
    if done:
        messages.success(request, f"{verb.done}: {_names(done)}.")
    return done


def _names(calls: list[ScheduledCall]) -> str:
    named = ", ".join(str(call) for call in calls[:NAMED])
    return f"{named} and {len(calls) - NAMED} more" if len(calls) > NAMED else named
