"""A message for due calls reaches a worker child: they ring, and nothing else comes of it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from executions import tasks
from executions.models import Attempt, Execution
from executions.session import end_session
from executions.switches import stop
from executions.tasks import place_calls, place_due
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, attempts_of, only, rows_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _child(story: Story) -> Iterator[None]:
    """This process is a worker child, with a session and a switchboard of its own."""
    yield
    assert tasks.switchboard().drain(20)
    tasks._switchboards.clear()
    end_session()


def drained() -> None:
    """All that was dialed is written."""
    assert tasks.switchboard().drain(20)


def message(*calls: ScheduledCall) -> list[str]:
    """The ids as a message carries them."""
    return [str(call.id) for call in calls]


def test_due_calls_ring_and_the_call_service_has_them(story: Story) -> None:
    calls = [story.call(), story.recurring("* * * * *"), story.call(in_seconds=61)]
    story.wait(seconds=60)
    place_due(message(*calls))
    drained()
    for call in calls[:2]:
        assert only(call).status == "in_progress"
        assert only(call).call_id
    assert rows_of(calls[2]) == []


def test_the_same_message_again_and_a_bell_for_the_execution_ring_nobody(story: Story) -> None:
    call = story.call()
    for _ in range(3):
        place_due(message(call))
        place_calls([str(only(call).id)])
    drained()
    assert attempts_of(call) == [(1, "in_progress", None)]


def test_what_could_not_simply_ring_rings_all_the_same(story: Story) -> None:
    late, waiting = story.recurring("* * * * *"), story.recurring("*/5 * * * *")
    story.wait(minutes=5)
    story.beat()  # and no worker is there
    story.wait(minutes=5)
    place_due(message(late, waiting))
    drained()
    assert [status for status, _ in rows_of(late)] == ["missed"] * 3 + ["in_progress"]
    assert rows_of(waiting) == [("missed", "superseded"), ("in_progress", "")]


def test_what_is_stopped_waits(story: Story) -> None:
    call = story.call()
    stop("global", "", "drill", "olga")
    place_due(message(call))
    drained()
    assert rows_of(call) == [("pending", "")]
    assert attempts_of(call) == []


@pytest.mark.parametrize("ids", [None, "x", {}, [], [1, None, "no id"], [str(uuid4())]])
def test_whatever_else_a_message_brings_is_passed_over(story: Story, ids: object) -> None:
    call = story.call()
    place_due(ids)
    place_due([*ids, str(call.id)] if isinstance(ids, list) else None)
    drained()
    assert Execution.objects.count() == Attempt.objects.count() == isinstance(ids, list)
