"""A worker child's event loop: places claimed calls side by side and writes what comes of them.

A task hands its claims over and returns; hundreds of calls may be in flight while the child takes
the next message. Outcomes are written every 50 ms, as they come: no result waits for a slow call.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

import psycopg2
from django.conf import settings

from executions.dialing import Claim
from executions.findings import Finding, from_dial
from executions.outcomes import record_on
from executions.providers.base import (
    Answer,
    CallProvider,
    NotSent,
    NotSentError,
    TransportError,
    Unsure,
)
from executions.providers.dial_client import DialClient, Result
from executions.session import DialSession, current_session, end_session
from executions.stop_watch import StopWatch
from scheduler_project.clock import boot_seconds as boot_seconds

log = logging.getLogger(__name__)
#: calls in flight in one child; a task waits while there are so many
MOST_IN_FLIGHT = 500
WRITE_EVERY_SECONDS = 0.05
#: rows written in one transaction
MOST_WRITTEN = 500
Ring = Callable[[Sequence[UUID]], None]


class Switchboard:
    """The loop, its writer thread, and the count of what is in flight. One per worker child."""

    def __init__(self, provider: CallProvider, ring_webhooks: Ring) -> None:
        self.provider = provider
        self.pid = os.getpid()
        self._ring_webhooks = ring_webhooks
        self._found: list[Finding] = []
        self._something = threading.Event()
        self._changed = threading.Condition()
        self._in_flight = 0
        self._loop = asyncio.new_event_loop()
        self._client = DialClient()
        self._stop_watch = StopWatch()
        threading.Thread(target=self._loop.run_forever, name="dial", daemon=True).start()
        threading.Thread(target=self._write_forever, name="write", daemon=True).start()

    def wait_for_room(self, seconds: float = 60.0) -> bool:
        """Waits until another batch may be claimed; False when there was no room for so long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight < MOST_IN_FLIGHT, seconds)

    def place(self, claims: Sequence[Claim], session: DialSession, claimed_at: float) -> None:
        """Dials the claims. `claimed_at`: `boot_seconds()` from before they were claimed."""
        if not claims:
            return
        with self._changed:
            self._in_flight += len(claims)
            self._stop_watch.begin(session)
        guard = partial(may_leave, session, claimed_at, settings.SCHEDULER.lease_seconds / 2)
        self._loop.call_soon_threadsafe(self._place, claims, guard, claimed_at)

    def drain(self, seconds: float) -> bool:
        """Waits until nothing is in flight and all is written; whether that was reached."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, seconds)

    def _place(self, claims: Sequence[Claim], guard: Callable[[], None], claimed_at: float) -> None:
        for claim in claims:
            try:
                self._place_one(claim, guard, claimed_at)
            except Exception as error:  # it must not keep the others from being placed
                log.exception("dial_defect attempt=%s", claim.request.attempt_id)
                self._hear(claim, Unsure(f"{type(error).__name__} in the dialing"))

    def _place_one(self, claim: Claim, guard: Callable[[], None], claimed_at: float) -> None:
        def ask() -> None:
            self._stop_watch.check(claim.request, claimed_at)
            guard()  # last: it says whether this worker may send anything at all

        initiate_call(self._client, self.provider, claim, ask, partial(self._hear, claim))

    def _hear(self, claim: Claim, answer: Answer | NotSent) -> None:
        self._found.append(self._read(claim, answer))
        if not self._something.is_set():
            self._something.set()

    def _read(self, claim: Claim, answer: Answer | NotSent) -> Finding:
        """What the answer says; one that nobody can read, for an adapter's defect, is unsure."""
        ours = (self.provider.capabilities, claim.worker, claim.request.schedule_id)
        try:
            return from_dial(claim.request.attempt_id, answer, *ours)
        except Exception as error:
            log.exception("dial_defect attempt=%s", claim.request.attempt_id)
            doubt = Unsure(f"{type(error).__name__} in the adapter")
            return from_dial(claim.request.attempt_id, doubt, *ours)

    def _write_forever(self) -> None:
        while True:
            self._something.wait()
            time.sleep(WRITE_EVERY_SECONDS)  # lets a batch gather
            self._something.clear()
            while batch := self._found[:MOST_WRITTEN]:
                del self._found[: len(batch)]
                self._write(batch)

    def _write(self, batch: Sequence[Finding]) -> None:
        try:
            write_until_done(batch, self._ring_webhooks)
        except Exception:
            # A defect of ours. The lock is freed, so that rescue and reconcile find out.
            log.exception("outcomes_defect count=%d", len(batch))
            end_session()
        finally:
            with self._changed:
                self._in_flight -= len(batch)
                if self._in_flight == 0:
                    self._stop_watch.rest()
                self._changed.notify_all()


def initiate_call(
    client: DialClient,
    provider: CallProvider,
    claim: Claim,
    guard: Callable[[], None],
    hear: Callable[[Answer | NotSent], None],
) -> None:
    """Places one call, at most once; `hear` is told once what is known of it then. Never raises."""

    def read(result: Result) -> None:
        hear(_meaning(provider, claim, result))

    try:
        request = provider.request(claim.request)
    except Exception as error:  # an adapter's defect: who knows what it has done
        log.exception("dial_defect attempt=%s", claim.request.attempt_id)
        hear(Unsure(f"{type(error).__name__} in the adapter"))
        return
    client.begin(provider, request, guard, read)


def _meaning(provider: CallProvider, claim: Claim, result: Result) -> Answer | NotSent:
    if isinstance(result, NotSentError):
        return NotSent(result.reason)
    if isinstance(result, TransportError):
        return Unsure(result.reason)
    try:
        return provider.read(result)
    except Exception as error:  # an adapter's defect: it was dialed all the same
        log.exception("dial_defect attempt=%s", claim.request.attempt_id)
        return Unsure(f"{type(error).__name__} in the adapter")


def may_leave(session: DialSession, claimed_at: float, at_most: float) -> None:
    """The last check before the bytes leave; raises NotSentError when they may not.

    My session lives, so nobody has declared me lost; and the claim is younger than half its lease,
    so nobody will before the answer is due.
    """
    if not session.alive():
        raise NotSentError("the worker's database session was lost")
    if boot_seconds() - claimed_at > at_most:
        raise NotSentError("the worker was held up for too long")


def write_until_done(findings: Sequence[Finding], ring_webhooks: Ring) -> None:
    """Writes the findings, again and again for as long as a lease; then reconcile will find out."""
    give_up = time.monotonic() + settings.SCHEDULER.lease_seconds
    while True:
        try:
            if bells := record_on(current_session().transaction, findings):
                ring_webhooks(bells)
            return
        except psycopg2.Error as error:
            log.warning("outcomes_not_written count=%d: %s", len(findings), type(error).__name__)
            if time.monotonic() > give_up:
                log.exception("outcomes_given_up count=%d", len(findings))
                end_session()  # frees the lock: these attempts are rescued
                return
            time.sleep(0.3)  # the database is away; the lease bounds how long we ask
