"""A number is not rung twice within the gap for one owner, whoever of two workers is first."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings

from executions.dialing import Claim, claim
from executions.manual import execute_now
from executions.models import Attempt
from executions.providers.base import Accepted, NotSent, Unsure
from executions.session import DialSession
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Conflict
from tests.executions.conftest import Story, only, rows_of
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
GAP = 600


@pytest.fixture(autouse=True)
def _gap() -> Iterator[None]:
    with override_settings(SCHEDULER=replace(settings.SCHEDULER, min_gap_seconds=GAP)):
        yield


def test_a_second_call_within_the_gap_is_skipped_and_told(story: Story) -> None:
    story.call()
    story.ended(story.dial()[0])
    second = story.call(webhook_url="https://example.com/h", webhook_events=["skipped"])
    story.wait(seconds=GAP - 1)
    assert story.dial() == []
    story.beat()
    assert rows_of(second) == [("skipped", "min_gap")]
    assert services.get(story.owner, second.id).status == "completed"
    assert Delivery.objects.get().event == "skipped"


def test_after_the_gap_it_rings(story: Story) -> None:
    story.call()
    story.ended(story.dial()[0])
    story.wait(seconds=GAP)
    story.call()
    assert len(story.dial()) == 1


def test_while_a_call_is_under_way_no_second_one_rings_that_number(story: Story) -> None:
    story.call()
    story.hear(story.dial()[0], Accepted("call-1"))
    story.wait(seconds=2 * GAP)
    second = story.call()
    assert story.dial() == []
    story.beat()
    assert rows_of(second) == [("skipped", "min_gap")]


def test_of_two_in_one_message_the_earlier_rings(story: Story) -> None:
    late, early = story.call(in_seconds=5), story.call(in_seconds=1)
    story.wait(seconds=5)
    (claimed,) = story.dial()
    assert claimed.request.schedule_id == early.id
    story.beat()
    assert rows_of(late) == [("skipped", "min_gap")]


def test_other_numbers_and_other_owners_are_no_concern(story: Story, bob: User) -> None:
    story.call(), story.call(phone_number="+4930555000")
    body = {
        "agent_id": "a",
        "phone_number": "+12025550123",
        "scheduled_time": story.now.isoformat(),
    }
    services.schedule_call(bob, body)
    assert len(story.dial()) == 3


def test_a_retry_within_the_gap_has_failed(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 60})
    story.ended(story.dial()[0], "busy")
    story.wait(seconds=60)
    assert story.dial() == []
    story.beat()
    assert rows_of(call) == [("failed", "min_gap")]


def test_a_retry_as_long_after_as_the_gap_rings(story: Story) -> None:
    story.call(retry_policy={"max_retries": 1, "retry_delay": GAP})
    story.ended(story.dial()[0], "busy")
    story.wait(seconds=GAP)
    assert len(story.dial()) == 1


def test_what_never_left_is_no_call(story: Story) -> None:
    call = story.call()
    story.hear(story.dial()[0], NotSent("refused"))
    story.wait(seconds=2)
    (again,) = story.dial()
    story.hear(again, NotSent("refused"))
    story.wait(seconds=1000)
    story.beat()
    assert rows_of(call) == [("failed", "too_late")]
    story.call()
    assert len(story.dial()) == 1


def test_what_was_given_up_before_it_left_is_no_call(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    story.wait(seconds=901)
    story.hear(claimed, NotSent("refused"))
    assert rows_of(call) == [("failed", "not_sent")]
    story.call()
    assert len(story.dial()) == 1


def test_a_call_that_may_have_rung_counts(story: Story) -> None:
    story.call()
    story.hear(story.dial()[0], Unsure("no answer came"))
    story.wait(seconds=GAP - 1)
    second = story.call()
    assert story.dial() == []
    story.beat()
    assert rows_of(second) == [("skipped", "min_gap")]


def test_a_manual_run_is_refused_and_after_the_gap_it_is_not(story: Story) -> None:
    call = story.call()
    story.ended(story.dial()[0])
    with pytest.raises(Conflict) as refused:
        execute_now(story.owner, call.id)
    assert refused.value.code == "min_gap"
    story.wait(seconds=GAP)
    assert execute_now(story.owner, call.id).status == "pending"


def test_a_skipped_occurrence_does_not_count(story: Story) -> None:
    story.call()
    story.ended(story.dial()[0])
    call = story.recurring("* * * * *", max_occurrences=1)
    story.wait(seconds=60)
    story.dial(), story.beat()
    assert rows_of(call) == [("skipped", "min_gap")]
    call = ScheduledCall.objects.get(pk=call.pk)
    assert (call.occurrence_count, call.status) == (0, "active")
    assert call.next_run_at is not None


def test_with_the_gap_off_nothing_is_asked(story: Story) -> None:
    with override_settings(SCHEDULER=replace(settings.SCHEDULER, min_gap_seconds=0)):
        story.call(), story.call()
        assert len(story.dial()) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(5))
def test_two_workers_at_the_same_instant_make_one_call(story: Story, turn: int) -> None:
    calls = [story.call() for _ in range(2)]
    story.beat()
    ready, made = threading.Barrier(2), list[Claim]()

    def work(call: ScheduledCall) -> None:
        session = DialSession()
        try:
            ready.wait(10)
            with session.transaction() as cursor:
                ids, now = [ids_of[call.pk]], story.now
                made.extend(claim(cursor, ids, worker=session.key, provider="sandbox", now=now))
        finally:
            session.close()

    ids_of = {call.pk: only(call).id for call in calls}
    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(made) == 1
    assert Attempt.objects.count() == 1
    story.beat()
    assert sorted(rows_of(calls[0]) + rows_of(calls[1])) == [
        ("dialing", ""),
        ("skipped", "min_gap"),
    ]
