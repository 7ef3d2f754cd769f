"""The bells of the webhooks queue: messages carry ids only and may come twice, late or never."""

import logging
import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_shutdown
from django.conf import settings
from kombu.exceptions import OperationalError

from webhooks.sender import TOTAL_SECONDS, Sender
from webhooks.worker import Desk

log = logging.getLogger(__name__)
IDS_PER_MESSAGE = 100
#: a message with more ids than this is none of ours
MOST_IDS = 1000
#: for what is on its way, and for writing what came of it
DRAIN_SECONDS = TOTAL_SECONDS + 5.0
_desks: dict[int, Desk] = {}


def desk() -> Desk:
    """This process's desk; a forked child makes its own."""
    pid = os.getpid()
    if pid not in _desks:
        _desks.clear()
        _desks[pid] = Desk(Sender(settings.SCHEDULER))
        _desks[pid].start()
    return _desks[pid]


@shared_task(name="webhooks.deliver")
def deliver(ids: object = None) -> None:
    """Has these deliveries sent if they are due. Forged or broken ids are passed over."""
    if known := readable_ids(ids):
        desk().ring(known)


@shared_task(name="webhooks.deliver_due")
def deliver_due() -> None:
    """Has whatever is due sent."""
    desk().ring(None)


def ring(ids: Sequence[UUID]) -> bool:
    """Asks a worker to deliver these soon; False when the broker is away.

    Never raises: the rows are rung again by beat.
    """
    try:
        for start in range(0, len(ids), IDS_PER_MESSAGE):
            deliver.delay([str(id_) for id_ in ids[start : start + IDS_PER_MESSAGE]])
    except (OperationalError, OSError) as error:
        log.warning("webhook_bell_not_rung: %s", type(error).__name__)
        return False
    return True


def readable_ids(ids: object) -> list[UUID]:
    """The UUIDs among what a message brought, whatever it brought."""
    if not isinstance(ids, list):
        return []
    return [id_ for text in ids[:MOST_IDS] if (id_ := parse_id(text)) is not None]


def parse_id(text: object) -> UUID | None:
    """The UUID that `text` is; None for anything else."""
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


# A child of a worker, or (with --pool solo or threads) the worker itself.
@worker_process_shutdown.connect
@worker_shutdown.connect
def _drain(**kwargs: Any) -> None:
    """A process that ends lets what is on its way arrive, and gives the rest back."""
    mine = _desks.get(os.getpid())
    if mine is not None and not mine.drain(DRAIN_SECONDS):
        log.error("worker_left_webhooks_behind")
