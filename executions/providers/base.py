"""The contract with a call service: the values that go in and out, and what an adapter must do.

Adapters do no input or output: each method is a function from values to values, so one adapter
serves a fast dialer, a slow lookup and a test. Only `transport.py` opens sockets. What goes wrong
on the way is one of:

    TransportError
    ├── NotSentError      nothing left, and nothing will: the same attempt may be sent again
    ├── LostError         it may have left, and no answer says so: never dial again on a guess
    └── Unreachable       a question (lookup, hang-up) was not answered: ask again later
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self
from uuid import UUID

from executions.states import Outcome
from scheduler_project.env import SchedulerSettings

#: bytes of an answer that are looked at; a longer one is no answer
MAX_ANSWER_BYTES = 64 * 1024


class TransportError(Exception):
    """A request to the call service was not answered. `reason` is the operator's sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSentError(TransportError):
    """Not one byte of the request left, and none will."""


class LostError(TransportError):
    """The request may have left, and its answer never came whole."""


class Unreachable(TransportError):
    """A question, which may be asked again, was not answered."""


class ForgedCallback(Exception):
    """The callback is not signed by the call service, or it is more than 5 minutes old."""


@dataclass(slots=True)
class CallRequest:
    """What is to be dialed. `number` counts the execution's attempts from 1; the time is UTC."""

    attempt_id: UUID
    execution_id: UUID
    schedule_id: UUID
    agent_id: str
    phone_number: str
    customer_context: dict[str, Any]
    metadata: dict[str, Any]
    scheduled_time: datetime
    number: int
    callback_url: str


@dataclass(frozen=True, slots=True)
class Reference:
    """An attempt that is asked about. `call_id` is None while the service has not told it."""

    attempt_id: UUID
    call_id: str | None
    phone_number: str
    number: int
    started_at: datetime


@dataclass(slots=True)
class HttpRequest:
    """`deadline` is the total time, in seconds, that request and answer may take."""

    method: str
    url: str
    headers: Mapping[str, str]
    deadline: float
    body: bytes = b""


@dataclass(slots=True)
class HttpResponse:
    """Header names are lower case. A body longer than MAX_ANSWER_BYTES was not read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Accepted:
    """The service has the call.

    `status` is `queued`, `ringing`, `in_progress`, None when the service did not say, or the value
    of an Outcome: then the call is over already. `duration` is whole seconds.
    """

    call_id: str
    status: str | None = None
    duration: int | None = None
    details: dict[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The service said no for good; nothing rang."""

    outcome: Outcome
    error: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """The service has no room now; nothing rang. `retry_after` is seconds, 0 to 300."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody can say from this answer whether the phone rang."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request provably never left; what a dialer keeps of a NotSentError."""

    reason: str


Answer = Accepted | Refused | TryLater | Unsure


@dataclass(frozen=True, slots=True)
class Report:
    """What a lookup or a callback tells about one call.

    `status` is `queued`, `ringing`, `in_progress`, the value of an Outcome, or `unknown` for a word
    that is not in the adapter's table. `raw` is the event as it came, made fit for a JSON column.
    """

    call_id: str | None
    attempt_id: UUID | None
    status: str
    duration: int | None = None
    error: str | None = None
    details: dict[str, Any] | None = None
    event_id: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """The service answers that it knows no such call."""


@dataclass(frozen=True, slots=True)
class NoLookup:
    """The service offers no such lookup; asking again is of no use."""


Lookup = Report | Absent | NoLookup | Unsure


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a service can do. Times are seconds."""

    #: calls can be looked up at all
    lookup: bool
    #: Absent means "never dialed", once `settle_seconds` have passed
    absence_is_proof: bool
    #: how long after the last instant a request could have left Absent is not yet believed
    settle_seconds: float
    #: total time one request may take
    deadline: float
    first_poll_seconds: float = 30.0
    poll_limit_seconds: float = 300.0

    def poll_after(self, polls: int) -> float:
        """Seconds to the next poll after `polls` of them: doubled each time, up to the limit."""
        # Clamped before the power: 2.0 ** 1024 overflows.
        doubled: float = self.first_poll_seconds * 2.0 ** min(max(polls, 0), 64)
        return min(doubled, self.poll_limit_seconds)


class Transport(Protocol):
    """A way to a call service that is not HTTP over a socket."""

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Raises LostError; must be quick and must not block."""


class CallProvider(ABC):
    """An adapter for one call service. May be shared by threads: it keeps no state."""

    #: the word in the callback's address and on the attempt's row
    name: str
    capabilities: Capabilities
    #: None: HTTP over a socket
    transport: Transport | None = None

    @classmethod
    @abstractmethod
    def from_settings(cls, rules: SchedulerSettings) -> Self:
        """The adapter as the settings describe it; raises ImproperlyConfigured with a sentence."""

    @abstractmethod
    def request(self, call: CallRequest) -> HttpRequest:
        """The request that places the call, with the attempt's id as the idempotency key."""

    @abstractmethod
    def read(self, response: HttpResponse) -> Answer:
        """What the answer to `request` means. Never raises, whatever the service sent."""

    @abstractmethod
    def find(self, ref: Reference) -> HttpRequest | None:
        """The request that asks for a call by our attempt id; None where that is not offered."""

    @abstractmethod
    def read_found(self, ref: Reference, response: HttpResponse) -> Lookup:
        """What the answer to `find` means. Never raises."""

    @abstractmethod
    def fetch(self, ref: Reference) -> HttpRequest | None:
        """The request that asks for a call by its call id; None without one or if not offered."""

    @abstractmethod
    def read_fetched(self, ref: Reference, response: HttpResponse) -> Lookup:
        """What the answer to `fetch` means. Never raises."""

    @abstractmethod
    def hang_up(self, ref: Reference) -> HttpRequest | None:
        """The request that ends a call; None without a call id or where that is not offered."""

    @abstractmethod
    def read_callback(
        self, headers: Mapping[str, str], body: bytes, url: str, now: datetime
    ) -> list[Report]:
        """What a callback tells, after checking the signature on the raw bytes.

        `headers` may be in any case; `url` is the address that was called; `now` is aware. Raises
        ForgedCallback, and ValueError with a sentence for a signed body that makes no sense.
        """
