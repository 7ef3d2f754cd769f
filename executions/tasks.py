"""The bells of calls: what a worker does when beat or a front door rings. Messages carry ids only
and may come twice, late, forged, or never."""

import gc
import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from kombu.exceptions import OperationalError

from executions.dialing import Claim, claim
from executions.dispatch import open_these
from executions.lookups import ASKED_AT_ONCE, look_after
from executions.opening import open_and_claim
from executions.providers.registry import current_provider
from executions.session import current_session
from executions.switchboard import Switchboard, boot_seconds
from scheduler_project import clock
from webhooks.tasks import readable_ids
from webhooks.tasks import ring as ring_webhooks_now

log = logging.getLogger(__name__)
#: ids in one message: a message costs a Celery worker about as much as ten calls
MOST_IDS, FEWEST_IDS = 300, 25
#: what is due at once is cut into so many messages, if they are not too small: for all workers
SHARES = 16
DRAIN_SECONDS = 20.0
_switchboards: dict[int, Switchboard] = {}


def switchboard() -> Switchboard:
    """This process's switchboard; a forked child makes its own."""
    pid = os.getpid()
    if pid not in _switchboards:
        _switchboards.clear()
        _switchboards[pid] = Switchboard(current_provider(), ring_webhooks)
    return _switchboards[pid]


@shared_task(name="executions.place_due")
def place_due(ids: object = None) -> None:
    """Opens the occurrences of these scheduled calls that are due now, and dials them. Idempotent.

    What cannot simply ring is opened as a waiting execution, and then claimed as such.
    """
    if not (known := readable_ids(ids)):
        return
    left: list[UUID] = []

    def open_them(cursor: Any, now: datetime, **ours: Any) -> list[Claim]:
        claims, others = open_and_claim(cursor, known, now=now, **ours)
        left.extend(others)
        return claims

    if _place(open_them) and left:
        bells = open_these(clock.now(), left, wait=True)
        ring_webhooks(bells.webhooks)
        if bells.calls:
            _place(partial(claim, ids=bells.calls))


@shared_task(name="executions.place_calls")
def place_calls(ids: object = None) -> None:
    """Claims these executions if they may ring now, and dials them. Claiming is idempotent."""
    if known := readable_ids(ids):
        _place(partial(claim, ids=known))


def _place(claiming: Callable[..., list[Claim]]) -> bool:
    """Dials what `claiming` claims, once that is committed; False when there was no room."""
    board = switchboard()
    if not board.wait_for_room():
        return False  # all is in the rows: beat rings again
    claimed_at = boot_seconds()
    session = current_session()
    with session.transaction() as cursor:
        now = clock.now_on(cursor)
        claims = claiming(cursor, worker=session.key, provider=board.provider.name, now=now)
    board.place(claims, session, claimed_at)
    return True


@shared_task(name="executions.look_after")
def look_after_attempts(ids: object = None) -> None:
    """Rescues, polls or reconciles these attempts."""
    if known := readable_ids(ids):
        ring_webhooks(look_after(known, clock.now()))


def ring_due_calls(ids: Sequence[str], **options: Any) -> bool:
    """Asks workers to open and dial these scheduled calls; False when the broker is away."""
    return _ring(place_due, ids, options, _share(len(ids)))


def ring_calls(ids: Sequence[UUID], **options: Any) -> bool:
    """Asks workers to dial these; False when the broker is away. Never raises: beat rings again."""
    return _ring(place_calls, ids, options, _share(len(ids)))


def ring_looks(ids: Sequence[UUID], **options: Any) -> bool:
    """Asks workers to look after these attempts; False when the broker is away.

    Few in a message: a call service that hangs must not keep a worker child from dialing.
    """
    return _ring(look_after_attempts, ids, options, ASKED_AT_ONCE)


def ring_webhooks(ids: Sequence[UUID]) -> None:
    """Asks workers to deliver these soon; never raises."""
    if ids:
        ring_webhooks_now(ids)


def _share(count: int) -> int:
    return max(FEWEST_IDS, min(MOST_IDS, count // SHARES))


def _ring(task: Any, ids: Sequence[UUID | str], options: dict[str, Any], per_message: int) -> bool:
    try:
        for start in range(0, len(ids), per_message):
            chunk = [str(id_) for id_ in ids[start : start + per_message]]
            task.apply_async((chunk,), **options)
    except (OperationalError, OSError) as error:
        log.warning("bell_not_rung task=%s: %s", task.name, type(error).__name__)
        return False
    return True


@worker_process_init.connect
def _warm_up(**kwargs: Any) -> None:
    """Opens the session and the loop before the first call, which would be late otherwise."""
    # Django's modules are looked through for garbage no more, and a batch makes none in circles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    try:
        switchboard()
        current_session()
    except Exception:
        log.exception("worker_not_warm")  # the first task will try again, and say so


@worker_process_shutdown.connect
def _drain(**kwargs: Any) -> None:
    """A child that ends lets its calls be placed and written first."""
    board = _switchboards.get(os.getpid())
    if board is not None and not board.drain(DRAIN_SECONDS):
        log.error("worker_left_calls_behind")
