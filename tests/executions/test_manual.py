"""`execute_now` and the skipping of one occurrence."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from executions.manual import execute_now
from executions.models import Execution
from executions.skipping import cancel_execution
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Conflict, NotFound
from tests.executions.conftest import START, Story, only, rows_of

pytestmark = pytest.mark.django_db


def test_a_manual_run_uses_up_no_occurrence_and_moves_no_schedule(story: Story) -> None:
    call = story.recurring("0 * * * *", max_occurrences=2)
    execution = execute_now(story.owner, call.id)
    story.ended(story.claim([execution.id])[0])
    call.refresh_from_db()
    assert (call.occurrence_count, call.next_run_at) == (0, START + timedelta(hours=1))
    assert only(call).trigger == "manual"
    assert only(call).status == "completed"


def test_a_completed_call_can_be_run_by_hand_and_stays_completed(story: Story) -> None:
    call = story.call()
    story.ended(story.dial()[0])
    execution = execute_now(story.owner, call.id)
    story.ended(story.claim([execution.id])[0])
    assert rows_of(call) == [("completed", "")] * 2
    assert ScheduledCall.objects.get().status == "completed"


def test_a_manual_run_of_a_one_time_call_leaves_its_own_time_alone(story: Story) -> None:
    call = story.call(in_seconds=60)
    story.ended(story.claim([execute_now(story.owner, call.id).id])[0])
    call.refresh_from_db()
    assert (call.status, call.next_run_at) == ("active", START + timedelta(seconds=60))
    story.wait(seconds=60)
    assert len(story.dial()) == 1


@pytest.mark.parametrize("state", ["pending", "dialing", "in_progress", "retrying", "unknown"])
def test_while_an_execution_is_open_there_is_no_second_one(story: Story, state: str) -> None:
    call = story.call()
    story.dial()
    execution = only(call)
    ring_at = story.now if state in ("pending", "retrying") else None
    Execution.objects.filter(pk=execution.pk).update(status=state, ring_at=ring_at)
    with pytest.raises(Conflict, match=state):
        execute_now(story.owner, call.id)


def test_an_unknown_call_that_must_be_over_by_now_blocks_no_longer(story: Story) -> None:
    call = story.call()
    story.dial()
    Execution.objects.update(status="unknown")
    story.wait(hours=3)
    assert execute_now(story.owner, call.id).status == "pending"


def test_cancelled_and_missed_calls_cannot_be_run(story: Story) -> None:
    call = story.call(in_seconds=60)
    services.cancel(story.owner, call.id)
    with pytest.raises(Conflict, match="cancelled"):
        execute_now(story.owner, call.id)


def test_an_occurrence_during_a_manual_run_is_skipped(story: Story) -> None:
    call = story.call(in_seconds=60)
    story.claim([execute_now(story.owner, call.id).id])
    story.wait(seconds=60)
    assert story.beat().calls == []
    assert sorted(rows_of(call)) == [("dialing", ""), ("skipped", "overlap")]


def test_the_coming_occurrence_of_a_recurring_call_can_be_skipped(story: Story) -> None:
    call = story.recurring("0 * * * *", max_occurrences=1)
    assert call.next_execution_id is not None
    execution, _ = cancel_execution(story.owner, call.next_execution_id)
    assert (execution.status, execution.id) == ("skipped", call.next_execution_id)
    call.refresh_from_db()
    assert (call.status, call.next_run_at) == ("active", START + timedelta(hours=2))
    story.wait(hours=1)
    assert story.beat().calls == []
    story.wait(hours=1)
    assert len(story.dial()) == 1


def test_skipping_the_one_occurrence_of_a_one_time_call_cancels_it(story: Story) -> None:
    call = story.call(in_seconds=60)
    assert call.next_execution_id is not None
    execution, _ = cancel_execution(story.owner, call.next_execution_id)
    assert execution.status == "cancelled"
    assert ScheduledCall.objects.get().status == "cancelled"
    story.wait(seconds=60)
    assert story.beat().calls == []


def test_a_waiting_retry_can_be_ended(story: Story) -> None:
    call = story.recurring("0 * * * *", retry_policy={"max_retries": 1, "retry_delay": 60})
    story.wait(hours=1)
    story.ended(story.dial()[0], "busy")
    execution, _ = cancel_execution(story.owner, only(call).id)
    assert (execution.status, execution.reason) == ("cancelled", "cancelled_by_owner")
    assert ScheduledCall.objects.get().status == "active"


def test_a_pending_occurrence_that_no_worker_has_taken_can_be_skipped(story: Story) -> None:
    call = story.recurring("0 * * * *")
    story.wait(hours=1)
    (id_,) = story.beat().calls
    cancel_execution(story.owner, id_)
    assert story.claim([id_]) == []
    assert rows_of(call) == [("skipped", "cancelled_by_owner")]
    assert ScheduledCall.objects.get().occurrence_count == 0


def test_what_is_being_placed_or_over_cannot_be_cancelled(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    with pytest.raises(Conflict, match="dialing"):
        cancel_execution(story.owner, only(call).id)
    story.ended(claimed)
    with pytest.raises(Conflict, match="completed"):
        cancel_execution(story.owner, only(call).id)


def test_nobody_cancels_anothers_execution(story: Story, bob: User) -> None:
    call = story.recurring("0 * * * *")
    for id_ in (call.next_execution_id, uuid4(), "no id"):
        with pytest.raises(NotFound):
            cancel_execution(bob, str(id_))
