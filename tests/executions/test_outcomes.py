"""What the call service said, and what becomes of the call then."""

import json

import pytest

from executions.findings import ENDED, PROGRESS, UNKNOWN, Finding
from executions.models import Attempt
from executions.providers.base import Accepted, NotSent, Refused, TryLater, Unsure
from executions.states import Outcome
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, attempts_of, only, rows_of
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
URL = "https://example.com/hook"
ALL = [
    "started",
    "completed",
    "failed",
    "retrying",
    "unknown",
    "missed",
    "skipped",
    "cancelled",
]


def told() -> list[str]:
    """The events told so far."""
    return [delivery.event for delivery in Delivery.objects.order_by("id")]


def test_an_accepted_call_is_in_progress_and_started_is_told(story: Story) -> None:
    call = story.call(webhook_url=URL)
    (claimed,) = story.dial()
    (bell,) = story.hear(claimed, Accepted("call-1"))
    assert only(call).status == "in_progress"
    assert only(call).call_id == "call-1"
    delivery = Delivery.objects.get(id=bell)
    body = json.loads(delivery.body)
    assert body["type"] == "call.started"
    assert body["data"]["call_id"] == "call-1"
    assert body["data"]["schedule_id"] == str(call.id)


def test_a_call_that_is_over_at_once_is_told_as_started_and_completed(story: Story) -> None:
    call = story.call(webhook_url=URL)
    story.ended(story.dial()[0], "completed", duration=180)
    assert told() == ["started", "completed"]
    assert only(call).duration == 180
    assert ScheduledCall.objects.get().status == "completed"


def test_a_busy_line_is_retried_and_failed_is_told_once_at_the_end(story: Story) -> None:
    policy = {"max_retries": 2, "retry_delay": 300}
    call = story.call(retry_policy=policy, webhook_url=URL, webhook_events=ALL)
    for _ in range(3):
        (claimed,) = story.dial()
        story.ended(claimed, "busy")
        story.wait(seconds=301)
    assert attempts_of(call) == [(n, "ended", "busy") for n in (1, 2, 3)]
    assert rows_of(call) == [("failed", "no_retry_left")]
    assert only(call).error == "busy"
    assert told() == ["started", "retrying", "retrying", "failed"]
    assert story.beat().calls == []


def test_a_retry_gets_its_own_catch_up_time(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 3600})
    story.ended(story.dial()[0], "no_answer")
    story.wait(seconds=3600 + 800)
    assert len(story.dial()) == 1
    assert only(call).status == "dialing"


def test_a_retry_that_is_found_too_late_is_given_up(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 3600})
    story.ended(story.dial()[0], "no_answer")
    story.wait(seconds=3600 + 901)
    story.beat()
    assert rows_of(call) == [("failed", "too_late")]


def test_a_retry_at_or_after_the_next_occurrence_is_not_made(story: Story) -> None:
    call = story.recurring("* * * * *", retry_policy={"max_retries": 3, "retry_delay": 60})
    story.wait(minutes=1)
    story.ended(story.dial()[0], "busy")
    assert rows_of(call) == [("failed", "superseded")]


def test_a_retry_is_not_made_for_a_call_that_was_cancelled_meanwhile(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 3, "retry_delay": 60})
    (claimed,) = story.dial()
    services.cancel(story.owner, call.id)
    story.ended(claimed, "busy")
    assert rows_of(call) == [("failed", "cancelled")]


def test_an_invalid_number_is_never_retried(story: Story) -> None:
    policy = {"max_retries": 3, "retry_delay": 60, "retry_on": ["busy", "failed"]}
    call = story.call(retry_policy=policy)
    story.hear(story.dial()[0], Refused(Outcome.INVALID_NUMBER, "no such number"))
    assert rows_of(call) == [("failed", "no_retry_left")]
    assert only(call).error == "invalid_number: no such number"


def test_no_room_now_means_the_same_attempt_later_and_counts_for_nothing(story: Story) -> None:
    call = story.call()
    story.hear(story.dial()[0], TryLater("too many calls", retry_after=30))
    story.wait(seconds=29)
    assert story.dial() == []
    story.wait(seconds=2)
    story.ended(story.dial()[0])
    assert attempts_of(call) == [(1, "ended", "completed")]
    assert only(call).attempt_count == 1


