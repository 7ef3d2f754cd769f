"""Nothing may stay open for ever, and no row may hold up the others."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from executions import lookups
from executions.interruption import cancel, pause, update
from executions.manual import execute_now
from executions.models import Attempt
from executions.providers.base import Absent, Accepted, NoLookup, NotSent, Report, Unsure
from executions.skipping import cancel_execution
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import LOOKUP, Story, only, rows_of

RETRY = {"max_retries": 2, "retry_delay": 60}


def test_the_same_id_twice_in_one_message_dials_once(story: Story) -> None:
    story.call()
    [first] = story.dial()
    story.hear(first, NotSent("refused"))
    story.wait(seconds=2)
    ids = story.beat().calls
    assert len(story.claim([*ids, *ids])) == 1


def test_the_same_new_id_twice_in_one_message_dials_once(story: Story) -> None:
    story.call()
    ids = story.beat().calls
    assert len(story.claim([*ids, *ids])) == 1


def test_an_old_answer_never_dialed_does_not_free_a_later_doubt(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = story.call()
    [first] = story.dial()
    story.hear(first, Unsure("timeout"))
    attempt = Attempt.objects.get()
    story.wait(seconds=150)
    service = SimpleNamespace(capabilities=LOOKUP, find=lambda ref: None, read_found=None)
    monkeypatch.setattr(lookups, "_provider", lambda _: service)
    monkeypatch.setattr(lookups, "_answer", lambda *_: Absent())
    absent = lookups._ask(attempt, story.now)
    story.record(absent)
    [again] = story.dial()
    story.hear(again, Unsure("timeout"))
    story.wait(seconds=1)
    story.record(absent)  # a second look, asked before the redial and written after it
    assert only(call).status == "unknown"


def test_a_pause_after_an_ended_one_does_not_end_with_the_old_one(story: Story) -> None:
    call = story.call(in_seconds=600)
    pause(story.owner, call.id, {"until": (story.now + timedelta(seconds=1200)).isoformat()})
    story.wait(seconds=700)
    story.beat()
    call.refresh_from_db()
    assert call.status == "missed"
    update(story.owner, call.id, {"scheduled_time": (story.now + timedelta(hours=1)).isoformat()})
    story.wait(seconds=600)
    pause(story.owner, call.id)
    story.beat()
    call.refresh_from_db()
    assert call.status == "paused"


def test_raising_max_occurrences_loses_no_due_occurrence(story: Story) -> None:
    call = story.recurring("0 * * * *", max_occurrences=5)
    due = call.next_run_at
    story.wait(seconds=3601)
    update(story.owner, call.id, {"max_occurrences": 6})
    call.refresh_from_db()
    assert call.next_run_at == due


def test_a_skipped_occurrence_stays_skipped_after_pause_and_resume(story: Story) -> None:
    call = story.recurring("0 * * * *", max_occurrences=1)
    skipped = call.next_execution_id
    assert skipped is not None
    cancel_execution(story.owner, skipped)
    services.pause(story.owner, call.id)
    resumed = services.resume(story.owner, call.id)
    assert resumed.next_execution_id != skipped
    story.wait(seconds=3601)
    story.dial()
    story.wait(seconds=3600)
    story.dial()
    call.refresh_from_db()
    assert [status for status, _ in rows_of(call)] == ["skipped", "dialing"]


def test_a_spent_call_is_completed_when_its_pause_ends(story: Story) -> None:
    call = story.recurring("* * * * *", max_occurrences=1)
    story.wait(seconds=61)
    [claim] = story.dial()
    pause(story.owner, call.id, {"until": (story.now + timedelta(seconds=60)).isoformat()})
    story.ended(claim)
    story.wait(seconds=61)
    story.beat()
    call.refresh_from_db()
    assert call.status == "completed"


def test_cancelling_ends_a_waiting_manual_run_too(story: Story) -> None:
    call = story.call(in_seconds=6000)
    execute_now(story.owner, call.id)
    cancel(story.owner, call.id)
    assert rows_of(call) == [("cancelled", "cancelled")]


def test_a_new_time_while_the_call_runs_leaves_no_retry_at_the_old_one(story: Story) -> None:
    call = story.call(retry_policy=RETRY)
    [claim] = story.dial()
    story.hear(claim, Accepted("c1"))
    changed = update(
        story.owner, call.id, {"scheduled_time": (story.now + timedelta(days=7)).isoformat()}
    )
    assert not changed.dialing
    story.ended(claim, "busy")
    story.wait(seconds=61)
    assert story.dial() == []


def test_the_same_time_in_another_spelling_rings_nobody_again(story: Story) -> None:
    call = story.call()
    [claim] = story.dial()
    story.ended(claim)
    story.wait(seconds=20)
    at = call.instant
    assert at is not None
    update(story.owner, call.id, {"scheduled_time": at.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert story.dial() == []


def test_one_unreadable_row_does_not_stop_the_others(story: Story) -> None:
    bad, good = story.recurring(), story.recurring()
    ScheduledCall.objects.filter(pk=bad.pk).update(timezone="Mars/Olympus")
    story.wait(seconds=61)
    assert len(story.beat().calls) == 1
    assert [status for status, _ in rows_of(good)] == ["pending"]


def test_a_webhook_that_cannot_be_built_does_not_stop_the_outcome(story: Story) -> None:
    call = story.call(webhook_url="https://example.com/hook")
    [claim] = story.dial()
    ScheduledCall.objects.filter(pk=call.pk).update(timezone="Mars/Olympus")
    story.ended(claim)
    assert only(call).status == "completed"


def test_a_call_that_cannot_be_looked_up_becomes_unknown_in_the_end(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = story.call()
    [claim] = story.dial()
    story.hear(claim, Accepted("c1"))
    monkeypatch.setattr(lookups, "_answer", lambda *_: NoLookup())
    for _ in range(3):
        attempt = Attempt.objects.get()
        assert attempt.look_at is not None, "it is never looked at again"
        story.now = attempt.look_at
        lookups.look_after([attempt.id], story.now)
        if only(call).status == "unknown":
            return
    story.wait(seconds=8000)
    lookups.look_after([attempt.id], story.now)
    assert only(call).status == "unknown"


def test_a_call_that_talks_for_ever_is_told_as_unknown_once(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = story.call(webhook_url="https://example.com/h", webhook_events=["unknown"])
    [claim] = story.dial()
    story.hear(claim, Accepted("c1"))
    talking = Report("c1", claim.request.attempt_id, "in_progress")
    monkeypatch.setattr(lookups, "_answer", lambda *_: talking)
    story.wait(seconds=8000)
    told = 0
    for _ in range(6):
        attempt = Attempt.objects.get()
        told += len(lookups.look_after([attempt.id], story.now))
        story.wait(seconds=301)
    assert (only(call).status, told) == ("unknown", 1)


def test_an_attempt_of_a_service_that_is_gone_does_not_stop_the_others(story: Story) -> None:
    story.call(), story.call()
    gone, there = story.dial()
    for claim in (gone, there):
        story.hear(claim, Accepted(f"sandbox-{claim.request.attempt_id}-0-completed"))
    Attempt.objects.filter(pk=gone.request.attempt_id).update(provider="http")
    story.wait(seconds=60)
    lookups.look_after([gone.request.attempt_id, there.request.attempt_id], story.now)
    assert Attempt.objects.get(pk=there.request.attempt_id).status == "ended"
