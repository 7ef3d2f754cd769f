"""A bell has rung: claim what is due, send it in lanes, record results as they come."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from scheduler_project.env import SchedulerSettings
from webhooks.delivery import Claimed, Tried, claim, put_back, record
from webhooks.lanes import Lane, Over, Unsent, lanes_for
from webhooks.owner_secrets import keys_of
from webhooks.sender import Sender

log = logging.getLogger(__name__)
T = TypeVar("T")
#: deliveries that one task has on their way at a time
ON_THEIR_WAY = 50
THREADS = 16
#: a task claims nothing new after this many seconds; bells bring the rest to the next task
CLAIM_FOR = 20.0
#: how long a result may wait for others before all are written together, seconds
GATHER = 0.02
#: how often to look for new work while slow endpoints keep this task waiting, seconds
LOOK_AGAIN = 0.5
#: how long to go on trying to write results while PostgreSQL is away, seconds; within the lease
KEEP_TRYING = 8.0


def deliver(ids: Sequence[UUID] | None, sender: Sender | None = None) -> int:
    """Sends these deliveries if due, then whatever else is; returns how many tries it made.

    None: whatever is due. Never inside a transaction: sends are slow. A result that cannot be
    written in time is lost, and its message is sent again when the lease is over.
    """
    made, waiting, wanted = 0, 0, ids
    over: SimpleQueue[Over] = SimpleQueue()
    stop_claiming = time.monotonic() + CLAIM_FOR
    sender = sender or sender_for(settings.SCHEDULER)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="webhook") as threads:
        while True:
            # At half, so that claims stay large; each costs the same.
            if waiting <= ON_THEIR_WAY // 2 and time.monotonic() < stop_claiming:
                for lane in _claim_lanes(wanted, ON_THEIR_WAY - waiting):
                    threads.submit(lane.run, sender, over)
                    waiting += len(lane.deliveries)
                wanted = None
            if not waiting:
                return made
            results = _gather(over)
            waiting -= len(results)
            made += _write(results)


@lru_cache(maxsize=1)
def sender_for(rules: SchedulerSettings) -> Sender:
    """This process's sender, so that connections are kept between tasks."""
    return Sender(rules)


def _claim_lanes(ids: Sequence[UUID] | None, limit: int) -> list[Lane]:
    """The next claim, ready to be sent; nothing while PostgreSQL is away: the bell rings again."""
    try:
        claimed = claim(ids, limit)
        keys = keys_of({one.owner_id for one in claimed}, claimed[0].claimed_at) if claimed else {}
    except DatabaseError as error:
        log.warning("webhooks_not_claimed: %s", type(error).__name__)
        connection.close()
        return []
    return list(lanes_for(claimed, keys))


def _gather(over: "SimpleQueue[Over]") -> list[Over]:
    """The next results: waits for the first, then a moment for others to join it."""
    try:
        results = [over.get(timeout=LOOK_AGAIN)]
    except Empty:
        return []
    time.sleep(GATHER)
    while True:
        try:
            results.append(over.get_nowait())
        except Empty:
            return results


def _write(results: Sequence[Over]) -> int:
    tries = [one for one in results if isinstance(one, Tried)]
    unsent = [one for one in results if isinstance(one, Unsent)]
    written = _persistently(lambda: record(tries))
    for wait in {one.wait for one in unsent}:
        _put_back([one.delivery for one in unsent if one.wait == wait], wait)
    _tell(tries, written)
    return len(tries)


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
