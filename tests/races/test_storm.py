"""Beats, workers, reports and owners at work on the same calls all at once: no deadlock, no lie.

`RACE_SECONDS` is how long (3; a long run takes minutes).
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from threading import Event
from uuid import UUID

from executions import interruption
from executions.dialing import Claim
from executions.dispatch import open_due, open_these
from executions.findings import ENDED, UNKNOWN, Finding
from executions.models import Attempt, Execution
from executions.pauses import end_pauses
from executions.ringing import ring_due, ring_soon
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story
from tests.races.sides import Side
from tests.races.verbs import VERBS, said

SECONDS = float(os.environ.get("RACE_SECONDS", "3"))
CALLS = 30
#: cancelled ones would leave nothing to meet, nor would those that are moved to another year
WANTED = [verb for verb in VERBS if verb not in ("cancel", "skip", "new time")]
#: seconds on time.monotonic(), begin and end of what was done to a call
Span = tuple[float, float]


class Storm:
    """What each of them does until it is over, and what they noted."""

    def __init__(self, story: Story, calls: Sequence[ScheduledCall]) -> None:
        self.story = story
        self.calls = list(calls)
        self.over = Event()
        self.claims: list[tuple[Span, Claim]] = []
        #: of each call: what was done, and when
        self.done: dict[UUID, list[tuple[Span, str, bool]]] = {call.id: [] for call in calls}

    def until_over(self, step: Callable[[random.Random], None], seed: int) -> Callable[[], int]:
        """Takes the step again and again; how often."""

        def work() -> int:
            chance, times = random.Random(seed), 0
            while not self.over.is_set():
                step(chance)
                times += 1
            return times

        return work

    def beat(self, chance: random.Random) -> None:
        """Time goes on, and a beat looks."""
        self.story.now += timedelta(seconds=5)
        open_due(self.story.now)
        end_pauses(self.story.now)
        ring_due(self.story.now)
        if chance.random() < 0.3:  # the broker is away
            ring_soon(self.waiting(), self.story.now)

    def waiting(self) -> list[UUID]:
        """All that may be rung for."""
        waiting = Execution.objects.filter(status__in=("pending", "retrying"))
        return list(waiting.values_list("id", flat=True))

    def work(self, chance: random.Random) -> None:
        """A worker claims a message of ids in any order."""
        ids = self.waiting()
        chance.shuffle(ids)
        begin = time.monotonic()
        self._note(begin, self.story.claim(ids, chance.randrange(1, 10**9)))

    def open(self, chance: random.Random) -> None:
        """A worker opens and claims what is due, in any order; what it leaves it waits for."""
        calls = chance.sample(self.calls, chance.randrange(1, len(self.calls)))
        worker, begin = chance.randrange(1, 10**9), time.monotonic()
        claims, left = self.story.open(*calls, worker=worker)
        self._note(begin, claims)
        ids = open_these(self.story.now, left, wait=True).calls
        begin = time.monotonic()
        self._note(begin, self.story.claim(ids, worker))

    def _note(self, begin: float, claims: Sequence[Claim]) -> None:
        span = begin, time.monotonic()
        self.claims += [(span, claim) for claim in claims]

    def report(self, chance: random.Random) -> None:
        """What is open ends, many in one transaction, in any order."""
        ids = list(Attempt.objects.exclude(status="ended").values_list("id", flat=True))
        chance.shuffle(ids)
        outcomes = ("busy", "completed", "no_answer")
        findings = [Finding(id_, ENDED, outcome=chance.choice(outcomes)) for id_ in ids]
        self.story.record(*findings[: chance.randrange(1, 20)])

    def doubt(self, chance: random.Random) -> None:
        """Nobody can say what came of some."""
        dialing = Attempt.objects.filter(status="dialing").values_list("id", "worker")
        findings = [Finding(id_, UNKNOWN, look_in=60, worker=worker) for id_, worker in dialing]
        chance.shuffle(findings)
        self.story.record(*findings[: chance.randrange(1, 5)])

    def want(self, chance: random.Random) -> None:
        """An owner wants something of some call."""
        call, verb = chance.choice(self.calls), chance.choice(["resume", "new cron", *WANTED])
        begin = time.monotonic()
        if verb == "new cron":
            cron = chance.choice(["* * * * *", "*/2 * * * *"])
            interruption.update(self.story.owner, call.id, {"cron_expression": cron})
            return
        answer = said(self.story, verb, call)
        if answer.ok:
            self.done[call.id].append(((begin, time.monotonic()), verb, answer.dialing))


def test_beats_workers_reports_and_owners_at_once(story: Story) -> None:
    policy = {"max_retries": 2, "retry_delay": 5}
    calls = [story.recurring("* * * * *", retry_policy=policy) for _ in range(CALLS)]
    storm = Storm(story, calls)
    # two owners, each with calls of its own, so that a call's pauses and resumes have an order
    owners = [Storm(story, calls[half::2]) for half in (0, 1)]
    for owner in owners:
        owner.over, owner.done = storm.over, storm.done
    steps = [storm.beat, storm.beat, storm.work, storm.work, storm.open, storm.open]
    steps += [storm.report, storm.doubt]
    steps += [owner.want for owner in owners]
    with ExitStack() as stack:
        sides = [stack.enter_context(Side()) for _ in steps]
        started = [
            side.start(storm.until_over(step, number))
            for number, (side, step) in enumerate(zip(sides, steps, strict=True))
        ]
        storm.over.wait(SECONDS)
        storm.over.set()
        times = [future.result(30) for future in started]
    assert all(times), times
    _judge(storm)


def _judge(storm: Storm) -> None:
    assert storm.claims, "nothing was claimed: it proves nothing"
    numbers = Counter((c.request.execution_id, c.request.number) for _, c in storm.claims)
    assert max(numbers.values()) == 1
    stored = {str(id_) for id_ in Attempt.objects.values_list("id", flat=True)}
    assert {str(claim.request.attempt_id) for _, claim in storm.claims} == stored
    for call_id, done in storm.done.items():
        claims = [
            (span, claim) for span, claim in storm.claims if claim.request.schedule_id == call_id
        ]
        for number, (span, verb, _) in enumerate(done):
            if verb != "pause":
                continue
            # until somebody resumes it, or rings by hand
            ends = [s[0] for s, v, _ in done[number + 1 :] if v in ("resume", "execute")]
            end = min(ends, default=float("inf"))
            # what began after the answer and ended before the next wish
            rang = [claim for (begin, at), claim in claims if span[1] < begin and at < end]
            assert not [c for c in rang if not _manual(c)], f"{call_id} rang while it was paused"
        begun = Execution.objects.filter(scheduled_call_id=call_id, trigger="schedule")
        counted = begun.exclude(status__in=("missed", "skipped", "cancelled"), attempt_count=0)
        call = ScheduledCall.objects.get(pk=call_id)
        assert call.occurrence_count == counted.count(), call_id


def _manual(claim: Claim) -> bool:
    return Execution.objects.get(pk=claim.request.execution_id).trigger == "manual"
