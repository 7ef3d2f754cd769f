"""A call service inside this process: no phone is needed to try the whole product.

It speaks the protocol of `http.py` and is scripted by number and by time. It remembers nothing:
what a call is to become and when it began stand in its call id.
"""

import json
import math
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from urllib.parse import unquote

from executions.providers.base import (
    CallRequest,
    Capabilities,
    ForgedCallback,
    HttpRequest,
    HttpResponse,
    LostError,
    Reference,
    Report,
)
from executions.providers.http import HttpProvider
from executions.states import Outcome
from scheduler_project.env import SchedulerSettings

RING_SECONDS = 1.0
TALK_SECONDS = 2.0
#: what becomes of a call to these numbers; a call to any other number completes
SCRIPTS = {
    "+15005550001": "busy",
    "+15005550002": "no_answer",
    "+15005550003": "failed",
    "+15005550004": "timeout",
    "+15005550005": "voicemail",
    "+15005550006": "invalid_number",
    "+15005550007": "busy_once",
    "+15005550008": "answer_lost",
    "+15005550009": "answer_lost_for_good",
    "+15005550010": "provider_error",
}
#: scripts that refuse the call at once, and what the refusal says
REFUSALS = {
    "invalid_number": {"status": "invalid_number", "error": "No such number."},
    "provider_error": {"error": "The sandbox refuses calls to this number."},
}


class Sandbox:
    """The transport: answers from the request and the time alone. `speed` divides all times."""

    def __init__(self, speed: float) -> None:
        self.ring, self.talk = RING_SECONDS / speed, TALK_SECONDS / speed

    def answer(self, request: HttpRequest, at: float | None = None) -> HttpResponse:
        """The answer at `at` (Unix seconds, default now); raises LostError if scripted so."""
        # The host's clock, for this is the other side: it is not the scheduler's time.
        now = time.time() if at is None else at
        if request.method == "POST":
            return self._place(json.loads(request.body), now)
        if request.body:
            return self._find(json.loads(request.body), now)
        return self._fetch(unquote(request.url.rsplit("/", 1)[1]), now)

    def _place(self, call: dict[str, Any], now: float) -> HttpResponse:
        script = SCRIPTS.get(call["phone_number"], "completed")
        if script.startswith("answer_lost"):
            raise LostError("The sandbox took the call and lost its answer.")
        if script in REFUSALS:
            return _json(422, REFUSALS[script])
        outcome = outcome_of(script, call["number"])
        call_id = f"sandbox-{call['attempt_id']}-{round(now * 1000)}-{outcome}"
        return _json(201, {"call_id": call_id, "status": "ringing"})

    def _find(self, asked: dict[str, Any], now: float) -> HttpResponse:
        script = SCRIPTS.get(asked["phone_number"], "completed")
        if script == "answer_lost_for_good":
            return _json(404, {"error": "No lookup is offered for this number."})
        outcome = outcome_of(script, asked["number"])
        call_id = f"sandbox-{asked['attempt_id']}-{asked['started_ms']}-{outcome}"
        return _json(200, {"calls": [self._call(call_id, now)]})

    def _fetch(self, call_id: str, now: float) -> HttpResponse:
        try:
            return _json(200, self._call(call_id, now))
        except ValueError:
            return _json(404, {"error": "No such call."})

    def _call(self, call_id: str, now: float) -> dict[str, Any]:
        """The call as it stands at `now`; raises ValueError when the id is none of ours."""
        prefix, rest = call_id[:8], call_id[8:]
        attempt_id, started, outcome = rest[:36], *rest[37:].split("-", 1)
        if prefix != "sandbox-" or outcome not in Outcome.values:
            raise ValueError(call_id)
        known = {"call_id": call_id, "attempt_id": attempt_id}
        return known | self._state(now - int(started) / 1000, outcome)

    def _state(self, elapsed: float, outcome: str) -> dict[str, Any]:
        if elapsed < self.ring:
            return {"status": "ringing"}
        if outcome != Outcome.COMPLETED:
            by = {"answered_by": "machine"} if outcome == Outcome.VOICEMAIL else {}
            return {"status": outcome, "duration": 0, "ended_reason": outcome, **by}
        if elapsed < self.ring + self.talk:
            return {"status": "in_progress", "answered_by": "human"}
        seconds = max(1, math.ceil(self.talk))
        ended = {"answered_by": "human", "ended_reason": "hangup"}
        return {"status": "completed", "duration": seconds, **ended}


class SandboxProvider(HttpProvider):
    """The sandbox as a call service. It sends no callbacks; its calls are polled soon."""

    name = "sandbox"

    def __init__(self, speed: float, deadline: float = 20.0) -> None:
        self.transport = Sandbox(speed)
        whole_call = self.transport.ring + self.transport.talk
        super().__init__(
            "sandbox:",
            capabilities=Capabilities(
                lookup=True,
                # It answers from the number alone, so it never says that a call was not dialed.
                absence_is_proof=False,
                settle_seconds=1.0,
                deadline=deadline,
                first_poll_seconds=whole_call + 0.05,
            ),
        )

    @classmethod
    def from_settings(cls, rules: SchedulerSettings) -> Self:
        """Reads SCHEDULER_SANDBOX_SPEED."""
        return cls(rules.sandbox_speed, rules.dial_deadline_seconds)

    def request(self, call: CallRequest) -> HttpRequest:
        """Only what the script looks at; the attempt's number decides about `…007`."""
        return self._ask(
            "POST",
            attempt_id=str(call.attempt_id),
            phone_number=call.phone_number,
            number=call.number,
        )

    def find(self, ref: Reference) -> HttpRequest | None:
        """By the number and the time of the attempt, for nothing was kept of it."""
        return self._ask(
            "GET",
            attempt_id=str(ref.attempt_id),
            phone_number=ref.phone_number,
            number=ref.number,
            started_ms=round(ref.started_at.timestamp() * 1000),
        )

    def hang_up(self, ref: Reference) -> HttpRequest | None:
        """Not offered."""
        return None

    def read_callback(
        self, headers: Mapping[str, str], body: bytes, url: str, now: datetime
    ) -> list[Report]:
        """Always ForgedCallback: whoever calls back, it is not the sandbox."""
        raise ForgedCallback("The sandbox sends no callbacks.")

    def _ask(self, method: str, **asked: str | int) -> HttpRequest:
        body = json.dumps(asked).encode()
        return HttpRequest(method, f"{self.url}/calls", {}, self.capabilities.deadline, body)


def outcome_of(script: str, number: int) -> str:
    """The outcome that a script comes to on the attempt with this number."""
    if script == "busy_once":
        return "busy" if number == 1 else "completed"
    if script in REFUSALS:
        return script
    return "completed" if script.startswith("answer_lost") else script


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())
