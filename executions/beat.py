"""`celery beat` runs this: finds what is due and rings, to the millisecond; decides nothing.

Every beat fires scheduled calls: the rows decide who does what. Ordinary PeriodicTasks of
django-celery-beat fire once, from the one beat that holds the leader's lock.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import psycopg2
from django.db import DatabaseError, connection
from django_celery_beat.schedulers import DatabaseScheduler

from executions.dispatch import Bells
from executions.due_bells import DueBells
from executions.leader import Leader
from executions.pauses import end_pauses
from executions.ringing import claim_looks, look_ahead, ring_due, ring_soon
from executions.tasks import ring_calls, ring_looks
from webhooks.due import claim_bells, return_bells
from webhooks.tasks import ring as ring_webhooks

log = logging.getLogger(__name__)
SHORTEST_SLEEP = 0.02
LONGEST_SLEEP = 0.5
#: one tick works at most this long before PeriodicTasks get their turn
LONGEST_TICK = 1.0
WEBHOOK_BATCH = 500
Result = TypeVar("Result")
Default = TypeVar("Default")


class CallScheduler(DatabaseScheduler):  # type: ignore[misc]
    """django-celery-beat's scheduler, with the scheduled calls fired by index beside it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.leader = Leader()
        self.due = DueBells()
        #: when PeriodicTasks have their next turn, by the monotonic clock
        self.others_at = 0.0
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Fires what is due; returns the seconds until there is something to do again.

        An exception out of here would end beat, and with it all calls.
        """
        sleep = _safely(self.fire, None)
        others = _safely(lambda: self.tick_others(*args, **kwargs), None)
        if sleep is None or others is None:
            return LONGEST_SLEEP  # something is away: it is asked again, not all the time
        return max(0.0, min(sleep, others, LONGEST_SLEEP))

    def fire(self) -> float:
        """Rounds of dispatch and bells while there is something due; returns the seconds until
        there is again."""
        until = time.monotonic() + LONGEST_TICK
        now, earliest = look_ahead(self.due.rung_until)
        while self._is_due(earliest, now):
            bells = Bells()
            for step in (self.due.ring, end_pauses, ring_due):
                # What goes wrong in one of them must not keep the others' bells from ringing.
                bells.add(_safely(partial(step, now), Bells()))
            if not ring_all(bells, now):
                return LONGEST_SLEEP
            now, earliest = look_ahead(self.due.rung_until)
            if not bells.more or time.monotonic() > until:
                return 0.0 if bells.more else self._until(earliest, now)
        return self._until(earliest, now)

    def _is_due(self, earliest: datetime | None, now: datetime) -> bool:
        return (earliest is not None and earliest <= now) or self.due.seconds_to_look() == 0

    def _until(self, earliest: datetime | None, now: datetime) -> float:
        look = self.due.seconds_to_look()
        waits = LONGEST_SLEEP if look is None else min(look, LONGEST_SLEEP)
        if earliest is not None:
            waits = min(waits, (earliest - now).total_seconds())
        return max(SHORTEST_SLEEP, waits)

    def tick_others(self, *args: Any, **kwargs: Any) -> float:
        """django-celery-beat's own tick, on the one beat that leads; when it has something to do,
        and every two seconds (`beat_max_loop_interval`) to see what was changed."""
        if (left := self.others_at - time.monotonic()) > 0:
            return left
        if not self.leader.leads():
            return LONGEST_SLEEP
        if self.leader.is_new:
            # What another beat did meanwhile is in the database: read all of it again.
            self._dirty.clear()
            self._initial_read, self._heap, self.leader.is_new = True, None, False
        sleep: float = super().tick(*args, **kwargs)
        self.others_at = time.monotonic() + sleep
        return sleep


def ring_all(bells: Bells, now: datetime) -> bool:
    """Rings for everything that is due; what could not be rung for is due again at once."""
    rung = not bells.calls or ring_calls(bells.calls, retry=False)
    if not rung:
        ring_soon(bells.calls, now)
        return False
    if looks := claim_looks(now):
        rung = ring_looks(looks, retry=False)
    with connection.cursor() as cursor:
        deliveries = [*bells.webhooks, *claim_bells(cursor, now, WEBHOOK_BATCH)]
        if not ring_webhooks(deliveries):
            return_bells(cursor, deliveries, now)
            return False
    return rung


def _safely(step: Callable[[], Result], otherwise: Default) -> Result | Default:
    try:
        return step()
    except (DatabaseError, psycopg2.Error, OSError) as error:
        log.warning("beat_interrupted: %s", type(error).__name__)
        connection.close()
    except Exception:
        log.exception("beat_defect")
    return otherwise
