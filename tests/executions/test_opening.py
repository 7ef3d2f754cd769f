"""A worker opens a due call and claims it in one step; what cannot simply ring it leaves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.test import override_settings

from executions import interruption
from executions.dispatch import open_these
from executions.manual import execute_now
from executions.models import Attempt, Execution
from executions.providers.base import Accepted, NotSent
from executions.switches import lift, stop
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduled_calls.timing import execution_id, key_of
from tests.executions.conftest import START, WORKER, Story, attempts_of, only, rows_of
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
CATCH_UP = 900


def left_by(story: Story, *calls: ScheduledCall) -> list[UUID]:
    """What a worker leaves that claims none of these."""
    claims, left = story.open(*calls)
    assert claims == []
    return left


def test_a_one_time_call_is_opened_under_the_id_that_was_announced(story: Story) -> None:
    call = story.call(customer_context={"a": [1, None]}, metadata={"b": "ü"})
    announced = call.next_execution_id

    (claimed,), left = story.open(call)

    assert left == []
    execution = only(call)
    assert execution.id == announced == claimed.request.execution_id
    assert (execution.status, execution.reason, execution.error) == ("dialing", "", None)
    assert (execution.trigger, execution.attempt_count, execution.count) == ("schedule", 1, 1)
    assert (execution.scheduled_for, execution.due_at) == (START, START)
    assert execution.expires_at == START + timedelta(seconds=CATCH_UP)
    assert execution.actual_time == story.now
    assert (execution.ring_at, execution.ended_at, execution.started) == (None, None, False)
    assert execution.owner == story.owner


def test_the_intent_stands_there_with_its_lease_and_whom_it_rings(story: Story) -> None:
    call = story.call(customer_context={"a": [1, None]}, metadata={"b": "ü"})
    (claimed,), _ = story.open(call, worker=8)

    attempt = Attempt.objects.get()
    assert attempt.id == claimed.request.attempt_id
    assert attempt.execution == only(call)
    assert (attempt.status, attempt.number, attempt.provider) == ("dialing", 1, "sandbox")
    assert attempt.worker == claimed.worker == 8
    assert attempt.started_at == story.now
    assert attempt.lease_until == attempt.look_at == story.now + MINUTE
    assert attempt.sent == {
        "agent_id": "agent-123",
        "phone_number": "+12025550123",
        "customer_context": {"a": [1, None]},
        "metadata": {"b": "ü"},
    }
    request = claimed.request
    assert attempt.sent == {name: getattr(request, name) for name in attempt.sent}
    assert (request.schedule_id, request.number) == (call.id, 1)
    assert request.scheduled_time == START
    assert str(attempt.id) in request.callback_url


def test_a_one_time_call_has_no_time_to_come_and_waits_for_its_outcome(story: Story) -> None:
    call = story.call()
    (claimed,), _ = story.open(call)
    call.refresh_from_db()
    assert (call.next_run_at, call.next_execution_id) == (None, None)
    assert (call.status, call.occurrence_count, call.last_opened_for) == ("active", 1, START)
    story.ended(claimed)
    call.refresh_from_db()
    assert (call.status, rows_of(call)) == ("completed", [("completed", "")])


def test_a_recurring_call_moves_on_to_its_next_time(story: Story) -> None:
    call = story.recurring("*/5 * * * *")
    story.wait(minutes=5, seconds=2)
    assert len(story.open(call)[0]) == 1

    call.refresh_from_db()
    assert call.last_opened_for == only(call).scheduled_for == START + 5 * MINUTE
    assert call.next_run_at == START + 10 * MINUTE
    assert call.next_execution_id == execution_id(call.id, key_of(call, call.next_run_at))
    assert (call.status, call.occurrence_count) == ("active", 1)


def test_it_rings_as_often_as_it_may_and_is_completed_when_the_last_call_is_over(
    story: Story,
) -> None:
    call = story.recurring("* * * * *", max_occurrences=2)
    for count in (1, 2, 2):
        story.wait(minutes=1)
        for claimed in story.open(call)[0]:
            call.refresh_from_db()
            assert (call.status, call.occurrence_count) == ("active", count)
            assert (call.next_run_at is None) == (count == 2)
            story.ended(claimed)
    assert rows_of(call) == [("completed", "")] * 2
    call.refresh_from_db()
    assert (call.status, call.next_run_at, call.occurrence_count) == ("completed", None, 2)


def test_calls_of_all_kinds_are_opened_by_one_message(story: Story) -> None:
    calls = [story.recurring("* * * * *"), story.call(60), story.recurring("0 9 * * *")]
    calls += [story.call(in_seconds=second) for second in range(57, 63)]
    story.wait(seconds=60)
    claims, left = story.open(*calls)
    due = {call.id for call in [*calls[:2], *calls[3:7]]}
    assert {claim.request.schedule_id for claim in claims} == due
    assert left == []
    assert len({claim.request.attempt_id for claim in claims}) == len(due)


def test_the_same_message_twice_claims_once(story: Story) -> None:
    calls = [story.call(), story.recurring("* * * * *")]
    story.wait(seconds=60)
    assert len(story.open(*calls)[0]) == 2
    assert story.open(*calls) == ([], [])
    assert story.open(*calls, worker=8) == ([], [])
    assert Attempt.objects.count() == Execution.objects.count() == 2


def test_a_call_that_a_message_names_twice_is_claimed_once(story: Story) -> None:
    call = story.call()
    claims, left = story.open(call, call)
    assert (len(claims), left) == (1, [])
    assert attempts_of(call) == [(1, "dialing", None)]


def test_what_is_not_due_is_not_opened(story: Story) -> None:
    call = story.call(in_seconds=1)
    assert story.open(call) == ([], [])
    assert not Execution.objects.exists()
    story.wait(seconds=1)
    assert len(story.open(call)[0]) == 1


def test_ids_of_nothing_open_nothing(story: Story) -> None:
    assert story.open(ScheduledCall(id=uuid4()), ScheduledCall(id=uuid4())) == ([], [])
    assert story.open() == ([], [])


@pytest.mark.parametrize("verb", [interruption.pause, interruption.cancel])
def test_a_paused_or_cancelled_call_is_not_opened(story: Story, verb: Callable[..., Any]) -> None:
    call = story.recurring("* * * * *")
    assert not verb(story.owner, call.id).dialing
    story.wait(minutes=1)
    assert story.open(call) == ([], [])
    assert not Attempt.objects.exists()


def test_what_was_opened_by_beat_is_not_opened_again(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(minutes=1)
    ids = story.beat().calls
    assert story.open(call) == ([], [])
    assert len(story.claim(ids)) == 1


def test_what_was_never_sent_goes_on_as_the_same_attempt(story: Story) -> None:
    call = story.call()
    (first,), _ = story.open(call)
    story.hear(first, NotSent("connection refused"))
    assert rows_of(call) == [("retrying", "not_sent")]
    story.wait(seconds=2)
    (again,) = story.dial(worker=8)
    assert again.request == first.request
    assert attempts_of(call) == [(1, "dialing", None)]


def test_a_retry_of_what_a_worker_opened_is_its_second_attempt(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 60})
    story.ended(story.open(call)[0][0], "busy")
    story.wait(seconds=60)
    (retry,) = story.dial()
    assert retry.request.number == 2
    assert attempts_of(call) == [(1, "ended", "busy"), (2, "dialing", None)]


# What cannot simply ring.


@pytest.mark.parametrize("recurring", [False, True], ids=["one-time", "recurring"])
def test_within_the_catch_up_time_it_rings_late_and_after_it_is_missed(
    story: Story, recurring: bool
) -> None:
    times = {"in_seconds": 3600}
    calls = [story.recurring("0 * * * *") if recurring else story.call(**times) for _ in "ab"]
    story.wait(hours=1, seconds=CATCH_UP)
    assert len(story.open(calls[0])[0]) == 1
    story.wait(seconds=1)
    left = left_by(story, calls[1])
    assert left == [calls[1].id]
    assert open_these(story.now, left).calls == []
    assert rows_of(calls[1]) == [("missed", "too_late")]
    assert ScheduledCall.objects.get(pk=calls[1].pk).occurrence_count == 0


def test_a_missed_call_is_told_of(story: Story) -> None:
    call = story.call(webhook_url="https://example.com/hook", webhook_events=["missed"])
    story.wait(seconds=CATCH_UP + 1)
    bells = open_these(story.now, left_by(story, call))
    assert bells.webhooks == [Delivery.objects.get().id]
    assert ScheduledCall.objects.get().status == "missed"


def test_an_outage_leaves_one_missed_row_and_the_late_call_rings(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(hours=3, seconds=30)
    assert left_by(story, call) == [call.id]
    (claimed,) = story.place_due(call)
    assert claimed.request.scheduled_time == START + timedelta(hours=3)
    assert rows_of(call) == [("missed", "too_late"), ("dialing", "")]
    assert Execution.objects.get(status="missed").count == 179
    assert ScheduledCall.objects.get().occurrence_count == 1


def test_a_stopped_call_is_opened_waiting_and_rings_when_the_switch_is_lifted(
    story: Story,
) -> None:
    call, free = story.call(), story.call(agent_id="agent-x")
    switch = stop("agent", "agent-123", "drill", "olga")
    (claimed,), left = story.open(call, free)
    assert claimed.request.schedule_id == free.id
    assert left == [call.id]
    ids = open_these(story.now, left).calls
    assert rows_of(call) == [("pending", "")]
    assert story.claim(ids) == []
    lift(switch.pk, "viktor")
    story.wait(seconds=70)
    assert [again.request.execution_id for again in story.dial()] == ids


@pytest.mark.parametrize(
    ("scope", "value", "ends_in", "rings"),
    [("global", "", None, 0), ("number_prefix", "+1202", None, 0),
     ("number_prefix", "+49", None, 1), ("agent", "agent", None, 1),
     ("global", "", 59, 1), ("global", "", 61, 0)],
)  # fmt: skip
def test_a_switch_stops_what_it_names_for_as_long_as_it_lasts(
    story: Story, scope: str, value: str, ends_in: int | None, rings: int
) -> None:
    call = story.call(in_seconds=60)
    stop(scope, value, "drill", "olga", story.now + timedelta(seconds=ends_in) if ends_in else None)
    story.wait(seconds=60)
    claims, left = story.open(call)
    assert (len(claims), len(left)) == (rings, 1 - rings)


def test_while_one_talks_the_next_is_skipped(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(minutes=1)
    (first,), _ = story.open(call)
    for status in ("dialing", "in_progress"):
        story.wait(minutes=1)
        assert only_open(call).status == status
        assert left_by(story, call) == [call.id]
        assert story.place_due(call) == []
        story.hear(first, Accepted("call-1"))
    assert rows_of(call)[1:] == [("skipped", "overlap")] * 2
    assert ScheduledCall.objects.get().occurrence_count == 1


def only_open(call: ScheduledCall) -> Execution:
    """The one execution of a call that has not ended."""
    return Execution.objects.get(scheduled_call=call, ended_at=None)


def test_a_call_by_hand_has_the_next_one_skipped(story: Story) -> None:
    call = story.recurring("* * * * *")
    manual = execute_now(story.owner, call.id)
    story.wait(minutes=1)
    assert left_by(story, call) == [call.id]
    assert story.place_due(call) == []
    assert len(story.claim([manual.id])) == 1
    assert sorted(rows_of(call)) == [("dialing", ""), ("skipped", "overlap")]


def test_what_still_waits_gives_way_to_the_next_occurrence(story: Story) -> None:
    call = story.recurring("* * * * *")
    story.wait(minutes=1)
    story.beat()  # rung, and no worker is there
    story.wait(minutes=1)
    assert left_by(story, call) == [call.id]
    assert len(story.place_due(call)) == 1
    assert rows_of(call) == [("missed", "superseded"), ("dialing", "")]
    assert ScheduledCall.objects.get().occurrence_count == 1


def test_a_retry_that_waits_gives_way_to_the_next_occurrence(story: Story) -> None:
    call = story.recurring("*/5 * * * *", retry_policy={"max_retries": 1, "retry_delay": 60})
    story.wait(minutes=5)
    story.ended(story.open(call)[0][0], "busy")
    story.wait(minutes=5)  # and no worker took the retry
    assert left_by(story, call) == [call.id]
    assert len(story.place_due(call)) == 1
    assert rows_of(call) == [("failed", "superseded"), ("dialing", "")]


def test_with_a_gap_between_calls_all_are_left_to_those_who_keep_it(story: Story) -> None:
    calls = [story.call(), story.call()]
    with override_settings(SCHEDULER=replace(settings.SCHEDULER, min_gap_seconds=600)):
        assert left_by(story, *calls) == [call.id for call in calls]
        assert not Execution.objects.exists()
        assert len(story.place_due(*calls)) == 1
        story.beat()
    assert sorted(rows_of(calls[0]) + rows_of(calls[1])) == [
        ("dialing", ""),
        ("skipped", "min_gap"),
    ]


def test_an_occurrence_that_is_there_already_does_not_ring_again_and_the_call_moves_on(
    story: Story,
) -> None:
    call = story.recurring("* * * * *")
    at, announced = call.next_run_at, call.next_execution_id
    story.wait(minutes=1)
    story.ended(story.open(call)[0][0])
    # as if the call's own row came from an older backup
    ScheduledCall.objects.filter(pk=call.pk).update(next_run_at=at, next_execution_id=announced)
    assert left_by(story, call) == [call.id]
    assert story.place_due(call) == []
    assert rows_of(call) == [("completed", "")]
    call.refresh_from_db()
    assert (call.next_run_at, call.occurrence_count) == (START + 2 * MINUTE, 1)


@pytest.mark.parametrize("column", ["timezone", "cron_expression"])
def test_a_call_whose_times_cannot_be_computed_holds_up_nobody(story: Story, column: str) -> None:
    broken, sound = story.recurring("* * * * *"), story.recurring("* * * * *")
    ScheduledCall.objects.filter(pk=broken.pk).update(**{column: "Atlantis"})
    story.wait(minutes=1)
    (claimed,), left = story.open(broken, sound)
    assert claimed.request.schedule_id == sound.id
    assert left == [broken.id]
    assert open_these(story.now, left).calls == []
    broken.refresh_from_db()
    assert (broken.status, broken.occurrence_count) == ("paused", 0)
    assert broken.paused_reason.startswith("defect: ")


def test_a_change_before_its_time_counts(story: Story) -> None:
    call = story.call(in_seconds=60)
    services.update(story.owner, call.id, {"agent_id": "agent-new", "metadata": {"n": 1}})
    story.wait(seconds=60)
    (claimed,), _ = story.open(call)
    assert (claimed.request.agent_id, claimed.request.metadata) == ("agent-new", {"n": 1})
    assert Attempt.objects.get().sent["agent_id"] == "agent-new"
    assert claimed.worker == WORKER
