"""Somebody pauses, changes or cancels while a worker claims: it rings and says so, or does not."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from django.db import transaction

from executions import interruption
from executions.models import Attempt
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, attempts_of, only, rows_of
from tests.races.sides import Side
from tests.races.verbs import CHANGING, NEW, OLD, STOPPING, WHILE_DIALING, Said, said


@pytest.mark.parametrize("verb", WHILE_DIALING)
def test_whoever_comes_after_the_claim_waits_and_hears_that_it_is_dialing(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call = story.call()
    ids = story.beat().calls
    one.begin()
    (claimed,) = one.do(lambda: story.claim(ids))
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == WHILE_DIALING[verb]
    assert claimed.request.phone_number == OLD
    assert _rings_later(story, ids) == 0
    assert attempts_of(call) == [(1, "dialing", None)]


@pytest.mark.parametrize("verb", [*STOPPING, *CHANGING])
def test_a_claim_that_was_never_committed_is_none(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call = story.call()
    ids = story.beat().calls
    one.begin()
    assert one.do(lambda: len(story.claim(ids))) == 1
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.roll_back()
    assert answer.result(10) == Said(ok=True, dialing=False)
    assert _rings_later(story, ids) == (0 if verb in STOPPING else 1)


@pytest.mark.parametrize("recurring", [False, True], ids=["one-time", "recurring"])
@pytest.mark.parametrize("verb", STOPPING)
def test_a_claim_that_comes_after_it_waits_and_gets_nothing(
    story: Story, one: Side, other: Side, verb: str, recurring: bool
) -> None:
    call = story.recurring() if recurring else story.call()
    story.wait(seconds=61 if recurring else 0)
    ids = story.beat().calls
    one.begin()
    assert one.do(lambda: said(story, verb, call)) == Said(ok=True, dialing=False)
    claims = other.start(lambda: story.claim(ids))
    assert other.waits_for(one)
    one.commit()
    assert claims.result(10) == []
    assert _claims_of(story, ids) == 0
    call.refresh_from_db()
    # an occurrence that never began was not used up; one that waits for `resume` still counts
    assert call.occurrence_count == (verb == "pause")


@pytest.mark.parametrize("verb", CHANGING)
def test_a_claim_that_comes_after_a_change_rings_what_was_changed(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call = story.call()
    ids = story.beat().calls
    one.begin()
    one.do(lambda: said(story, verb, call))
    claims = other.start(lambda: story.claim(ids))
    assert other.waits_for(one)
    one.commit()
    (claimed,) = claims.result(10)
    wanted = {"new number": (NEW, "agent-123"), "new agent": (OLD, "agent-new")}
    request = claimed.request
    assert (request.phone_number, request.agent_id) == wanted.get(verb, (OLD, "agent-123"))
    sent = Attempt.objects.get().sent
    assert (sent["phone_number"], sent["agent_id"]) == (request.phone_number, request.agent_id)
    assert only(call).attempt_count == 1


def test_a_verb_that_was_rolled_back_stops_nothing(story: Story, one: Side, other: Side) -> None:
    story_call = story.call()
    ids = story.beat().calls
    one.begin()
    one.do(lambda: interruption.pause(story.owner, story_call.id))
    claims = other.start(lambda: story.claim(ids))
    assert other.waits_for(one)
    one.roll_back()
    assert len(claims.result(10)) == 1


def test_a_pause_of_one_call_holds_up_its_own_claim_and_the_rest_of_the_batch_rings(
    story: Story, one: Side, other: Side
) -> None:
    calls = [story.call() for _ in range(5)]
    ids = story.beat().calls
    one.begin()
    one.do(lambda: interruption.pause(story.owner, calls[2].id))
    claims = other.start(lambda: story.claim(ids))
    assert other.waits_for(one)
    one.commit()
    rung = {claim.request.schedule_id for claim in claims.result(10)}
    assert rung == {call.id for call in calls} - {calls[2].id}


def test_a_manual_run_that_is_claimed_ends_no_pause_and_uses_up_no_occurrence(
    story: Story, one: Side, other: Side
) -> None:
    call = story.call(in_seconds=3600)
    assert said(story, "execute", call).ok
    manual = only(call)
    one.begin()
    assert one.do(lambda: len(story.claim([manual.id]))) == 1
    answer = other.start(lambda: said(story, "pause", call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == Said(ok=True, dialing=True)
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert (fresh.status, fresh.occurrence_count) == ("paused", 0)
    assert rows_of(call) == [("dialing", "")]


def _claims_of(story: Story, ids: Sequence[UUID]) -> int:
    with transaction.atomic():
        return len(story.claim(ids))


def _rings_later(story: Story, ids: Sequence[UUID]) -> int:
    """How many are claimed when it is rung for again, now and while it is still in time."""
    rung = 0
    for _ in range(3):
        rung += _claims_of(story, ids)
        story.wait(seconds=20)
        rung += len(story.dial())
    return rung
