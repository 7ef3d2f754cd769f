"""Somebody pauses, changes or cancels while beat opens the occurrence: neither undoes the other."""

import pytest

from executions import interruption
from executions.dispatch import open_due
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, only, rows_of
from tests.races.sides import Side
from tests.races.verbs import CHANGING, NEW, STOPPING, Said, said

#: what becomes of the occurrence that was just opened: of a one-time call, of a recurring one
OPENED_BECOMES = {
    "pause": ("pending", "pending"),
    "cancel": ("cancelled", "cancelled"),
    "new time": ("skipped", "skipped"),
    "skip": ("cancelled", "skipped"),
}
#: the call's status afterwards
CALL_BECOMES = {
    "pause": ("paused", "paused"),
    "cancel": ("cancelled", "cancelled"),
    "new time": ("active", "active"),
    "skip": ("cancelled", "active"),
}


@pytest.mark.parametrize("kind", ["one-time", "recurring"])
@pytest.mark.parametrize("verb", STOPPING)
def test_whoever_comes_after_dispatch_waits_and_stops_what_was_opened(
    story: Story, one: Side, other: Side, verb: str, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    ids = one.do(lambda: open_due(story.now)).calls
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == Said(ok=True, dialing=False)
    number = ["one-time", "recurring"].index(kind)
    assert only(call).status == OPENED_BECOMES[verb][number]
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert fresh.status == CALL_BECOMES[verb][number]
    # given back where it never began; what waits for `resume` still counts
    assert fresh.occurrence_count == (verb == "pause")
    assert story.claim(ids) == []
    story.wait(seconds=20)
    assert story.dial() == []


@pytest.mark.parametrize("kind", ["one-time", "recurring"])
@pytest.mark.parametrize("verb", STOPPING)
def test_dispatch_that_comes_after_it_neither_waits_nor_opens_anything(
    story: Story, one: Side, verb: str, kind: str
) -> None:
    call = _due(story, kind)
    one.begin()
    assert one.do(lambda: said(story, verb, call)) == Said(ok=True, dialing=False)
    assert open_due(story.now).calls == []
    one.commit()
    assert open_due(story.now).calls == []
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert fresh.status == CALL_BECOMES[verb][kind == "recurring"]
    assert fresh.occurrence_count == 0
    assert [status for status, _ in rows_of(call)] in ([], [OPENED_BECOMES[verb][1]], ["cancelled"])


@pytest.mark.parametrize("verb", CHANGING)
def test_a_change_after_dispatch_counts_for_what_was_opened(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call = _due(story, "one-time")
    one.begin()
    ids = one.do(lambda: open_due(story.now)).calls
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10).ok
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert (fresh.next_run_at, fresh.occurrence_count) == (None, 1)  # dispatch was not undone
    (claimed,) = story.claim(ids)
    assert claimed.request.phone_number == (NEW if verb == "new number" else "+12025550123")


@pytest.mark.parametrize("verb", CHANGING)
def test_dispatch_comes_again_after_a_change_and_loses_nothing(
    story: Story, one: Side, verb: str
) -> None:
    call = _due(story, "one-time")
    one.begin()
    one.do(lambda: said(story, verb, call))
    assert open_due(story.now).calls == []
    one.commit()
    assert open_due(story.now).calls == [only(call).id]
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert fresh.phone_number == (NEW if verb == "new number" else "+12025550123")


def test_ringing_by_hand_after_dispatch_is_refused(story: Story, one: Side, other: Side) -> None:
    call = _due(story, "recurring")
    one.begin()
    one.do(lambda: open_due(story.now))
    answer = other.start(lambda: said(story, "execute", call))
    assert other.waits_for(one)
    one.commit()
    assert answer.result(10) == Said(ok=False, code="execution_open")
    assert rows_of(call) == [("pending", "")]


def test_dispatch_after_ringing_by_hand_skips_the_occurrence(story: Story, one: Side) -> None:
    call = _due(story, "recurring")
    one.begin()
    assert one.do(lambda: said(story, "execute", call)).ok
    assert open_due(story.now).calls == []
    one.commit()
    assert open_due(story.now).calls == []
    assert sorted(rows_of(call)) == [("pending", ""), ("skipped", "overlap")]
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 0


def test_a_pause_that_dispatch_met_can_be_resumed_and_the_call_rings(
    story: Story, one: Side, other: Side
) -> None:
    call = _due(story, "one-time")
    one.begin()
    one.do(lambda: open_due(story.now))
    paused = other.start(lambda: interruption.pause(story.owner, call.id))
    assert other.waits_for(one)
    one.commit()
    paused.result(10)
    story.wait(seconds=30)
    assert story.dial() == []
    interruption.resume(story.owner, call.id)
    assert len(story.dial()) == 1
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


def _due(story: Story, kind: str) -> ScheduledCall:
    """A call whose time has just come."""
    call = story.call(in_seconds=61) if kind == "one-time" else story.recurring()
    story.wait(seconds=61)
    return call
