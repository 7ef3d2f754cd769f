"""Pause, resume, change, cancel: what they mean for executions that are already open."""

from datetime import timedelta

import pytest

from executions import interruption
from executions.models import Execution
from scheduled_calls.exceptions import TimeHasPassed
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import START, Story, only, rows_of
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
RETRY = {"max_retries": 3, "retry_delay": 60}


def test_occurrences_in_a_pause_leave_no_rows_and_are_not_made_up(story: Story) -> None:
    call = story.recurring("* * * * *")
    interruption.pause(story.owner, call.id)
    story.wait(minutes=10)
    story.beat()
    assert rows_of(call) == []
    resumed = interruption.resume(story.owner, call.id).call
    assert resumed.next_run_at == START + timedelta(minutes=11)
    story.beat()
    assert rows_of(call) == []


def test_a_waiting_retry_waits_on_in_a_pause_and_goes_on_afterwards(story: Story) -> None:
    call = story.call(retry_policy=RETRY)
    story.ended(story.dial()[0], "busy")
    interruption.pause(story.owner, call.id)
    story.wait(seconds=120)
    assert story.dial() == []
    interruption.resume(story.owner, call.id)
    story.wait(seconds=61)
    assert len(story.dial()) == 1


def test_a_retry_that_a_pause_outlasts_fails(story: Story) -> None:
    call = story.call(retry_policy=RETRY)
    story.ended(story.dial()[0], "busy")
    interruption.pause(story.owner, call.id)
    story.wait(seconds=60 + 961)
    story.beat()
    assert rows_of(call) == [("failed", "too_late")]
    call.refresh_from_db()
    assert call.status == "completed"


def test_a_one_time_call_whose_time_passes_in_a_pause_is_missed(story: Story) -> None:
    call = story.call(in_seconds=60, webhook_url="https://example.com/", webhook_events=["missed"])
    interruption.pause(story.owner, call.id)
    story.wait(seconds=61)
    story.beat()
    call.refresh_from_db()
    assert call.status == "missed"
    assert rows_of(call) == [("missed", "paused")]
    assert Delivery.objects.count() == 1
    with pytest.raises(TimeHasPassed):
        interruption.resume(story.owner, call.id)


def test_resuming_too_late_is_refused_even_before_beat_has_noticed(story: Story) -> None:
    call = story.call(in_seconds=60)
    interruption.pause(story.owner, call.id)
    story.wait(seconds=61)
    with pytest.raises(TimeHasPassed):
        interruption.resume(story.owner, call.id)


def test_a_missed_call_rings_when_it_gets_a_new_time(story: Story) -> None:
    call = story.call(in_seconds=60)
    interruption.pause(story.owner, call.id)
    story.wait(seconds=61)
    story.beat()
    later = story.now + timedelta(seconds=30)
    changed = interruption.update(story.owner, call.id, {"scheduled_time": later.isoformat()})
    assert changed.call.status == "active"
    story.wait(seconds=31)
    assert len(story.dial()) == 1


def test_a_pause_can_end_by_itself(story: Story) -> None:
    call = story.recurring("* * * * *")
    until = story.now + timedelta(minutes=5, seconds=30)
    interruption.pause(story.owner, call.id, {"until": until.isoformat(), "reason": "holiday"})
    story.wait(minutes=5)
    story.beat()
    assert ScheduledCall.objects.get().status == "paused"
    story.wait(minutes=1)
    story.beat()  # wakes it
    assert ScheduledCall.objects.get().status == "active"
    assert len(story.beat().calls) == 1
    assert only(call).scheduled_for == START + timedelta(minutes=6)


def test_a_pause_that_ends_before_a_one_time_call_lets_it_ring(story: Story) -> None:
    call = story.call(in_seconds=120)
    until = story.now + timedelta(seconds=60)
    interruption.pause(story.owner, call.id, {"until": until.isoformat()})
    story.wait(seconds=130)  # beat was away for both moments
    story.beat()
    assert len(story.dial()) + len(Execution.objects.filter(status="dialing")) >= 1
    assert only(call).status == "dialing"


def test_cancelling_ends_a_waiting_retry_and_is_told(story: Story) -> None:
    url = "https://example.com/"
    call = story.call(retry_policy=RETRY, webhook_url=url, webhook_events=["cancelled"])
    story.ended(story.dial()[0], "busy")
    changed = interruption.cancel(story.owner, call.id)
    assert (changed.call.status, changed.dialing) == ("cancelled", False)
    assert rows_of(call) == [("cancelled", "cancelled")]
    assert [delivery.event for delivery in Delivery.objects.all()] == ["cancelled"]
    story.wait(seconds=120)
    assert story.dial() == []


def test_cancelling_while_the_phone_rings_lets_the_call_end_as_it_does(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    assert interruption.cancel(story.owner, call.id).dialing
    story.ended(claimed, "completed")
    assert rows_of(call) == [("completed", "")]
    call.refresh_from_db()
    assert call.status == "cancelled"


def test_a_new_time_ends_what_waits_for_the_old_one(story: Story) -> None:
    call = story.call()
    ids = story.beat().calls
    later = story.now + timedelta(seconds=600)
    interruption.update(story.owner, call.id, {"scheduled_time": later.isoformat()})
    assert story.claim(ids) == []
    assert rows_of(call) == [("skipped", "rescheduled")]
    story.wait(seconds=600)
    assert len(story.dial()) == 1


def test_the_same_time_sent_back_changes_nothing(story: Story) -> None:
    call = story.call(in_seconds=600)
    body = {"scheduled_time": call.scheduled_time, "name": "New name"}
    changed = interruption.update(story.owner, call.id, body).call
    assert changed.timing_revision == 1
    assert changed.name == "New name"


def test_new_values_that_are_no_time_leave_a_waiting_retry_alone(story: Story) -> None:
    call = story.call(retry_policy=RETRY)
    story.ended(story.dial()[0], "busy")
    interruption.update(story.owner, call.id, {"name": "Somebody else"})
    assert rows_of(call) == [("retrying", "")]


def test_a_naive_time_moves_with_its_zone_and_an_instant_does_not(story: Story) -> None:
    naive = story.call(scheduled_time="2027-06-01 09:00:00", timezone="America/New_York")
    fixed = story.call(scheduled_time="2027-06-01T09:00:00-04:00", timezone="America/New_York")
    assert naive.next_run_at == fixed.next_run_at
    moved = interruption.update(story.owner, naive.id, {"timezone": "Europe/London"}).call
    stayed = interruption.update(story.owner, fixed.id, {"timezone": "Europe/London"}).call
    assert moved.scheduled_time == "2027-06-01 09:00:00"
    assert naive.next_run_at is not None
    assert moved.next_run_at == naive.next_run_at - timedelta(hours=5)
    assert stayed.next_run_at == fixed.next_run_at
    assert stayed.scheduled_time == "2027-06-01 14:00:00"
