"""A worker opens a due call while another does, or beat does, or its owner wants something else."""

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection

from executions import dispatch
from executions.dialing import Claim
from executions.dispatch import Bells, open_due, open_these
from executions.models import Attempt, Execution
from executions.opening import open_and_claim
from executions.providers.base import Accepted
from executions.session import DialSession
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, attempts_of, only, rows_of
from tests.races.sides import Side
from tests.races.verbs import CHANGING, NEW, OLD, STOPPING, WHILE_DIALING, Said, said

MANY = 60
KINDS = ("one-time", "recurring")
#: the call's status after each verb that stops it, of a one-time call and of a recurring one
BECOMES = {
    "pause": ("paused", "paused"),
    "cancel": ("cancelled", "cancelled"),
    "new time": ("active", "active"),
    "skip": ("cancelled", "active"),
}


def _due(story: Story, kind: str = "one-time") -> ScheduledCall:
    """A call whose time has just come."""
    call = story.call(in_seconds=61) if kind == "one-time" else story.recurring()
    story.wait(seconds=61)
    return call


def _waited_for(story: Story, ids: Sequence[UUID], worker: int = 8) -> list[Claim]:
    """What a worker does with those that it could not simply open."""
    return story.claim(open_these(story.now, ids, wait=True).calls, worker)


def _rings_later(story: Story, call: ScheduledCall) -> int:
    """How many are claimed when it is rung for again, while it is still in time."""
    rung = 0
    for _ in range(3):
        rung += len(story.place_due(call))
        story.wait(seconds=15)
        rung += len(story.dial())
    return rung


# Two of those who open.


@contextmanager
def two_sessions() -> Iterator[tuple[DialSession, DialSession]]:
    """Those of two worker children."""
    sessions = DialSession(), DialSession()
    try:
        yield sessions
    finally:
        for session in sessions:
            session.close()


