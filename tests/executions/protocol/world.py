"""What can happen in the world of an example; after each step the judge looks at the rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from executions import switches
from executions.callbacks import take_in
from executions.dispatch import open_due, open_these
from executions.due_bells import LONG_AGO
from executions.lookups import look_after
from executions.models import Attempt
from executions.pauses import end_pauses
from executions.providers.base import Report, Unsure
from executions.ringing import claim_looks, look_ahead, ring_due
from scheduler_project.errors import Problem
from tests.executions.protocol.processes import Processes
from tests.executions.protocol.worker import Flight, Worker

#: so long a worker waits for the answer to a request, and so long one can be on its way: less
#: than the lease and the settle time together, for that is what the settle time is for
DEADLINE, LONGEST_WAY = timedelta(seconds=20), timedelta(seconds=100)
#: how far a worker gets with its calls
STAGES = ("claimed", "cleared", "on the wire", "answered", "written")


class World(Processes):
    """A clock, the processes, the bells that were rung, and the judge."""

    def tick(self, hold: bool = False) -> None:
        """One round of beat; with `hold` it stands before it commits what it opened."""
        now = self.time.now

        def work() -> tuple[list[UUID], list[UUID]]:
            with transaction.atomic():
                bells = open_due(now)
                if hold:
                    self.beat.stand()
            bells.add(end_pauses(now))
            bells.add(ring_due(now))
            return bells.calls, claim_looks(now)

        def then(rung: tuple[list[UUID], list[UUID]]) -> None:
            self._rung, self._looks = [*self._rung, *rung[0]], rung[1]

        self.step(self.beat, work, then)

    def say(self, verb: Callable[[], Any], then: Callable[[Any], None], hold: bool) -> None:
        """Somebody does something to a call; a refusal is an answer, too."""

        def work() -> Any:
            try:
                with transaction.atomic():
                    said = verb()
                    if hold:
                        self.person.stand()
                    return said
            except Problem:
                return None

        self.step(self.person, work, lambda said: None if said is None else then(said))

    def claim(self, worker: Worker, ids: list[UUID], hold: bool = False) -> None:
        """A worker gets a message with these ids."""
        stopped = bool(self.switch and self.switch.is_active(self.time.now))

        def then(flights: list[Flight]) -> None:
            assert not (stopped and flights), "claimed although all calls are stopped"

        worker.claim(ids, self.provider, then, hold)
        self.settle()

    def open(self, worker: Worker, calls: list[UUID], hold: bool = False) -> None:
        """A worker gets a message for these scheduled calls, opens what is due and claims it."""
        stopped = bool(self.switch and self.switch.is_active(self.time.now))

        def then(flights: list[Flight]) -> None:
            assert not (stopped and flights), "opened and claimed although all calls are stopped"
            self.totals["opened by a worker"] += len(flights)

        worker.open(calls, self.provider, then, hold)
        self.settle()

    def open_left(self, worker: Worker, hold: bool = False) -> None:
        """Opens what it could not simply open, as `open_these` does; waits for who holds it."""
        now, ids = self.time.now, list(worker.left)
        worker.left.clear()

        def work() -> list[UUID]:
            worker.actor.connect()
            with transaction.atomic():
                bells = open_these(now, ids, wait=True)
                if hold:
                    worker.actor.stand()
            return bells.calls

        def then(rung: list[UUID]) -> None:
            self.totals["opened after all"] += len(rung)
            self._rung = [*self._rung, *rung]

        self.step(worker.actor, work, then)

    def answer(self, worker: Worker, calls: list[UUID]) -> None:
        """All that a worker does about a message for these scheduled calls, if nobody holds any."""
        self.open(worker, calls)
        if worker.actor.idle and worker.left:
            self.open_left(worker)
            if worker.actor.idle:
                self.claim(worker, self.bells[-4:])

    def ring(self, worker: Worker, *, by_beat: bool) -> None:
        """Beat opens what is due and a worker claims it, or the worker does both."""
        if by_beat:
            self.tick()
            self.claim(worker, self.bells[-4:])
        else:
            self.answer(worker, list(self.judge.calls))

    def clear(self, worker: Worker, flight: Flight, *, look: bool) -> None:
        """The guard of a call is asked; with `look` the stop switches have been read just now."""
        if look and worker.latest is not None and not worker.latest.lost:
            worker.watch.look(worker.latest)
        worker.clear(flight, self.provider, self.time.now)

    def leave(self, flight: Flight) -> None:
        """The bytes of a request leave."""
        flight.stage, flight.left_at = "on the wire", self.time.now

    def arrive(self, worker: Worker, flight: Flight, fate: str) -> None:
        """A request arrives; the judge looks at the ring, if there is one."""
        rings = len(self.service.log)
        worker.arrive(flight, self.service, self.provider, fate, self.time.now)
        for ring in self.service.log[rings:]:
            self.judge.ring_begins(flight, ring)

    def place(self, worker: Worker, fate: str, until: str = "written") -> None:
        """A worker gets so far with all its calls, one after the other."""
        last = STAGES.index(until)
        for flight in list(worker.flights):
            if last > 0 and flight.stage == "claimed":
                self.clear(worker, flight, look=True)
            if last > 1 and flight.stage == "cleared":
                self.leave(flight)
            if last > 2 and flight.stage == "on the wire":
                self.arrive(worker, flight, fate)
        if until == "written" and worker.actor.idle and worker.flights:
            self.write(worker, [flight for flight in worker.flights if flight.finding])

    def write(self, worker: Worker, flights: list[Flight], hold: bool = False) -> None:
        """A worker writes what it knows of these."""
        worker.write(flights, hold)
        self.settle()

    def crash(self, worker: Worker) -> None:
        """kill -9: what it knew is lost; what was on the wire arrives."""
        self.totals["crashes"] += 1
        if worker.actor.standing:
            worker.actor.go_on(kill=True)
            self.settle()
        worker.hang_up()
        self.strays += [flight for flight in worker.flights if flight.stage == "on the wire"]
        worker.flights.clear()
        worker.left.clear()
        self.settle()

    def lose_session(self, worker: Worker) -> None:
        """Its session ends and the process lives on.

        Requests that the guard has let pass leave at once: frozen in these microseconds and
        without a session at once is the gap that is left.
        """
        self.totals["sessions lost"] += 1
        for flight in worker.flights:
            if flight.stage == "cleared":
                self.leave(flight)
        worker.lose_session()
        self.settle()

    def deliver(self, event: Report, hold: bool = False) -> None:
        """The service reports; what was taken in before must change nothing."""
        again = event.event_id in self.judge.taken_in
        quiet = all(actor.idle for actor in self.actors)
        before = (self.judge.executions, self.judge.attempts)

        def work() -> None:
            with transaction.atomic():
                attempt = Attempt.objects.get(pk=str(event.attempt_id))
                take_in(attempt, event, self.provider, self.time.now)
                if hold:
                    self.inbox.stand()

        def then(_: object) -> None:
            self.judge.taken_in.add(str(event.event_id))

        self.step(self.inbox, work, then)
        if again and quiet:
            now = (self.judge.executions, self.judge.attempts)
            assert before == now, "an event that was taken in before has changed something"

    def look_after(self, ids: list[UUID], *, hold: bool = False) -> None:
        """Rescue, poll or reconcile; with `hold` the first answer of the service takes its time."""
        now = self.time.now
        self.service.hold = self.upkeep.stand if hold else None
        self.step(self.upkeep, lambda: look_after(ids, now))

    def give_up(self, worker: Worker, flight: Flight) -> None:
        """The deadline is over for the worker; its request still arrives, some time."""
        self.strays.append(replace(flight))
        worker.hear(flight, Unsure("no answer in time"), self.provider)

    def arrive_astray(self, flight: Flight, fate: str) -> None:
        """A request arrives of which nobody waits for the answer."""
        self.strays.remove(flight)
        self.arrive(self.workers[0], flight, fate)

    def wait(self, by: timedelta) -> None:
        """Time passes; no worker waits longer than its deadline, nothing is on its way for ever."""
        then = self.time.now + by
        for worker in self.workers:
            for flight in worker.flights:
                left = flight.left_at if flight.stage == "on the wire" else None
                if left and left + DEADLINE < then:
                    self.give_up(worker, flight)
        for flight in list(self.strays):
            if flight.left_at and flight.left_at + LONGEST_WAY < then:
                self.arrive_astray(flight, "accepted")
        self.time.move(by)

    def until_next(self) -> timedelta:
        """How long until something is to be done."""
        _, at = look_ahead(LONG_AGO)
        return max(at - self.time.now, timedelta()) if at else timedelta(seconds=60)

    def stop(self) -> None:
        """All calls are forbidden, or allowed again."""
        if self.switch is None:
            self.switch = switches.stop("global", "", "a trial", "somebody")
        else:
            switches.lift(self.switch.id, "somebody")
            self.switch = None
