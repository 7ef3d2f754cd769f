"""A worker of the state machine: a session with its real lock, and the calls that it is placing.

Each step of a call is taken by itself, so that anything can happen in between, for any time.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from executions.dialing import Claim, claim
from executions.findings import Finding, from_dial
from executions.opening import open_and_claim
from executions.outcomes import record_on
from executions.providers.base import (
    Answer,
    CallProvider,
    LostError,
    NotSent,
    NotSentError,
    Unsure,
)
from executions.session import DialSession
from executions.stop_watch import StopWatch
from executions.switchboard import may_leave
from scheduler_project import clock
from tests.executions.protocol.actors import Actor
from tests.executions.protocol.service import CallService

_IS_FREE = "SELECT pg_try_advisory_xact_lock(%s)"


@dataclass(slots=True, eq=False)
class Flight:
    """One claimed call on its way. `finding` is what its worker knows of it and has not written."""

    claim: Claim
    session: DialSession
    claimed_at: float
    #: claimed, cleared (its guard has let it pass), on the wire, answered
    stage: str = "claimed"
    #: when its guard let it pass, and when its bytes left
    cleared_at: datetime | None = None
    left_at: datetime | None = None
    finding: Finding | None = None


class Worker:
    """One worker child. Its thread claims and writes; what is on the wire outlives it."""

    def __init__(self, number: int) -> None:
        self.actor = Actor(f"worker {number}")
        self.flights: list[Flight] = []
        self.watch = StopWatch()
        #: scheduled calls that it could not simply open, and has still to open as waiting ones
        self.left: list[UUID] = []
        self._session: DialSession | None = None
        self._backend: int | None = None
        #: the one of its last claims, over which it reads the stop switches
        self.latest: DialSession | None = None

    @property
    def session(self) -> DialSession:
        """Its session, made anew after it was lost, as `current_session` does."""
        if self._session is None or not self._session.alive():
            self.hang_up()
            self._session = DialSession()
            with self._session.transaction() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self._backend = cursor.fetchone()[0]
        self.actor.backend = self._backend
        return self._session

    def claim(
        self, ids: Sequence[UUID], provider: CallProvider, then: Callable[[Any], None], hold: bool
    ) -> None:
        """T1 for these executions; with `hold` it stands before its commit."""
        session, claimed_at = self.session, clock.boot_seconds()

        def work() -> list[Flight]:
            with session.transaction() as cursor:
                now = clock.now_on(cursor)
                key, name = session.key, provider.name
                claims = claim(cursor, ids, worker=key, provider=name, now=now)
                if hold:
                    self.actor.stand()
            return [Flight(one, session, claimed_at) for one in claims]

        def done(flights: list[Flight]) -> None:
            self.latest = flights[0].session if flights else self.latest
            self.flights += sorted(flights, key=lambda one: one.claim.request.schedule_id)
            then(flights)

        self.actor.begin(work, done)

    def open(
        self, calls: Sequence[UUID], provider: CallProvider, then: Callable[[Any], None], hold: bool
    ) -> None:
        """Opens and claims what is due of these calls; with `hold` it stands before its commit."""
        session, claimed_at = self.session, clock.boot_seconds()

        def work() -> tuple[list[Flight], list[UUID]]:
            with session.transaction() as cursor:
                now = clock.now_on(cursor)
                key, name = session.key, provider.name
                claims, left = open_and_claim(cursor, calls, worker=key, provider=name, now=now)
                if hold:
                    self.actor.stand()
            return [Flight(one, session, claimed_at) for one in claims], left

        def done(opened: tuple[list[Flight], list[UUID]]) -> None:
            flights, left = opened
            self.latest = flights[0].session if flights else self.latest
            self.flights += sorted(flights, key=lambda one: one.claim.request.schedule_id)
            self.left += sorted(left)
            then(flights)

        self.actor.begin(work, done)

    def clear(self, flight: Flight, provider: CallProvider, now: datetime) -> None:
        """The last check before the bytes of a call leave."""
        try:
            self.watch.check(flight.claim.request, flight.claimed_at)
            may_leave(flight.session, flight.claimed_at, settings.SCHEDULER.lease_seconds / 2)
        except NotSentError as error:
            self.hear(flight, NotSent(error.reason), provider)
        else:
            flight.stage, flight.cleared_at = "cleared", now

    def arrive(
        self, flight: Flight, service: CallService, provider: CallProvider, fate: str, now: datetime
    ) -> None:
        """Its request reaches the service; the answer reaches the worker, if it is still there."""
        answer: Answer | NotSent
        try:
            answer = provider.read(service.post(provider.request(flight.claim.request), fate, now))
        except LostError as error:
            answer = Unsure(error.reason)
        self.hear(flight, answer, provider)

    def hear(self, flight: Flight, answer: Answer | NotSent, provider: CallProvider) -> None:
        """What the worker knows from now on, and has still to write."""
        attempt_id, worker = flight.claim.request.attempt_id, flight.claim.worker
        flight.finding = from_dial(attempt_id, answer, provider.capabilities, worker)
        flight.stage = "answered"

    def write(self, flights: Sequence[Flight], hold: bool) -> None:
        """T3: writes what is known of these; with `hold` it stands before its commit."""
        session = self.session
        findings = [flight.finding for flight in flights if flight.finding]
        self.flights = [flight for flight in self.flights if flight not in flights]

        @contextmanager
        def begin() -> Iterator[Any]:
            with session.transaction() as cursor:
                yield cursor
                if hold:
                    self.actor.stand()

        def work() -> None:
            with session.transaction() as cursor:
                now = clock.now_on(cursor)
            record_on(begin, findings, now)

        self.actor.begin(work)

    def lose_session(self) -> None:
        """The session is ended from outside; the process lives on."""
        if (session := self._session) is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [self._backend])
            _wait_until_free(session.key)
            wait_for(lambda: not session.alive())

    def hang_up(self) -> None:
        """Closes the session, as the end of the process does."""
        if (session := self._session) is not None:
            self._session = None
            session.close()
            _wait_until_free(session.key)


def _wait_until_free(key: int) -> None:
    """The backend of a closed connection ends a moment later, and with it the lock."""

    def free() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(_IS_FREE, [key])
            return bool(cursor.fetchone()[0])

    wait_for(free)


def wait_for(fact: Callable[[], bool]) -> None:
    """Waits for what comes within milliseconds; other tests' longer steps would add up here."""
    until = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < until, "the end of a session is seen"
        time.sleep(0.002)
