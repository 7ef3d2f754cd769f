"""Two of them want something else of the same call at once: one after the other, and none lost."""

import pytest

from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, only, rows_of
from tests.races.sides import Side
from tests.races.verbs import NEW, VERBS, Said, said

DONE = Said(ok=True)
#: (first, second): what the second hears, and the call's status afterwards
PAIRS = {
    ("pause", "resume"): (DONE, "active"),
    ("resume", "pause"): (DONE, "paused"),
    ("pause", "pause"): (DONE, "paused"),
    ("pause", "cancel"): (DONE, "cancelled"),
    ("pause", "new time"): (DONE, "paused"),
    ("pause", "new number"): (DONE, "paused"),
    ("new number", "pause"): (DONE, "paused"),
    ("new agent", "pause"): (DONE, "paused"),
    ("new time", "pause"): (DONE, "paused"),
    ("new agent", "new number"): (DONE, "active"),
    ("new time", "new number"): (DONE, "active"),
    ("new time", "cancel"): (DONE, "cancelled"),
    ("cancel", "cancel"): (DONE, "cancelled"),
    ("cancel", "pause"): (Said(ok=False, code="conflict"), "cancelled"),
    ("cancel", "resume"): (Said(ok=False, code="conflict"), "cancelled"),
    ("cancel", "new time"): (Said(ok=False, code="cancelled"), "cancelled"),
    ("cancel", "new number"): (Said(ok=False, code="cancelled"), "cancelled"),
    ("cancel", "execute"): (Said(ok=False, code="conflict"), "cancelled"),
    ("cancel", "skip"): (Said(ok=False, code="not_waiting"), "cancelled"),
    ("execute", "execute"): (Said(ok=False, code="execution_open"), "active"),
    ("execute", "pause"): (DONE, "paused"),
    ("execute", "cancel"): (DONE, "cancelled"),
    ("execute", "skip"): (DONE, "cancelled"),
    ("pause", "execute"): (DONE, "paused"),
    ("skip", "skip"): (Said(ok=False, code="not_waiting"), "cancelled"),
    ("skip", "pause"): (Said(ok=False, code="conflict"), "cancelled"),
    ("skip", "new time"): (Said(ok=False, code="cancelled"), "cancelled"),
    ("new time", "skip"): (Said(ok=False, code="not_waiting"), "active"),
}


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_second_waits_for_the_first_and_neither_is_lost(
    story: Story, one: Side, other: Side, first: str, second: str
) -> None:
    call = story.call(in_seconds=3600)
    one.begin()
    assert one.do(lambda: said(story, first, call)) == DONE
    answer = other.start(lambda: said(story, second, call))
    assert other.waits_for(one)
    one.commit()
    heard, status = PAIRS[first, second]
    assert answer.result(10) == heard
    fresh = ScheduledCall.objects.get(pk=call.id)
    assert fresh.status == status
    done = {first, second} if heard.ok else {first}
    assert (fresh.phone_number == NEW) == ("new number" in done)
    assert (fresh.agent_id == "agent-new") == ("new agent" in done)
    assert (fresh.timing_revision == 2) == ("new time" in done)


@pytest.mark.parametrize("verb", VERBS)
def test_a_first_that_is_taken_back_leaves_the_second_alone(
    story: Story, one: Side, other: Side, verb: str
) -> None:
    call = story.call(in_seconds=3600)
    one.begin()
    one.do(lambda: said(story, "cancel", call))
    answer = other.start(lambda: said(story, verb, call))
    assert other.waits_for(one)
    one.roll_back()
    assert answer.result(10) == DONE


def test_two_who_ring_by_hand_ring_once(story: Story, one: Side, other: Side) -> None:
    call = story.call(in_seconds=3600)
    one.begin()
    assert one.do(lambda: said(story, "execute", call)).ok
    answer = other.start(lambda: said(story, "execute", call))
    assert other.waits_for(one)
    one.commit()
    assert not answer.result(10).ok
    assert rows_of(call) == [("pending", "")]
    assert len(story.claim([only(call).id])) == 1
