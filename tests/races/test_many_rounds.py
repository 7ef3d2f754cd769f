"""The same meetings with nobody to order them: whoever wins, what was answered is what happens.

`RACE_ROUNDS` is how often each two meet (10; a long run takes 200 and more).
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations_with_replacement
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection

from executions.dialing import Claim
from executions.dispatch import open_due, open_these
from executions.models import Execution
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import START, Story
from tests.races.sides import Side
from tests.races.verbs import NEW, OLD, STOPPING, VERBS, Said, said

ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))
RETRY = {"max_retries": 1, "retry_delay": 5}


@dataclass
class Meeting:
    """One call, whom it meets, and what came of it."""

    story: Story
    call: ScheduledCall
    claims: list[Claim] = field(default_factory=list)

    @property
    def ids(self) -> list[UUID]:
        """Its executions."""
        return list(Execution.objects.filter(scheduled_call=self.call).values_list("id", flat=True))

    def claim(self) -> None:
        """A worker's T1 for whatever it has."""
        self.claims += self.story.claim(self.ids)

    def dispatch(self) -> None:
        """A beat's round."""
        open_due(self.story.now)

    def opening(self) -> None:
        """A worker opens it and claims it, and waits for it if somebody is just changing it."""
        claims, left = self.story.open(self.call)
        waiting = open_these(self.story.now, left, wait=True).calls
        self.claims += [*claims, *self.story.claim(waiting)]

    def outcome(self) -> None:
        """The call service says busy, so there may be a retry."""
        self.story.ended(self.claims[0], "busy")


def meet(
    one: Side, other: Side, chance: random.Random, *steps: Callable[[], object]
) -> list[object]:
    """Both take their step at the same moment, give or take a few round trips."""
    together = Barrier(2)

    def taking(step: Callable[[], object], late: int) -> object:
        with connection.cursor() as cursor:
            together.wait(10)
            for _ in range(late):
                cursor.execute("SELECT 1")
        return step()

    lates = [chance.randrange(6) for _ in steps]
    started = [
        side.start(lambda step=step, late=late: taking(step, late))  # type: ignore[misc]
        for side, step, late in zip((one, other), steps, lates, strict=True)
    ]
    return [future.result(20) for future in started]


def rounds(story: Story) -> list[Meeting]:
    """Calls in turn one-time and recurring, one due a minute after the other."""
    made = []
    for number in range(ROUNDS):
        at = START + timedelta(minutes=number + 1)
        if number % 2:
            cron = f"{at.minute} {at.hour} {at.day} {at.month} *"
            call = story.recurring(cron, retry_policy=RETRY)
        else:
            call = story.call(60 * (number + 1), retry_policy=RETRY)
        made.append(Meeting(story, call))
    return made


@pytest.mark.parametrize("event", ["dispatch", "claim", "opening", "outcome"])
@pytest.mark.parametrize("verb", VERBS)
def test_what_was_answered_is_what_happens(
    story: Story, one: Side, other: Side, verb: str, event: str
) -> None:
    chance = random.Random(f"{verb} {event}")
    for met in rounds(story):
        assert met.call.next_run_at
        story.now = met.call.next_run_at
        if event in ("claim", "outcome"):
            met.dispatch()
        if event == "outcome":
            met.claim()
        step = getattr(met, event)
        heard, _ = meet(one, other, chance, lambda m=met: said(story, verb, m.call), step)  # type: ignore[misc]
        assert isinstance(heard, Said)
        met.dispatch()  # which undoes nothing
        before = len(met.claims)
        met.claim()
        story.wait(seconds=10)
        met.claim()
        _judge(met, verb, event, heard, len(met.claims) - before)


def _judge(met: Meeting, verb: str, event: str, heard: Said, later: int) -> None:
    call = ScheduledCall.objects.get(pk=met.call.id)
    told = (verb, event, heard, later, call.status, len(met.claims))
    begun = {claim.request.execution_id for claim in met.claims}
    numbers = [(claim.request.execution_id, claim.request.number) for claim in met.claims]
    assert len(numbers) == len(set(numbers)), told
    if verb in STOPPING and heard.ok:
        assert later == 0, told
        if event in ("claim", "opening"):
            assert bool(met.claims) == heard.dialing, told
        wanted = {"pause": ("paused", "completed"), "cancel": ("cancelled",)}.get(verb)
        assert wanted is None or call.status in wanted, told
        waits = Execution.objects.filter(scheduled_call=call, status__in=("pending", "retrying"))
        assert call.occurrence_count == len(begun) or (verb == "pause" and waits.exists()), told
    elif verb != "execute":
        assert begun, told
        assert len(begun) == 1, told
        assert call.occurrence_count == 1, told
        # a retry rings once more, and nothing else does
        assert len(met.claims) == (2 if event == "outcome" else 1), told
    else:
        opened_then = event in ("dispatch", "opening")
        assert len(begun) == 1 + (heard.ok and event == "outcome"), told
        assert call.occurrence_count == (0 if heard.ok and opened_then else 1), told
    if verb == "new number":
        assert call.phone_number == NEW, told
        assert {claim.request.phone_number for claim in met.claims} <= {OLD, NEW}, told
        if event in ("claim", "opening"):
            rang = met.claims[0].request.phone_number
            assert rang == (OLD if heard.dialing else NEW), told
    if verb == "new agent":
        assert call.agent_id == "agent-new", told


PAIRS = list(combinations_with_replacement(VERBS, 2))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_who_want_something_else_are_both_answered_truly(
    story: Story, one: Side, other: Side, first: str, second: str
) -> None:
    chance = random.Random(f"{first} {second}")
    for met in rounds(story)[: max(4, ROUNDS // 4)]:
        verbs = (first, second)
        steps = [lambda v=verb, m=met: said(story, v, m.call) for verb in verbs]
        heard = dict(zip(("first", "second"), meet(one, other, chance, *steps), strict=True))
        answers = [answer for answer in heard.values() if isinstance(answer, Said)]
        done = {verb for verb, answer in zip(verbs, answers, strict=True) if answer.ok}
        call = ScheduledCall.objects.get(pk=met.call.id)
        told = (first, second, answers, call.status)
        assert not any(answer.dialing for answer in answers), told
        assert done, told
        assert (call.phone_number == NEW) == ("new number" in done), told
        assert (call.agent_id == "agent-new") == ("new agent" in done), told
        assert (call.timing_revision == 2) == ("new time" in done), told
        if "cancel" in done:
            assert call.status == "cancelled", told
        elif done & {"pause"} and not done & {"resume"}:
            assert call.status in ("paused", "cancelled"), told
        manual = Execution.objects.filter(scheduled_call=call, trigger="manual").count()
        assert manual == ("execute" in done), told
        assert call.occurrence_count == 0, told
