"""Claimed deliveries are sent: two lanes to an endpoint, one message after the other in each."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue

from webhooks.answers import Answer
from webhooks.delivery import Claimed, Tried
from webhooks.sender import Sender
from webhooks.signing import signed_headers

log = logging.getLogger(__name__)
LANES_PER_ENDPOINT = 2
#: a claim's last send begins no later than this many seconds after the claim, see delivery.LEASE
BEGIN_WITHIN = 20.0
#: an endpoint that lets us wait, or says that it has too much, is left alone for a while
LEAVE_ALONE = timedelta(seconds=30)
NO_SECRET = "Not sent: the signing secret cannot be opened; see FIELD_ENCRYPTION_KEYS."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Unsent:
    """A delivery that was not sent after all; it waits this long for its next turn."""

    delivery: Claimed
    wait: timedelta


Over = Tried | Unsent


@dataclass(slots=True)
class Clock:
    """PostgreSQL's time of the claim, carried on by this machine's monotonic clock."""

    claimed_at: datetime
    origin: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds since the claim."""
        return time.monotonic() - self.origin

    def now(self) -> datetime:
        """PostgreSQL's time, to a few milliseconds."""
        return self.claimed_at + timedelta(seconds=self.elapsed())


@dataclass(slots=True)
class Lane:
    """Some deliveries to one endpoint; `troubled` is shared with the endpoint's other lane."""

    deliveries: Sequence[Claimed]
    keys: Mapping[int, Sequence[str]]
    clock: Clock
    troubled: threading.Event

    def run(self, sender: Sender, over: "SimpleQueue[Over]") -> None:
        """Sends one after the other; each is put into `over` as soon as it is over."""
        for delivery in self.deliveries:
            over.put(self._send_in_time(sender, delivery))

    def _send_in_time(self, sender: Sender, delivery: Claimed) -> Over:
        if self.troubled.is_set():
            return Unsent(delivery, LEAVE_ALONE)
        if self.clock.elapsed() > BEGIN_WITHIN:
            return Unsent(delivery, timedelta(0))
        return self._send(sender, delivery)

    def _send(self, sender: Sender, delivery: Claimed) -> Tried:
        started_at, started = self.clock.now(), time.monotonic()
        try:
            answer = self._answer(sender, delivery, started_at)
        except Exception as error:
            # A defect of ours must neither lose the delivery nor keep its task waiting for ever.
            # The kind alone is told: the text may hold the customer's URL.
            log.error("webhook_sender_defect delivery=%s %s", delivery.id, type(error).__name__)
            answer = Answer(error=f"Not sent: a defect in the sender ({type(error).__name__}).")
        if answer.timed_out or answer.status_code == 429:
            self.troubled.set()
        return Tried(delivery, started_at, round((time.monotonic() - started) * 1000), answer)

    def _answer(self, sender: Sender, delivery: Claimed, at: datetime) -> Answer:
        keys = self.keys[delivery.owner_id]
        if not keys:
            return Answer(error=NO_SECRET)
        body = delivery.body.encode()
        headers = signed_headers(keys, str(delivery.id), int(at.timestamp()), body)
        return sender.send(delivery.url, headers, body)


def lanes_for(claimed: Sequence[Claimed], keys: Mapping[int, Sequence[str]]) -> Iterator[Lane]:
    """The claim's deliveries by endpoint, in at most two lanes each, oldest first."""
    if not claimed:
        return
    clock = Clock(claimed[0].claimed_at)
    by_endpoint: dict[str, list[Claimed]] = defaultdict(list)
    for one in sorted(claimed, key=lambda delivery: delivery.id):
        by_endpoint[one.endpoint].append(one)
    for waiting in by_endpoint.values():
        troubled = threading.Event()
        for start in range(min(LANES_PER_ENDPOINT, len(waiting))):
            yield Lane(waiting[start::LANES_PER_ENDPOINT], keys, clock, troubled)
