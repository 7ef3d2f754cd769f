"""Searches are made quick behind the scenes: a worker files texts that nobody searched before."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from scheduled_calls import searching

log = logging.getLogger(__name__)


@shared_task(name="scheduled_calls.file_search_texts")
def file_search_texts() -> None:
    """Files some texts, and asks for the next ones: calls have their turn in between."""
    if searching.file() == searching.BATCH:
        ring()


def ring() -> None:
    """Asks a worker to file; never raises: the next search asks again."""
    try:
        file_search_texts.delay()
    except (OperationalError, OSError) as error:
        log.warning("search_bell_not_rung: %s", type(error).__name__)


def ring_if_behind() -> None:
    """After a search: asks for filing where there is much to file."""
    if searching.is_behind():
        ring()
