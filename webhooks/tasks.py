"""The bells of the webhooks queue: messages carry ids only and may come twice, late or never."""

import logging
from collections.abc import Sequence
from uuid import UUID

from celery import shared_task
from kombu.exceptions import OperationalError

from webhooks import worker

log = logging.getLogger(__name__)
IDS_PER_MESSAGE = 100
#: a message with more ids than this is none of ours
MOST_IDS = 1000


@shared_task(name="webhooks.deliver")
def deliver(ids: object = None) -> None:
    """Sends these deliveries if they are due. Forged or broken ids are passed over."""
    if known := readable_ids(ids):
        worker.deliver(known)


@shared_task(name="webhooks.deliver_due")
def deliver_due() -> None:
    """Sends whatever is due."""
    worker.deliver(None)


def ring(ids: Sequence[UUID]) -> None:
    """Asks a worker to deliver these soon. Never raises: the rows are rung again by beat."""
    try:
        for start in range(0, len(ids), IDS_PER_MESSAGE):
            deliver.delay([str(id_) for id_ in ids[start : start + IDS_PER_MESSAGE]])
    except (OperationalError, OSError) as error:
        log.warning("webhook_bell_not_rung: %s", type(error).__name__)


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
