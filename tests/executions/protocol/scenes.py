"""Several steps in a row, to where it becomes dangerous: a fault that needs ten steps is met often.

What they leave standing, on the wire or unwritten, any other step may meet.
"""

from datetime import timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.executions.protocol import ending
from tests.executions.protocol.people import picks, when
from tests.executions.protocol.steps import Steps, fates, outcomes
from tests.executions.protocol.worker import Worker
from tests.executions.protocol.world import STAGES

stages = st.sampled_from(["written", *STAGES])
verbs = st.sampled_from(["pause", "cancel", "pause", "change_time", "ring_by_hand"])


class Scenes(Steps):
    """The rules by which most of what happens comes about."""

    def _can_work(self) -> bool:
        return self.world.beat.idle and bool(self.free_workers())

    @rule(pick=picks, until=stages, fate=fates, by_beat=st.booleans())
    @when(_can_work)
    def a_bell_is_answered(self, pick: int, until: str, fate: str, by_beat: bool) -> None:
        """Beat rings, a worker claims, and gets so far."""
        workers = self.free_workers()
        worker = workers[pick % len(workers)]
        self.world.ring(worker, by_beat=by_beat)
        if worker.actor.idle:
            self.world.place(worker, fate, until)

    @rule(pick=picks, verb=verbs, claim_first=st.booleans())
    @when(lambda self: self._can_work() and self.world.person.idle and self.calls)
    def a_claim_meets_a_person(self, pick: int, verb: str, claim_first: bool) -> None:
        """Both stand before their commit at the same time, if the one lets the other."""
        self.one_more_call()
        self.world.tick()
        waiting = [
            row
            for row in self.world.judge.executions.values()
            if row["status"] in ("pending", "retrying")
        ]
        if not waiting:
            return
        row, worker = waiting[-1 - pick % len(waiting)], self.free_workers()[0]
        call = self.calls.index(row["scheduled_call_id"])
        if claim_first:
            self.world.claim(worker, [row["id"]], hold=True)
        self.does(verb, call, hold=not claim_first)
        if not claim_first:
            self.world.claim(worker, [row["id"]])
        for actor in (worker.actor, self.world.person):
            if actor.standing:
                actor.go_on()
        self.world.settle()
        if worker.actor.idle:
            self.world.place(worker, "accepted")

    def _due(self) -> list[UUID]:
        """The scheduled calls that are due, in the order in which they were made."""
        calls, now = self.world.judge.calls, self.world.time.now
        next_runs = {id_: calls[id_]["next_run_at"] for id_ in self.calls}
        return [id_ for id_, at in next_runs.items() if at is not None and at <= now]

    @rule(pick=picks, verb=verbs, open_first=st.booleans(), fate=fates)
    @when(lambda self: self._can_work() and self.world.person.idle and self.calls)
    def an_opening_meets_a_person(self, pick: int, verb: str, open_first: bool, fate: str) -> None:
        """As above, where the worker opens the call itself."""
        self.one_more_call()
        if not (due := self._due()):
            return
        id_, worker = due[-1 - pick % len(due)], self.free_workers()[0]
        if open_first:
            self.world.open(worker, [id_], hold=True)
        self.does(verb, self.calls.index(id_), hold=not open_first)
        if not open_first:
            self.world.answer(worker, [id_])
        self._all_go_on(worker)
        if worker.actor.idle:
            self.world.place(worker, fate)

    @rule(pick=picks, dies=st.booleans(), fate=fates)
    @when(lambda self: len(self.free_workers()) == 2 and self.calls)
    def two_workers_open_the_same(self, pick: int, dies: bool, fate: str) -> None:
        """One stands before its commit, or dies there, while the other has the same message."""
        self.one_more_call()
        one, other = self.world.workers
        self.world.open(one, self._due(), hold=True)
        self.world.answer(other, list(self.calls))
        if dies:
            self.world.crash(one)
        self._all_go_on(one, other)
        for worker in (one, other):
            if worker.actor.idle:
                self.world.place(worker, fate)

    def _all_go_on(self, *workers: Worker) -> None:
        """Whoever stands goes on, and what was left is opened and claimed."""
        for actor in (*(worker.actor for worker in workers), self.world.person):
            if actor.standing:
                actor.go_on()
        self.world.settle()
        for worker in workers:
            if worker.actor.idle and worker.left:
                self.world.open_left(worker)
            if worker.actor.idle:
                self.world.claim(worker, self.world.bells[-4:])

    @rule(
        pick=picks,
        stage=st.sampled_from(STAGES[:4]),
        fault=st.sampled_from(["stands still", "loses its session", "crashes", "waits no longer"]),
        fate=fates,
        outcome=outcomes,
        rounds=st.sampled_from([2, 4, 6, 6]),
        pace=st.sampled_from([0, 65, 65]),
        until=stages,
        another_message=st.booleans(),
        by_beat=st.booleans(),
    )
    @when(_can_work)
    def a_worker_is_held_up(
        self,
        pick: int,
        stage: str,
        fault: str,
        fate: str,
        outcome: str,
        rounds: int,
        pace: int,
        until: str,
        another_message: bool,
        by_beat: bool,
    ) -> None:
        """It has got so far with its calls; the others go on; then it goes on as well."""
        workers = self.free_workers()
        worker = workers[pick % len(workers)]
        self.one_more_call()
        self.world.ring(worker, by_beat=by_beat)
        if not worker.actor.idle:
            return  # somebody stands in its way
        self.world.place(worker, fate, stage)
        self._strike(worker, fault)
        self._others_go_on(worker, fate, outcome, rounds, pace, until)
        if another_message and self._can_work() and worker.actor.idle:
            self.one_more_call()
            self.world.ring(worker, by_beat=by_beat)
        if worker.actor.idle:
            self.world.place(worker, fate)

    @rule(
        pick=picks,
        stage=st.sampled_from(["claimed", "claimed", "answered"]),
        fate=fates,
        until=st.sampled_from(STAGES[:4]),
        another_message=st.booleans(),
        by_beat=st.booleans(),
    )
    @when(_can_work)
    def a_worker_is_lost_and_comes_back(
        self, pick: int, stage: str, fate: str, until: str, another_message: bool, by_beat: bool
    ) -> None:
        """Its session ends, others take its calls over, and it is back with what it knew."""
        self.a_worker_is_held_up(
            pick=pick,
            stage=stage,
            fault="loses its session",
            fate=fate,
            outcome="completed",
            rounds=6,
            pace=65,
            until=until,
            another_message=another_message,
            by_beat=by_beat,
        )

    def _strike(self, worker: Worker, fault: str) -> None:
        if fault == "loses its session":
            self.world.lose_session(worker)
        elif fault == "crashes":
            self.world.crash(worker)
        elif fault == "waits no longer":
            for flight in worker.flights:
                if flight.stage == "on the wire":
                    self.world.give_up(worker, flight)

    @rule(
        pick=picks,
        fate=fates,
        outcome=outcomes,
        rounds=st.integers(1, 5),
        pace=st.sampled_from([0, 65]),
        until=stages,
    )
    def the_others_go_on(
        self, pick: int, fate: str, outcome: str, rounds: int, pace: int, until: str
    ) -> None:
        """All but one worker do their work for a while, whatever stands or is held up."""
        frozen = self.world.workers[pick % 2]
        self._others_go_on(frozen, fate, outcome, rounds, pace, until)

    def _others_go_on(
        self, frozen: Worker, fate: str, outcome: str, rounds: int, pace: int, until: str
    ) -> None:
        """For so many rounds, or until another has taken over what `frozen` had claimed."""
        held = {flight.claim.request.attempt_id for flight in frozen.flights}
        for left in reversed(range(rounds)):
            others = [worker for worker in self.free_workers() if worker is not frozen]
            ending.work(self.world, others, fate, outcome, until)
            theirs = {one.claim.request.attempt_id for each in others for one in each.flights}
            if not left or held & theirs:
                return
            self.world.wait(max(self.world.until_next(), timedelta(seconds=pace)))

    @rule(pick=picks, seconds=st.sampled_from([0, 1, 31, 950]), fate=fates)
    @when(_can_work)
    def old_bells_are_answered(self, pick: int, seconds: int, fate: str) -> None:
        """What was rung for is claimed again, or only after a while."""
        self.world.tick()
        self.world.wait(timedelta(seconds=seconds))
        workers = self.free_workers()
        worker = workers[pick % len(workers)]
        self.world.claim(worker, self.world.bells[-8:])
        if worker.actor.idle:
            self.world.place(worker, fate)

    @rule(pick=picks)
    @when(lambda self: self.world.service.events and self.world.inbox.idle)
    def the_service_repeats_itself(self, pick: int) -> None:
        """The same event twice, one right after the other."""
        service = self.world.service
        ringing = [ring.call_id for ring in service.log if not ring.over]
        # while the call goes on if there is one: that would put its next look off
        events = [one for one in service.events if one.call_id in ringing] or service.events
        event = events[-1 - pick % len(events)]
        for _ in range(2):
            if self.world.inbox.idle:
                self.world.deliver(event)

    @rule(pick=picks, seconds=st.sampled_from([0, 30, 70]))
    @when(lambda self: self.world.person.idle and self.calls)
    def a_call_is_paused_for_a_while(self, pick: int, seconds: int) -> None:
        """Paused, and resumed some time later."""
        self.does("pause", pick, False)
        self.world.wait(timedelta(seconds=seconds))
        if self.world.person.idle:
            self.does("resume", pick, False)

    # Hypothesis takes any rule as often as any other; by a second name these weigh more.
    another_bell_is_answered = a_bell_is_answered
    another_claim_meets_a_person = a_claim_meets_a_person
    another_opening_meets_a_person = an_opening_meets_a_person
    another_worker_is_held_up = a_worker_is_held_up
    another_worker_is_lost = a_worker_is_lost_and_comes_back
    it_repeats_itself_again = the_service_repeats_itself
    more_old_bells_are_answered = old_bells_are_answered
