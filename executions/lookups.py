"""An attempt must be looked after: its worker may be dead, its call may be over, or nobody knows.

dialing      rescue: its lease is over. Only when the worker's lock is free too is it abandoned,
             and only ever to unknown: age alone is no proof that nothing will be sent.
in_progress  poll: the call service has not reported for a while.
unknown      reconcile: ask the call service whether it has the call.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from executions.attention import frozen_before
from executions.findings import (
    ENDED,
    FIRST_RECONCILE,
    NOTHING,
    PROGRESS,
    RECONCILE_LIMIT,
    UNKNOWN,
    Finding,
    from_poll,
    from_reconcile,
)
from executions.models import Attempt
from executions.outcomes import django_transaction, record_on
from executions.providers.base import (
    CallProvider,
    HttpRequest,
    Lookup,
    NoLookup,
    Reference,
    Unreachable,
    Unsure,
)
from executions.providers.registry import provider_named
from executions.providers.transport import ask
from executions.states import AttemptStatus
from scheduler_project import clock

log = logging.getLogger(__name__)
#: questions to the call service at once
ASKED_AT_ONCE = 8
#: rows written in one transaction
MOST_WRITTEN = 200


def look_after(ids: Sequence[UUID], now: datetime) -> list[UUID]:
    """Looks after these attempts; returns webhook deliveries to ring for. No transaction is open
    while the call service is asked."""
    attempts = list(Attempt.objects.filter(pk__in=ids).exclude(status=AttemptStatus.ENDED))
    dialing = [a for a in attempts if a.status == AttemptStatus.DIALING]
    asked = [a for a in attempts if a.status in (AttemptStatus.IN_PROGRESS, AttemptStatus.UNKNOWN)]
    findings = [*abandoned(dialing, now), *_ask_all(asked, now)]
    bells: list[UUID] = []
    for start in range(0, len(findings), MOST_WRITTEN):
        # Asking may have taken long: what was heard is written as heard now.
        batch = findings[start : start + MOST_WRITTEN]
        bells += record_on(django_transaction, batch, clock.now())
    return bells


def abandoned(dialing: Sequence[Attempt], now: datetime) -> list[Finding]:
    """Those whose lease is over and whose worker is provably gone, as unknown."""
    over = [a for a in dialing if a.lease_until is not None and a.lease_until < now]
    gone = {worker for worker in {a.worker for a in over} if _is_gone(worker)}
    _warn_of_frozen([a for a in over if a.worker not in gone], now)
    if gone:
        log.warning("attempts_abandoned workers=%d attempts=%d", len(gone), len(over))
    return [
        Finding(
            attempt.id,
            UNKNOWN,
            error="its worker died while it dialed",
            look_in=FIRST_RECONCILE,
            worker=attempt.worker,
        )
        for attempt in over
        if attempt.worker in gone
    ]


def _warn_of_frozen(held: Sequence[Attempt], now: datetime) -> None:
    """A worker that holds its lock and does not get on: only an operator can end it safely."""
    frozen = [a for a in held if a.lease_until is not None and a.lease_until < frozen_before(now)]
    if frozen:
        workers = len({a.worker for a in frozen})
        log.error("worker_frozen workers=%d attempts=%d", workers, len(frozen))


def _is_gone(worker: int | None) -> bool:
    """Whether the advisory lock of a worker's session is free: then that session has ended.

    Asked on Django's connection: a session would get its own lock again.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [worker])
        return bool(cursor.fetchone()[0])


def _ask_all(attempts: Sequence[Attempt], now: datetime) -> list[Finding]:
    if not attempts:
        return []
    with ThreadPoolExecutor(min(ASKED_AT_ONCE, len(attempts))) as pool:
        return list(pool.map(lambda attempt: _ask(attempt, now), attempts))


def _ask(attempt: Attempt, now: datetime) -> Finding:
    """As `_ask_provider`; whatever is wrong with one attempt's adapter holds up no other."""
    try:
        return _ask_provider(attempt, _provider(attempt), now)
    except Exception:
        log.exception("lookup_defect attempt=%s", attempt.id)
        return Finding(attempt.id, NOTHING, look_in=RECONCILE_LIMIT)


def _ask_provider(attempt: Attempt, provider: CallProvider, now: datetime) -> Finding:
    """What the call service says of one attempt. Runs in a thread and touches no database."""
    ref = Reference(
        attempt_id=attempt.id,
        call_id=attempt.call_id,
        phone_number=attempt.sent["phone_number"],
        number=attempt.number,
        started_at=attempt.started_at,
    )
    age = (now - attempt.started_at).total_seconds()
    too_long = age > settings.SCHEDULER.max_call_seconds
    if attempt.status == AttemptStatus.IN_PROGRESS:
        lookup = _answer(provider, provider.fetch(ref), ref, provider.read_fetched)
        found = from_poll(attempt.id, lookup, provider.capabilities, attempt.looks)
        if found.kind != ENDED and too_long:
            return Finding(attempt.id, UNKNOWN, error="it never reported back", look_in=60.0)
        return found
    by_id = attempt.call_id is not None
    request = provider.fetch(ref) if by_id else provider.find(ref)
    lookup = _answer(
        provider, request, ref, provider.read_fetched if by_id else provider.read_found
    )
    since = attempt.unknown_since or attempt.started_at
    found = from_reconcile(attempt.id, lookup, provider.capabilities, attempt.looks, since, now)
    if found.kind == PROGRESS and too_long:
        # It was given up as one that never reports back; only its end is news.
        return Finding(attempt.id, NOTHING, look_in=RECONCILE_LIMIT)
    return found


def _answer(
    provider: CallProvider, request: HttpRequest | None, ref: Reference, read: Any
) -> Lookup:
    if request is None:
        return NoLookup()
    try:
        lookup: Lookup = read(ref, ask(request, provider))
    except Unreachable as error:
        return Unsure(error.reason)
    return lookup


def _provider(attempt: Attempt) -> CallProvider:
    return provider_named(attempt.provider)