@pytest.mark.parametrize("seed", range(4))
def test_two_workers_with_the_same_message_at_the_same_instant_ring_each_call_once(
    story: Story, one: Side, other: Side, seed: int
) -> None:
    calls = [story.recurring("* * * * *", max_occurrences=1) for _ in range(MANY)]
    story.wait(seconds=61)
    together, chance = Barrier(2), random.Random(seed)
    orders = [chance.sample([call.id for call in calls], MANY) for _ in range(2)]

    def work(session: DialSession, ids: Sequence[UUID]) -> tuple[list[Claim], list[Claim]]:
        together.wait(10)
        with session.transaction() as cursor:
            key, now = session.key, story.now
            claims, left = open_and_claim(cursor, ids, worker=key, provider="sandbox", now=now)
        return claims, _waited_for(story, left, session.key)

    with two_sessions() as sessions:
        started = [
            side.start(lambda session=session, ids=ids: work(session, ids))  # type: ignore[misc]
            for side, session, ids in zip((one, other), sessions, orders, strict=True)
        ]
        done = [future.result(20) for future in started]
        keys = {session.key for session in sessions}

    rung = [claim for opened, waited in done for claim in (*opened, *waited)]
    assert sorted(claim.request.schedule_id for claim in rung) == sorted(call.id for call in calls)
    assert not any(waited for _, waited in done)  # the other had it, and nothing is left to ring
    assert Execution.objects.filter(status="dialing").count() == MANY
    written = dict(Attempt.objects.values_list("id", "worker"))
    assert {claim.request.attempt_id: claim.worker for claim in rung} == written
    assert set(written.values()) <= keys
    counts = ScheduledCall.objects.filter(pk__in=[call.id for call in calls])
    assert set(counts.values_list("occurrence_count", flat=True)) == {1}


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_worker_waits_for_the_first_and_gets_nothing(
    story: Story, one: Side, other: Side, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    assert len(one.do(lambda: story.open(call, worker=1))[0]) == 1
    assert other.do(lambda: story.open(call, worker=2)) == ([], [call.id])
    waiting = other.start(lambda: _waited_for(story, [call.id]))
    assert other.waits_for(one)
    one.commit()
    assert waiting.result(10) == []
    assert Attempt.objects.get().worker == 1
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_dies_before_its_commit_leaves_the_call_to_the_one_that_waits(
    story: Story, one: Side, other: Side, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    one.do(lambda: story.open(call, worker=1))
    _, left = other.do(lambda: story.open(call, worker=2))
    waiting = other.start(lambda: _waited_for(story, left, worker=2))
    assert other.waits_for(one)
    one.roll_back()
    assert len(waiting.result(10)) == 1
    assert Attempt.objects.get().worker == 2
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


def test_beat_neither_waits_for_a_worker_nor_opens_it_again(
    story: Story, one: Side, other: Side
) -> None:
    call = _due(story, "recurring")
    one.begin()
    one.do(lambda: story.open(call))
    assert other.do(lambda: open_due(story.now)) == Bells()
    assert other.do(lambda: open_these(story.now, [call.id])) == Bells()
    one.commit()
    assert other.do(lambda: open_due(story.now)) == Bells()
    assert only(call).status == "dialing"


def test_what_beat_is_just_opening_is_left_and_claimed_by_its_bell(
    story: Story, one: Side, other: Side
) -> None:
    call = _due(story, "recurring")
    one.begin()
    ids = one.do(lambda: open_due(story.now)).calls
    assert other.do(lambda: story.open(call)) == ([], [call.id])
    waiting = other.start(lambda: _waited_for(story, [call.id]))
    assert other.waits_for(one)
    one.commit()
    assert waiting.result(10) == []
    assert len(story.claim(ids)) == 1
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


# A worker, and an owner who wants something else.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", WHILE_DIALING)
def test_whoever_comes_after_the_opening_waits_and_hears_that_it_is_dialing(
    story: Story, one: Side, other: Side, verb: str, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    (claimed,), _ = one.do(lambda: story.open(call))
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == WHILE_DIALING[verb]
    assert claimed.request.phone_number == OLD
    assert _rings_later(story, call) == 0
    assert attempts_of(call) == [(1, "dialing", None)]
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


@pytest.mark.parametrize("verb", [*STOPPING, *CHANGING])
def test_an_opening_that_was_never_committed_is_none(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call = _due(story)
    one.begin()
    assert len(one.do(lambda: story.open(call))[0]) == 1
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.roll_back()
    assert answer.result(10) == Said(ok=True, dialing=False)
    assert _rings_later(story, call) == (0 if verb in STOPPING else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", STOPPING)
def test_an_opening_that_comes_after_it_waits_and_rings_nobody(
    story: Story, one: Side, other: Side, verb: str, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    assert one.do(lambda: said(story, verb, call)) == Said(ok=True, dialing=False)
    assert other.do(lambda: story.open(call)) == ([], [call.id])
    waiting = other.start(lambda: _waited_for(story, [call.id]))
    assert other.waits_for(one)
    one.commit()
    assert waiting.result(10) == []
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert fresh.status == BECOMES[verb][KINDS.index(kind)]
    assert fresh.occurrence_count == 0
    assert _rings_later(story, call) == 0
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", CHANGING)
def test_a_call_that_is_just_being_changed_is_waited_for_and_rings_as_changed(
    story: Story, one: Side, other: Side, verb: str, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    one.do(lambda: said(story, verb, call))
    assert other.do(lambda: story.open(call)) == ([], [call.id])
    waiting = other.start(lambda: _waited_for(story, [call.id]))
    assert other.waits_for(one)
    one.commit()
    (claimed,) = waiting.result(10)
    wanted = {"new number": (NEW, "agent-123"), "new agent": (OLD, "agent-new")}
    request = claimed.request
    assert (request.phone_number, request.agent_id) == wanted.get(verb, (OLD, "agent-123"))
    assert Attempt.objects.get().sent["phone_number"] == request.phone_number
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


def test_a_call_by_hand_at_that_moment_has_the_occurrence_skipped(
    story: Story, one: Side, other: Side
) -> None:
    call = _due(story, "recurring")
    one.begin()
    assert one.do(lambda: said(story, "execute", call)).ok
    assert other.do(lambda: story.open(call)) == ([], [call.id])
    waiting = other.start(lambda: _waited_for(story, [call.id]))
    assert other.waits_for(one)
    one.commit()
    assert waiting.result(10) == []
    assert sorted(rows_of(call)) == [("pending", ""), ("skipped", "overlap")]
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 0


def test_a_verb_that_was_rolled_back_stops_nothing(story: Story, one: Side, other: Side) -> None:
    call = _due(story)
    one.begin()
    one.do(lambda: said(story, "pause", call))
    _, left = other.do(lambda: story.open(call))
    waiting = other.start(lambda: _waited_for(story, left))
    assert other.waits_for(one)
    one.roll_back()
    assert len(waiting.result(10)) == 1


def test_a_pause_of_one_call_holds_up_nobody_else_of_the_message(
    story: Story, one: Side, other: Side
) -> None:
    calls = [story.call() for _ in range(5)]
    one.begin()
    one.do(lambda: said(story, "pause", calls[2]))
    claims, left = other.do(lambda: story.open(*calls))  # at once
    one.commit()
    assert left == [calls[2].id]
    rung = {claim.request.schedule_id for claim in claims}
    assert rung == {call.id for call in calls} - {calls[2].id}


def test_whoever_holds_a_call_for_too_long_holds_up_only_that_one(
    story: Story,
    one: Side,
    other: Side,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(dispatch, "LONGEST_WAIT", "100ms")
    held, late = story.call(), story.recurring("* * * * *")
    story.wait(minutes=3)
    one.begin()
    one.do(lambda: said(story, "new agent", held))
    claims, left = other.do(lambda: story.open(held, late))
    assert (claims, set(left)) == ([], {held.id, late.id})
    with caplog.at_level(logging.WARNING):
        (claimed,) = other.do(lambda: _waited_for(story, left))
    assert claimed.request.schedule_id == late.id
    assert "call_is_held" in caplog.text
    one.commit()
    assert rows_of(held) == []
    assert len(_waited_for(story, [held.id])) == 1


def test_the_longest_wait_is_for_that_step_alone(story: Story, one: Side) -> None:
    call = _due(story)
    assert len(one.do(lambda: open_these(story.now, [call.id], wait=True)).calls) == 1

    def shown() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return str(cursor.fetchone()[0])

    assert one.do(shown) == "0"


# A worker, and what comes of the call before.


def test_a_report_at_that_moment_is_waited_for_and_the_next_occurrence_rings(
    story: Story, one: Side, other: Side
) -> None:
    call = _due(story, "recurring")
    (first,), _ = story.open(call)
    story.hear(first, Accepted("call-1"))
    story.wait(minutes=1)
    one.begin()
    one.do(lambda: story.ended(first))
    _, left = other.do(lambda: story.open(call))
    assert left == [call.id]
    waiting = other.start(lambda: _waited_for(story, left))
    assert other.waits_for(one)
    one.commit()
    assert len(waiting.result(10)) == 1
    assert rows_of(call) == [("completed", ""), ("dialing", "")]


def test_a_retry_that_is_just_being_claimed_has_the_next_occurrence_skipped(
    story: Story, one: Side, other: Side
) -> None:
    call = story.recurring("*/5 * * * *", retry_policy={"max_retries": 1, "retry_delay": 60})
    story.wait(minutes=5)
    story.ended(story.open(call)[0][0], "busy")
    retry = only(call).id
    story.wait(minutes=5)
    one.begin()
    assert len(one.do(lambda: story.claim([retry]))) == 1
    _, left = other.do(lambda: story.open(call))
    waiting = other.start(lambda: _waited_for(story, left))
    assert other.waits_for(one)
    one.commit()
    assert waiting.result(10) == []
    assert rows_of(call) == [("dialing", ""), ("skipped", "overlap")]


def test_a_bell_for_a_waiting_execution_at_that_moment_rings_nobody_twice(
    story: Story, one: Side, other: Side
) -> None:
    call = _due(story, "recurring")
    ids = story.beat().calls
    story.wait(seconds=60)
    one.begin()
    one.do(lambda: story.open(call))  # sees the one that waits, and leaves it
    claims = other.start(lambda: story.claim(ids))
    assert other.waits_for(one)
    one.commit()
    assert len(claims.result(10)) == 1
    assert _waited_for(story, [call.id]) == []
    assert rows_of(call) == [("dialing", ""), ("skipped", "overlap")]
