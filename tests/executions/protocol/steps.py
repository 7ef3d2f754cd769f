"""One step at a time: of beat, a worker, upkeep, the call service or the clock, in any order."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.executions.protocol.people import People, holds, picks, when
from tests.executions.protocol.service import ENDS, FATES
from tests.executions.protocol.worker import Flight, Worker

fates = st.sampled_from(["accepted", *FATES])
#: mostly such as are tried again
outcomes = st.sampled_from(["busy", *ENDS])


class Steps(People):
    """Each rule is one step of one process, of the call service, or of the clock."""

    @rule(hold=holds)
    @when(lambda self: self.world.beat.idle)
    def beat(self, hold: bool) -> None:
        self.world.tick(hold)

    def free_workers(self) -> list[Worker]:
        return [worker for worker in self.world.workers if worker.actor.idle]

    @rule(pick=picks, which=picks, hold=holds)
    @when(lambda self: self.world.bells and self.free_workers())
    def claim(self, pick: int, which: int, hold: bool) -> None:
        workers, bells = self.free_workers(), self.world.bells
        ids = bells[-4:] if which == 5 else [bells[-1 - which % len(bells)]]
        self.world.claim(workers[pick % len(workers)], ids, hold)

    @rule(pick=picks, which=picks, hold=holds)
    @when(lambda self: self.calls and self.free_workers())
    def open_and_claim(self, pick: int, which: int, hold: bool) -> None:
        """A message for scheduled calls, due or not: at any time, any number of times."""
        workers = self.free_workers()
        ids = list(self.calls) if which == 5 else [self.calls[-1 - which % len(self.calls)]]
        self.world.open(workers[pick % len(workers)], ids, hold)

    def _workers_with_more(self) -> list[Worker]:
        return [worker for worker in self.free_workers() if worker.left]

    @rule(pick=picks, hold=holds)
    @when(_workers_with_more)
    def open_what_was_left(self, pick: int, hold: bool) -> None:
        workers = self._workers_with_more()
        self.world.open_left(workers[pick % len(workers)], hold)

    def _flights(self, stage: str) -> list[tuple[Worker, Flight]]:
        return [
            (worker, flight)
            for worker in self.world.workers
            for flight in worker.flights
            if flight.stage == stage
        ]

    @rule(pick=picks, look=st.booleans())
    @when(lambda self: self._flights("claimed"))
    def the_guard_is_asked(self, pick: int, look: bool) -> None:
        found = [one for one in self._flights("claimed") if not one[0].actor.standing]
        if found:
            worker, flight = found[pick % len(found)]
            self.world.clear(worker, flight, look=look)

    @rule(pick=picks)
    @when(lambda self: self._flights("cleared"))
    def the_request_leaves(self, pick: int) -> None:
        found = self._flights("cleared")
        self.world.leave(found[pick % len(found)][1])

    @rule(pick=picks, fate=fates)
    @when(lambda self: self._flights("on the wire"))
    def the_request_arrives(self, pick: int, fate: str) -> None:
        found = self._flights("on the wire")
        self.world.arrive(*found[pick % len(found)], fate)

    @rule(pick=picks)
    @when(lambda self: self._flights("on the wire"))
    def the_worker_waits_no_longer(self, pick: int) -> None:
        found = self._flights("on the wire")
        self.world.give_up(*found[pick % len(found)])

    @rule(pick=picks, fate=fates)
    @when(lambda self: self.world.strays)
    def a_late_request_arrives(self, pick: int, fate: str) -> None:
        strays = self.world.strays
        self.world.arrive_astray(strays[pick % len(strays)], fate)

    @rule(pick=picks, hold=holds)
    @when(lambda self: any(one.actor.idle for one, _ in self._flights("answered")))
    def the_answer_is_written(self, pick: int, hold: bool) -> None:
        found = [one for one in self._flights("answered") if one[0].actor.idle]
        worker, flight = found[pick % len(found)]
        self.world.write(worker, [flight], hold)

    @rule(pick=picks)
    @when(lambda self: any(actor.standing for actor in self.world.actors))
    def one_that_stands_goes_on(self, pick: int) -> None:
        standing = [actor for actor in self.world.actors if actor.standing]
        standing[pick % len(standing)].go_on()
        self.world.settle()

    def _vulnerable(self) -> list[Worker]:
        """Those whose end would matter."""
        workers = self.world.workers
        return [w for w in workers if w.actor.standing or (w.flights and w.actor.idle)]

    @rule(pick=picks)
    @when(lambda self: self._vulnerable())
    def a_worker_crashes(self, pick: int) -> None:
        can = self._vulnerable()
        self.world.crash(can[pick % len(can)])

    @rule(pick=picks)
    @when(lambda self: any(worker.actor.idle for worker in self._vulnerable()))
    def a_worker_loses_its_session(self, pick: int) -> None:
        can = [worker for worker in self._vulnerable() if worker.actor.idle]
        self.world.lose_session(can[pick % len(can)])

    @rule(pick=picks, hold=holds)
    @when(lambda self: self.world.looks and self.world.upkeep.idle)
    def an_attempt_is_looked_after(self, pick: int, hold: bool) -> None:
        looks = self.world.looks
        self.world.look_after([looks[-1 - pick % len(looks)]], hold=hold)

    # the call service, and the clock

    @rule(pick=picks, outcome=outcomes)
    @when(lambda self: any(not ring.over for ring in self.world.service.log))
    def a_call_ends(self, pick: int, outcome: str) -> None:
        ringing = [ring for ring in self.world.service.log if not ring.over]
        self.world.service.end(ringing[pick % len(ringing)], outcome)

    @rule(pick=picks, hold=holds)
    @when(lambda self: self.world.service.events and self.world.inbox.idle)
    def the_service_reports(self, pick: int, hold: bool) -> None:
        """Any event that there was, in any order, as often as it likes."""
        events = self.world.service.events
        self.world.deliver(events[-1 - pick % len(events)], hold)

    @rule(seconds=st.sampled_from([1, 5, 25, 31, 61, 125, 600, 950]))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(timedelta(seconds=seconds))

    @rule()
    def time_passes_until_something_is_due(self) -> None:
        self.world.wait(self.world.until_next())
