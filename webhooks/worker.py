"""A bell has rung: claim what is due, have it sent, record what comes of it, claim the next.

One desk in a process does this for all bells, in a thread of its own; the sending is the event
loop's. So a bell is answered at once, and an endpoint that hangs holds up nobody but itself.
"""

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from scheduler_project.clock import boot_seconds
from webhooks.delivery import Claimed, Tried, claim, put_back, record
from webhooks.hand import MOST_IN_HAND, Hand
from webhooks.lanes import Batch, Lanes, Over, Unsent
from webhooks.owner_secrets import keys_of
from webhooks.sender import Sender

log = logging.getLogger(__name__)
T = TypeVar("T")
#: how long a result may wait for others before all are written together, seconds
GATHER = 0.02
#: when to claim again after PostgreSQL was away, seconds
CLAIM_AGAIN = 0.5
#: how long to go on trying to write results while PostgreSQL is away, seconds; within the lease
KEEP_TRYING = 8.0
#: bells, and ids in them, that one claim looks up; what others name is found by its time
MOST_BELLS, MOST_NAMED = 20, 500


class Desk:
    """Claims, hands over to the lanes, records. `ring`, `drain` may be called by any thread."""

    def __init__(self, sender: Sender) -> None:
        self.tried = 0
        self._sender = sender
        self._hand = Hand()
        self._over: deque[Over] = deque()
        self._bells: deque[Sequence[UUID] | None] = deque(maxlen=MOST_BELLS)
        self._wake = threading.Event()
        self._state = threading.Condition()
        self._idle, self._draining = True, False
        self._loop = asyncio.new_event_loop()
        self._lanes = Lanes(sender, self._hear)
        self._sending = threading.Thread(
            target=self._loop.run_forever, name="webhooks-send", daemon=True
        )
        self._sending.start()

    def start(self) -> None:
        """Works on in a thread of its own, until the process ends."""
        threading.Thread(target=self._work_forever, name="webhooks-desk", daemon=True).start()

    def ring(self, ids: Sequence[UUID] | None) -> None:
        """Asks to deliver these if they are due, or (None) whatever is. Returns at once."""
        self._bells.append(ids)
        self._wake.set()

    def drain(self, seconds: float) -> bool:
        """Lets what is on its way arrive and gives the rest back; whether all of it was written."""
        with self._state:
            self._draining = True
            self._loop.call_soon_threadsafe(self._lanes.stop)
            return self._state.wait_for(lambda: self._idle, seconds)

    def work(self) -> int:
        """Works in this thread until nothing is in hand; returns how many tries were made."""
        while self._wake.is_set() or self._hand.total:
            self._turn()
        return self.tried

    def close(self) -> None:
        """Ends the event loop; nothing may be in hand."""
        asyncio.run_coroutine_threadsafe(self._sender.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._sending.join()
        self._loop.close()

    def _hear(self, over: Over) -> None:
        self._over.append(over)
        self._wake.set()

    def _work_forever(self) -> None:
        while True:
            try:
                self._turn()
            except Exception:
                # What was in hand and could not be written is sent again when its lease is over.
                log.exception("webhooks_defect")
                connection.close()

    def _turn(self) -> None:
        """Waits for something to do; writes results, then claims."""
        self._wake.wait()
        if self._over:
            time.sleep(GATHER)
        with self._state:
            self._idle = False
            may_claim = not self._draining
        self._wake.clear()
        try:
            results = [self._over.popleft() for _ in range(len(self._over))]
            self._write(results)
            if may_claim:
                self._claim_all(look=bool(results))
        finally:
            with self._state:
                self._idle = not self._hand.total
                self._state.notify_all()

    def _claim_all(self, look: bool) -> None:
        """Claims what the bells name, then (if `look`, or if there was some) whatever is due.

        Again and again, while there is room: one claim may see one endpoint's deliveries alone.
        """
        bells = [self._bells.popleft() for _ in range(len(self._bells))]
        named = [id_ for ids in bells for id_ in ids or ()]
        look = look or None in bells or len(bells) == MOST_BELLS or len(named) > MOST_NAMED
        if named and self._has_room():
            look = bool(self._claim(named[:MOST_NAMED])) or look
        while look and self._has_room():
            look = bool(self._claim(None))

    def _has_room(self) -> bool:
        # When there is none, results will come, and claims after them.
        return self._hand.total <= MOST_IN_HAND // 2

    def _claim(self, ids: Sequence[UUID] | None) -> int:
        """Claims once and hands over to the lanes; the number claimed."""
        origin = boot_seconds()
        room = MOST_IN_HAND - self._hand.total
        try:
            claimed = claim(ids, room, self._hand.rooms(origin), self._hand.claims())
            keys = (
                keys_of({one.owner_id for one in claimed}, claimed[0].claimed_at) if claimed else {}
            )
        except DatabaseError as error:
            log.warning("webhooks_not_claimed: %s", type(error).__name__)
            connection.close()
            self._loop.call_soon_threadsafe(self._loop.call_later, CLAIM_AGAIN, self.ring, ids)
            return 0
        if claimed:
            self._hand.take(claimed, origin)
            self._loop.call_soon_threadsafe(self._lanes.add, Batch(claimed, keys, origin))
        return len(claimed)

    def _write(self, results: Sequence[Over]) -> None:
        tries = [one for one in results if isinstance(one, Tried)]
        unsent = [one for one in results if isinstance(one, Unsent)]
        try:
            written = _persistently(lambda: record(tries))
            for wait in {one.wait for one in unsent}:
                _put_back([one.delivery for one in unsent if one.wait == wait], wait)
        finally:
            self._hand.settle(results)
        self.tried += len(tries)
        _tell(tries, written)


def deliver(ids: Sequence[UUID] | None, sender: Sender | None = None) -> int:
    """Sends these deliveries if due, then whatever else is; returns how many tries it made.

    None: whatever is due. Returns when all of it is over. A result that cannot be written in time
    is lost, and its message is sent again when the lease is over.
    """
    desk = Desk(sender or Sender(settings.SCHEDULER))
    try:
        desk.ring(ids)
        return desk.work()
    finally:
        desk.close()


def _put_back(unsent: Sequence[Claimed], wait: timedelta) -> None:
    _persistently(lambda: put_back(unsent, wait))


def _persistently(write: Callable[[], T]) -> T:
    """Writes, and tries again while PostgreSQL is away; raises its last error after 8 s."""
    until = time.monotonic() + KEEP_TRYING
    while True:
        try:
            return write()
        except DatabaseError:
            if time.monotonic() > until:
                raise
            connection.close()
            time.sleep(0.5)


def _tell(tries: Sequence[Tried], written: Sequence[UUID]) -> None:
    """One log line for a batch, without URLs and bodies: those are the customer's."""
    if not tries:
        return
    known = set(written)
    counts = Counter("delivered" if not one.answer.error else "not_taken" for one in tries)
    late = sum(one.delivery.id not in known for one in tries)
    log.info(
        "webhooks_sent delivered=%d not_taken=%d lease_lost=%d",
        counts["delivered"],
        counts["not_taken"],
        late,
    )
