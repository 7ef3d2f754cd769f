"""T1: who may dial what, and that the intent is written before anything is dialed."""

from uuid import uuid4

import pytest

from executions import interruption
from executions.callback_url import callback_token_is_right
from executions.manual import execute_now
from executions.models import Attempt
from executions.providers.base import NotSent, Refused
from executions.states import Outcome
from scheduled_calls import services
from tests.executions.conftest import WORKER, Story, attempts_of, only, rows_of

pytestmark = pytest.mark.django_db


def test_a_claim_writes_the_intent_with_its_lease(story: Story) -> None:
    call = story.call(customer_context={"a": 1}, metadata={"b": 2})
    (claimed,) = story.dial()

    attempt = Attempt.objects.get()
    assert attempt.id == claimed.request.attempt_id
    assert (attempt.status, attempt.worker, attempt.number) == ("dialing", WORKER, 1)
    assert attempt.lease_until is not None
    assert (attempt.lease_until - story.now).total_seconds() == 60
    execution = only(call)
    assert (execution.status, execution.attempt_count) == ("dialing", 1)
    assert execution.actual_time == story.now
    assert claimed.request.customer_context == {"a": 1}
    assert claimed.request.metadata == {"b": 2}
    assert claimed.request.agent_id == "agent-123"


def test_the_same_bell_twice_dials_once(story: Story) -> None:
    story.call()
    ids = story.beat().calls
    assert len(story.claim(ids)) == 1
    assert story.claim(ids) == []
    assert story.claim(ids, worker=8) == []


def test_ids_of_nothing_dial_nothing(story: Story) -> None:
    assert story.claim([uuid4(), uuid4()]) == []


def test_a_retry_is_not_dialed_before_its_time(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 60})
    story.ended(story.dial()[0], "busy")
    assert story.claim([only(call).id]) == []
    story.wait(seconds=60)
    assert len(story.claim([only(call).id])) == 1


def test_what_has_expired_is_not_dialed(story: Story) -> None:
    story.call()
    ids = story.beat().calls
    story.wait(seconds=901)
    assert story.claim(ids) == []


@pytest.mark.parametrize("verb", [interruption.pause, interruption.cancel])
def test_after_a_pause_or_a_cancellation_nothing_is_dialed(story: Story, verb: object) -> None:
    call = story.call()
    ids = story.beat().calls
    changed = verb(story.owner, call.id)  # type: ignore[operator]
    assert not changed.dialing
    assert story.claim(ids) == []


def test_a_pause_during_the_dialing_says_so(story: Story) -> None:
    call = story.call()
    story.dial()
    assert interruption.pause(story.owner, call.id).dialing


def test_a_manual_run_is_dialed_although_the_call_is_paused(story: Story) -> None:
    call = story.call(in_seconds=3600)
    services.pause(story.owner, call.id)
    execution = execute_now(story.owner, call.id)
    assert len(story.claim([execution.id])) == 1


def test_a_manual_run_is_not_dialed_once_the_call_is_cancelled(story: Story) -> None:
    call = story.call(in_seconds=3600)
    execution = execute_now(story.owner, call.id)
    services.cancel(story.owner, call.id)
    assert story.claim([execution.id]) == []


def test_what_was_never_sent_goes_on_as_the_same_attempt(story: Story) -> None:
    call = story.call()
    (first,) = story.dial()
    story.hear(first, NotSent("connection refused"))
    assert rows_of(call) == [("retrying", "not_sent")]
    story.wait(seconds=2)

    (again,) = story.dial(worker=8)

    assert again.request.attempt_id == first.request.attempt_id
    assert again.request.number == 1
    assert attempts_of(call) == [(1, "dialing", None)]
    assert only(call).attempt_count == 1


def test_an_attempt_keeps_what_it_sent_and_the_next_takes_the_new_values(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 5})
    (first,) = story.dial()
    services.update(story.owner, call.id, {"agent_id": "agent-new"})
    story.hear(first, NotSent("refused"))
    story.wait(seconds=2)
    (again,) = story.dial()
    assert again.request.agent_id == "agent-123"
    story.ended(again, "busy")
    story.wait(seconds=6)
    (retry,) = story.dial()
    assert retry.request.agent_id == "agent-new"
    assert retry.request.number == 2


def test_a_callback_address_is_made_for_one_attempt(story: Story) -> None:
    story.call()
    (claimed,) = story.dial()
    attempt_id = claimed.request.attempt_id
    token = claimed.request.callback_url.rsplit("/", 1)[-1]
    assert callback_token_is_right(attempt_id, token)
    assert not callback_token_is_right(uuid4(), token)


@pytest.mark.parametrize("answer", [NotSent("refused"), Refused(Outcome.BUSY, "busy")])
def test_a_clock_that_goes_back_does_not_let_it_ring_again_before_its_time(
    story: Story, answer: NotSent | Refused
) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 1})
    (first,) = story.dial()
    story.wait(minutes=-2)
    story.hear(first, answer)
    story.wait(seconds=119)
    assert story.dial() == []
    story.wait(seconds=2)
    assert [again.request.execution_id for again in story.dial()] == [only(call).id]
