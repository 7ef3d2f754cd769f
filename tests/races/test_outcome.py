"""Somebody pauses, changes or cancels while an outcome is written: both count."""

from collections.abc import Callable

import pytest

from executions.dialing import Claim
from executions.providers.base import NotSent
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, attempts_of, only
from tests.races.sides import Side
from tests.races.verbs import STOPPING, Said, said

RETRY = {"max_retries": 1, "retry_delay": 60}
Outcome = Callable[[Story, Claim], object]
OUTCOMES: dict[str, Outcome] = {
    "busy": lambda story, claim: story.ended(claim, "busy"),
    "not sent": lambda story, claim: story.hear(claim, NotSent("connection refused")),
}
#: the execution after both, whoever came first: what was not sent waits on only through a pause
BOTH = {
    ("pause", "busy"): "retrying",
    ("pause", "not sent"): "retrying",
    ("cancel", "busy"): "cancelled|failed",
    ("cancel", "not sent"): "cancelled",
    ("new time", "busy"): "cancelled|failed",
    ("new time", "not sent"): "cancelled|failed",
}


@pytest.mark.parametrize(("verb", "outcome"), BOTH)
def test_whoever_comes_after_the_outcome_waits_and_stops_the_retry(
    story: Story, one: Side, other: Side, verb: str, outcome: str
) -> None:
    call, claim = _dialing(story)
    one.begin()
    one.do(lambda: OUTCOMES[outcome](story, claim))
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == Said(ok=True, dialing=False)
    assert only(call).status in BOTH[verb, outcome].split("|")
    assert _rings_later(story) == 0


@pytest.mark.parametrize(("verb", "outcome"), BOTH)
def test_an_outcome_that_comes_after_it_waits_and_is_written_and_makes_no_retry(
    story: Story, one: Side, other: Side, verb: str, outcome: str
) -> None:
    call, claim = _dialing(story)
    one.begin()
    assert one.do(lambda: said(story, verb, call)) == Said(ok=True, dialing=True)
    written = other.start(lambda: OUTCOMES[outcome](story, claim))
    assert other.waits_for(one)
    one.commit()
    written.result(10)
    assert only(call).status in BOTH[verb, outcome].split("|")
    ((_, _, known),) = attempts_of(call)
    assert (known == "busy") == (outcome == "busy")
    assert _rings_later(story) == 0


def test_skipping_while_the_outcome_makes_a_retry_ends_the_retry(
    story: Story, one: Side, other: Side
) -> None:
    call, claim = _dialing(story)
    one.begin()
    one.do(lambda: story.ended(claim, "busy"))
    answer = other.start(lambda: said(story, "skip", call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == Said(ok=True)
    assert only(call).status == "cancelled"
    assert _rings_later(story) == 0


def test_an_outcome_after_a_refused_skip_still_makes_its_retry(
    story: Story, one: Side, other: Side
) -> None:
    call, claim = _dialing(story)
    one.begin()
    assert one.do(lambda: said(story, "skip", call)) == Said(ok=False, code="not_waiting")
    written = other.start(lambda: story.ended(claim, "busy"))
    one.commit()
    written.result(10)
    assert only(call).status == "retrying"
    assert _rings_later(story) == 1


def test_a_pause_meets_the_last_outcome_and_the_call_is_over_all_the_same(
    story: Story, one: Side, other: Side
) -> None:
    call, claim = _dialing(story)
    one.begin()
    assert one.do(lambda: said(story, "pause", call)).dialing
    written = other.start(lambda: story.ended(claim))
    assert other.waits_for(one)
    one.commit()
    written.result(10)
    assert only(call).status == "completed"
    assert ScheduledCall.objects.get(pk=call.id).status == "completed"


def test_ringing_by_hand_waits_for_the_outcome_and_is_let_through(
    story: Story, one: Side, other: Side
) -> None:
    call, claim = _dialing(story)
    one.begin()
    one.do(lambda: story.ended(claim))
    answer = other.start(lambda: said(story, "execute", call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == Said(ok=True)
    assert _rings_later(story) == 1


@pytest.mark.parametrize("verb", STOPPING)
def test_two_reports_and_somebody_who_stops_it_leave_one_outcome(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call, claim = _dialing(story)
    with Side() as third:
        one.begin()
        one.do(lambda: story.ended(claim, "busy"))
        second = other.start(lambda: story.ended(claim, "no_answer"))
        assert other.waits_for(one)
        answer = third.start(lambda: said(story, verb, call))
        one.commit()
        second.result(10)
        assert answer.result(10).ok
    assert attempts_of(call) == [(1, "ended", "busy")]
    assert _rings_later(story) == 0


def _dialing(story: Story) -> tuple[ScheduledCall, Claim]:
    call = story.call(retry_policy=RETRY)
    (claim,) = story.dial()
    return call, claim


def _rings_later(story: Story) -> int:
    """How many are claimed within the next two minutes."""
    rung = 0
    for _ in range(6):
        story.wait(seconds=20)
        rung += len(story.dial())
    return rung