def test_what_cannot_be_sent_in_time_fails_and_says_so(story: Story) -> None:
    call = story.call()
    for _ in range(40):
        for claimed in story.dial():
            story.hear(claimed, NotSent("connection refused"))
        story.wait(seconds=61)
    assert rows_of(call) == [("failed", "not_sent")]
    assert only(call).error == "not sent: connection refused"
    assert ScheduledCall.objects.get().status == "completed"


def test_a_lost_answer_is_unknown_and_nothing_is_dialed_again(story: Story) -> None:
    policy = {"max_retries": 3, "retry_delay": 1}
    call = story.call(retry_policy=policy, webhook_url=URL, webhook_events=ALL)
    story.hear(story.dial()[0], Unsure("read timeout"))
    assert only(call).status == "unknown"
    assert told() == ["unknown"]
    for _ in range(5):
        story.wait(seconds=300)
        assert story.dial() == []
    assert attempts_of(call) == [(1, "unknown", None)]


def test_a_worker_that_was_declared_lost_cannot_finish(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 60})
    (claimed,) = story.dial()
    attempt_id = claimed.request.attempt_id
    story.record(Finding(attempt_id, UNKNOWN, error="worker died", worker=claimed.worker))
    # It wakes up and says "not sent": nobody may dial again on its word.
    story.hear(claimed, NotSent("held up for too long"))
    assert only(call).status == "unknown"
    story.hear(claimed, Refused(Outcome.BUSY, "busy"))
    assert only(call).status == "unknown"


def test_a_call_id_is_knowledge_even_from_a_worker_that_was_declared_lost(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    finding = Finding(claimed.request.attempt_id, UNKNOWN, error="lost", worker=claimed.worker)
    story.record(finding)
    story.hear(claimed, Accepted("call-1"))
    assert (only(call).status, only(call).call_id) == ("in_progress", "call-1")


def test_another_workers_word_about_my_attempt_changes_nothing(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    story.hear(claimed, NotSent("not mine"), worker=999)
    assert only(call).status == "dialing"


def test_what_is_over_stays_over(story: Story) -> None:
    call = story.call(webhook_url=URL, retry_policy={"max_retries": 2, "retry_delay": 1})
    (claimed,) = story.dial()
    story.ended(claimed, "completed", duration=5)
    attempt_id = claimed.request.attempt_id
    for late in (
        Finding(attempt_id, ENDED, outcome="busy"),
        Finding(attempt_id, PROGRESS, call_id="call-9"),
        Finding(attempt_id, UNKNOWN),
    ):
        assert story.record(late) == []
    assert attempts_of(call) == [(1, "ended", "completed")]
    assert only(call).duration == 5


def test_a_callback_before_the_reply_is_not_undone_by_the_reply(story: Story) -> None:
    call = story.call(webhook_url=URL)
    (claimed,) = story.dial()
    attempt_id = claimed.request.attempt_id
    story.record(Finding(attempt_id, ENDED, call_id="call-1", outcome="completed", duration=7))
    story.hear(claimed, Accepted("call-1"))
    assert only(call).status == "completed"
    assert told() == ["started", "completed"]


def test_two_calls_under_one_call_id_are_kept_apart(story: Story) -> None:
    first, second = story.call(), story.call()
    one, two = story.dial()
    findings = [
        Finding(claimed.request.attempt_id, PROGRESS, call_id="same", worker=claimed.worker)
        for claimed in (one, two)
    ]
    story.record(*findings)
    states = sorted([only(first).status, only(second).status])
    assert states == ["in_progress", "unknown"]
    assert Attempt.objects.filter(call_id="same").count() == 1


def test_details_are_kept(story: Story) -> None:
    call = story.call()
    story.ended(story.dial()[0], "completed", details={"summary": "all well"})
    assert only(call).details == {"summary": "all well"}


def test_nobody_is_told_who_did_not_ask(story: Story) -> None:
    story.call()
    story.ended(story.dial()[0])
    story.call(webhook_url=URL, webhook_events=["failed"])
    story.ended(story.dial()[0])
    assert told() == []
