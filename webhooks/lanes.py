"""Claimed deliveries are sent: two lanes to an endpoint, one message after the other in each."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scheduler_project.clock import boot_seconds
from webhooks.answers import Answer
from webhooks.delivery import Claimed, Tried
from webhooks.sender import Sender
from webhooks.signing import signed_headers

log = logging.getLogger(__name__)
LANES_PER_ENDPOINT = 2
#: on their way at a time in one process: each is an open file, and calls need some too
MOST_ON_THEIR_WAY = 256
#: a claim's last send begins no later than this many seconds after the claim, see delivery.LEASE
BEGIN_WITHIN = 20.0
#: an endpoint that lets us wait, or says that it has too much, is left alone for a while
LEAVE_ALONE = timedelta(seconds=30)
AT_ONCE = timedelta(0)
NO_SECRET = "Not sent: the signing secret cannot be opened; see FIELD_ENCRYPTION_KEYS."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Unsent:
    """A delivery that was not sent after all; it waits this long for its next turn."""

    delivery: Claimed
    wait: timedelta


Over = Tried | Unsent


@dataclass(frozen=True, slots=True)
class Batch:
    """One claim's deliveries, the keys that sign them by owner, and the claim's age.

    `origin` is `boot_seconds()` from before the claim: PostgreSQL's time of the claim is carried
    on by this machine's clock.
    """

    deliveries: Sequence[Claimed]
    keys: Mapping[int, Sequence[str]]
    origin: float

    def elapsed(self) -> float:
        """Seconds since the claim."""
        return boot_seconds() - self.origin

    def now(self) -> datetime:
        """PostgreSQL's time, to a few milliseconds."""
        return self.deliveries[0].claimed_at + timedelta(seconds=self.elapsed())


@dataclass(slots=True)
class Endpoint:
    """What waits for one endpoint, and how many lanes lead to it."""

    waiting: deque[tuple[Claimed, Batch]] = field(default_factory=deque)
    lanes: int = 0
    troubled: bool = False


class Lanes:
    """All lanes of a process; belongs to one event loop. `over` hears of each delivery once."""

    def __init__(self, sender: Sender, over: Callable[[Over], None]) -> None:
        self._sender, self._over = sender, over
        self._endpoints: dict[str, Endpoint] = {}
        self._slots = asyncio.Semaphore(MOST_ON_THEIR_WAY)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def add(self, batch: Batch) -> None:
        """Sends the batch, oldest first, behind what waits for the same endpoints."""
        for one in sorted(batch.deliveries, key=lambda delivery: delivery.id):
            endpoint = self._endpoints.setdefault(one.endpoint, Endpoint())
            endpoint.waiting.append((one, batch))
            if endpoint.lanes < LANES_PER_ENDPOINT:
                self._open_lane(one.endpoint, endpoint)

    def stop(self) -> None:
        """What is on its way goes on; nothing else is sent."""
        self._stopped = True
        for endpoint in self._endpoints.values():
            self._give_up(endpoint, AT_ONCE)

    def _open_lane(self, name: str, endpoint: Endpoint) -> None:
        endpoint.lanes += 1
        lane = asyncio.get_running_loop().create_task(self._lane(name, endpoint))
        self._tasks.add(lane)
        lane.add_done_callback(self._tasks.discard)

    async def _lane(self, name: str, endpoint: Endpoint) -> None:
        """Sends one after the other; each is over as soon as its answer is there."""
        while endpoint.waiting:
            async with self._slots:
                if endpoint.waiting:
                    await self._next(endpoint)
        endpoint.lanes -= 1
        if not endpoint.lanes:
            del self._endpoints[name]

    async def _next(self, endpoint: Endpoint) -> None:
        delivery, batch = endpoint.waiting.popleft()
        if self._stopped or batch.elapsed() > BEGIN_WITHIN:
            self._over(Unsent(delivery, AT_ONCE))
        elif endpoint.troubled:
            self._over(Unsent(delivery, LEAVE_ALONE))
        else:
            tried = await self._send(delivery, batch)
            self._over(tried)
            if tried.answer.troubled:
                # What waits is free at once; the other lane may be held for long.
                endpoint.troubled = True
                self._give_up(endpoint, LEAVE_ALONE)

    def _give_up(self, endpoint: Endpoint, wait: timedelta) -> None:
        while endpoint.waiting:
            delivery, _ = endpoint.waiting.popleft()
            self._over(Unsent(delivery, wait))

    async def _send(self, delivery: Claimed, batch: Batch) -> Tried:
        started_at, started = batch.now(), time.monotonic()
        try:
            answer = await self._answer(delivery, batch.keys[delivery.owner_id], started_at)
        except Exception as error:
            # A defect of ours must neither lose the delivery nor keep its lane for ever.
            # The kind alone is told: the text may hold the customer's URL.
            log.error("webhook_sender_defect delivery=%s %s", delivery.id, type(error).__name__)
            answer = Answer(error=f"Not sent: a defect in the sender ({type(error).__name__}).")
        return Tried(delivery, started_at, round((time.monotonic() - started) * 1000), answer)

    async def _answer(self, delivery: Claimed, keys: Sequence[str], at: datetime) -> Answer:
        if not keys:
            return Answer(error=NO_SECRET)
        body = delivery.body.encode()
        headers = signed_headers(keys, str(delivery.id), int(at.timestamp()), body)
        return await self._sender.send(delivery.url, headers, body)
