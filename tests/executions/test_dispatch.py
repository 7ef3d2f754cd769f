"""What becomes of a scheduled call when its time comes."""

import json
from datetime import timedelta

import pytest

from executions.models import Execution
from scheduled_calls.models import ScheduledCall
from scheduled_calls.timing import execution_id, key_of
from tests.executions.conftest import START, Story, only, rows_of
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def test_nothing_is_opened_before_its_time(story: Story) -> None:
    call = story.call(in_seconds=1)
    assert not story.beat().calls
    assert not Execution.objects.exists()
    call.refresh_from_db()
    assert call.next_run_at == START + timedelta(seconds=1)


def test_a_due_call_is_opened_under_the_id_that_was_announced(story: Story) -> None:
    call = story.call()
    announced = call.next_execution_id

    assert story.beat().calls == [announced]

    assert only(call).id == announced
    call.refresh_from_db()
    assert (call.next_run_at, call.next_execution_id) == (None, None)
    assert (call.status, call.occurrence_count) == ("active", 1)


def test_a_recurring_call_moves_on_to_its_next_time(story: Story) -> None:
    call = story.recurring("*/5 * * * *")
    story.wait(minutes=5)
    story.beat()

    call.refresh_from_db()
    assert call.next_run_at == START + timedelta(minutes=10)
    assert call.next_execution_id == execution_id(call.id, key_of(call, call.next_run_at))
    assert only(call).scheduled_for == START + timedelta(minutes=5)


def test_two_beats_open_an_occurrence_once(story: Story) -> None:
    call = story.call()
    assert len(story.beat().calls) == 1
    assert not story.beat().calls
    assert Execution.objects.filter(scheduled_call=call).count() == 1


def test_a_bell_that_nobody_answers_is_rung_again(story: Story) -> None:
    story.call()
    (rung,) = story.beat().calls
    story.wait(seconds=9)
    assert not story.beat().calls
    story.wait(seconds=2)
    assert story.beat().calls == [rung]


def test_a_late_occurrence_still_rings_within_the_catch_up_time(story: Story) -> None:
    call = story.call()
    story.wait(seconds=900)
    assert len(story.beat().calls) == 1
    assert rows_of(call) == [("pending", "")]


def test_a_one_time_call_that_is_found_too_late_is_missed_and_told(story: Story) -> None:
    url = "https://example.com/hook"
    call = story.call(webhook_url=url, webhook_events=["missed"])
    story.wait(seconds=901)

    bells = story.beat()

    assert not bells.calls
    assert rows_of(call) == [("missed", "too_late")]
    assert ScheduledCall.objects.get().status == "missed"
    (delivery,) = Delivery.objects.all()
    assert bells.webhooks == [delivery.id]
    told = json.loads(delivery.body)
    assert (told["event"], told["data"]["status"]) == ("missed", "missed")
    assert told["data"]["reason"] == "too_late"


def test_an_outage_leaves_one_missed_row_and_at_most_one_late_call(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(hours=3, seconds=30)

    bells = story.beat()

    missed, late = Execution.objects.filter(scheduled_call=call).order_by("scheduled_for")
    assert (missed.status, missed.count) == ("missed", 179)
    assert missed.scheduled_for == START + timedelta(minutes=1)
    assert late.status == "pending"
    assert late.scheduled_for == START + timedelta(hours=3)
    assert bells.calls == [late.id]
    call.refresh_from_db()
    assert call.next_run_at == START + timedelta(hours=3, minutes=1)
    assert call.occurrence_count == 1


def test_an_outage_past_the_last_catch_up_makes_no_late_call(story: Story) -> None:
    call = story.recurring("0 9 * * *")  # 09:00 UTC; the story begins at noon
    story.wait(days=2)
    assert not story.beat().calls
    (missed,) = Execution.objects.filter(scheduled_call=call)
    assert (missed.status, missed.count) == ("missed", 2)


def test_an_occurrence_during_another_call_is_skipped(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(minutes=1)
    assert len(story.dial()) == 1
    story.wait(minutes=1)
    assert not story.beat().calls
    assert rows_of(call) == [("dialing", ""), ("skipped", "overlap")]


def test_what_still_waits_gives_way_to_the_next_occurrence(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(minutes=1)
    story.beat()  # rung, and no worker is there
    story.wait(minutes=1)
    assert len(story.beat().calls) == 1
    assert rows_of(call) == [("missed", "superseded"), ("pending", "")]
    call.refresh_from_db()
    assert call.occurrence_count == 1


def test_a_waiting_call_that_no_worker_takes_is_missed_in_the_end(story: Story) -> None:
    call = story.call()
    story.beat()
    story.wait(seconds=901)
    story.beat()
    assert rows_of(call) == [("missed", "too_late")]
    call.refresh_from_db()
    assert (call.status, call.occurrence_count) == ("missed", 0)


def test_a_call_whose_times_cannot_be_computed_holds_up_nobody(story: Story) -> None:
    broken, sound = story.recurring("* * * * *"), story.recurring("* * * * *")
    ScheduledCall.objects.filter(pk=broken.pk).update(timezone="Europe/Atlantis")
    story.wait(minutes=1)

    assert len(story.beat().calls) == 1

    assert rows_of(sound) == [("pending", "")]
    broken.refresh_from_db()
    assert broken.status == "paused"
    assert "Atlantis" in broken.paused_reason
