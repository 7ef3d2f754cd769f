"""The call service of the state machine: it writes down each ring, and is the only judge of them.

It recognises nothing: whoever posts twice has it ring twice. What it is asked it answers truly.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from executions.providers.base import HttpRequest, HttpResponse, LostError, Report
from executions.providers.http import HttpProvider

#: what becomes of a request that arrives, and whether the phone rings
FATES = {
    "accepted": True,
    "over at once, completed": True,
    "over at once, busy": True,
    "answer lost after the ring": True,
    "error after the ring": True,
    "answer lost before a ring": False,
    "refused": False,
    "no such number": False,
    "no room": False,
}
RETRYABLE = ("busy", "no_answer")
ENDS = ("completed", *RETRYABLE, "voicemail")


@dataclass(slots=True)
class Ring:
    """One line of the log: somebody's phone rang. `status` is the call's, as it goes on."""

    call_id: str
    attempt_id: UUID
    execution_id: UUID
    schedule_id: UUID
    at: datetime
    status: str = "ringing"
    duration: int | None = None

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.status in ENDS

    def shown(self) -> dict[str, Any]:
        """As a lookup shows it."""
        named = {"call_id": self.call_id, "attempt_id": str(self.attempt_id)}
        return {**named, "status": self.status, "duration": self.duration}


@dataclass(slots=True)
class CallService:
    """The log, the callbacks that could be sent so far, and the answers to what is asked."""

    log: list[Ring] = field(default_factory=list)
    events: list[Report] = field(default_factory=list)
    #: called before the answer to the next question is told
    hold: Any = None

    def post(self, request: HttpRequest, fate: str, at: datetime) -> HttpResponse:
        """A request to place a call arrives; raises LostError where the answer does not."""
        body = json.loads(request.body)
        if not FATES[fate]:
            return self._no(fate)
        ring = Ring(
            f"call-{len(self.log)}-{body['attempt_id']}",
            attempt_id=UUID(body["attempt_id"]),
            execution_id=UUID(body["execution_id"]),
            schedule_id=UUID(body["schedule_id"]),
            at=at,
        )
        self.log.append(ring)
        self._tell(ring)
        if fate.startswith("over at once"):
            self.end(ring, fate.rpartition(" ")[2])
        if fate == "answer lost after the ring":
            raise LostError("the connection was reset")
        if fate == "error after the ring":
            return _json(500, {})
        return _json(201, ring.shown())

    def _no(self, fate: str) -> HttpResponse:
        if fate == "answer lost before a ring":
            raise LostError("the connection was reset")
        if fate == "no room":
            return _json(429, {})
        named = {"status": "invalid_number"} if fate == "no such number" else {}
        return _json(422, {**named, "error": fate})

    def end(self, ring: Ring, outcome: str) -> None:
        """The call is over."""
        ring.status, ring.duration = outcome, 7 if outcome == "completed" else None
        self._tell(ring)

    def _tell(self, ring: Ring) -> None:
        number = f"event-{len(self.events)}"
        known = (ring.call_id, ring.attempt_id, ring.status, ring.duration)
        self.events.append(Report(*known, event_id=number))

    def answer(self, request: HttpRequest) -> HttpResponse:
        """A lookup, by call id or by attempt id; a request to dial does not come this way."""
        assert request.method == "GET", "only the dialer places calls"
        _, by_attempt, attempt_id = request.url.partition("?attempt_id=")
        if by_attempt:
            found = [ring.shown() for ring in self.log if str(ring.attempt_id) == attempt_id]
            answer = _json(200, {"calls": found})
        else:
            call_id = unquote(request.url.rsplit("/", 1)[1])
            answer = _json(200, *[ring.shown() for ring in self.log if ring.call_id == call_id])
        if (hold := self.hold) is not None:
            self.hold = None
            hold()
        return answer


#: the one that is asked by name; the machine empties it for each example
SERVICE = CallService()


class LoggedProvider(HttpProvider):
    """The `http` adapter, whose requests go to the service above."""

    transport = SERVICE


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())
