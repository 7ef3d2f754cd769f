"""What somebody may want of a scheduled call at the very moment when it is to ring."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from executions import interruption
from executions.manual import execute_now
from executions.skipping import cancel_execution
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Conflict, NotFound
from tests.executions.conftest import Story

OLD, NEW = "+12025550123", "+12025550199"
Verb = Callable[[Story, ScheduledCall], Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What the API answers: 2xx or a refusal, and whether one is just being placed."""

    ok: bool
    dialing: bool = False
    code: str = ""


def _update(**fields: Any) -> Verb:
    return lambda story, call: interruption.update(story.owner, call.id, fields)


def _move(story: Story, call: ScheduledCall) -> Any:
    later = {"scheduled_time": (story.now + timedelta(days=1)).isoformat()}
    body = later if call.kind == "one_time" else {"cron_expression": "0 0 29 2 *"}
    return interruption.update(story.owner, call.id, body)


VERBS: dict[str, Verb] = {
    "pause": lambda story, call: interruption.pause(story.owner, call.id),
    "resume": lambda story, call: interruption.resume(story.owner, call.id),
    "cancel": lambda story, call: interruption.cancel(story.owner, call.id),
    "new time": _move,
    "new number": _update(phone_number=NEW),
    "new agent": _update(agent_id="agent-new"),
    "execute": lambda story, call: execute_now(story.owner, call.id),
    # the occurrence that was the coming one when the test began
    "skip": lambda story, call: cancel_execution(story.owner, _coming(call)),
}
#: after these nothing may ring at the old time
STOPPING = ("pause", "cancel", "new time", "skip")
#: these change what is rung, and stop nothing
CHANGING = ("resume", "new number", "new agent")
#: what each says when the call is just being placed
WHILE_DIALING = {
    **{verb: Said(ok=True, dialing=True) for verb in (*STOPPING, *CHANGING)},
    "skip": Said(ok=False, code="not_waiting"),
    "execute": Said(ok=False, code="execution_open"),
}


def _coming(call: ScheduledCall) -> Any:
    assert call.next_execution_id, "a call with a coming occurrence"
    return call.next_execution_id


def said(story: Story, verb: str, call: ScheduledCall) -> Said:
    """Does it, and says what the API would have answered."""
    try:
        done = VERBS[verb](story, call)
    except (Conflict, NotFound) as refused:  # a coming occurrence that is gone is not found
        return Said(ok=False, code=refused.code)
    return Said(ok=True, dialing=getattr(done, "dialing", False))
