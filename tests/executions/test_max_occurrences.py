"""A recurring call ends after as many occurrences as were asked for, whatever they came to."""

import pytest

from executions.models import Execution
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Invalid
from tests.executions.conftest import Story, rows_of

pytestmark = pytest.mark.django_db


def run(story: Story, outcome: str = "completed") -> None:
    """One minute later: whatever rings has that outcome."""
    story.wait(minutes=1)
    for claimed in story.dial():
        story.ended(claimed, outcome)


def test_it_rings_that_often_and_is_completed_when_the_last_call_is_over(story: Story) -> None:
    call = story.recurring("* * * * *", max_occurrences=3)
    for _ in range(5):
        run(story)
    assert rows_of(call) == [("completed", "")] * 3
    call.refresh_from_db()
    assert (call.status, call.next_run_at, call.occurrence_count) == ("completed", None, 3)


def test_it_stays_active_while_the_last_call_is_under_way(story: Story) -> None:
    call = story.recurring("* * * * *", max_occurrences=1)
    story.wait(minutes=1)
    (claimed,) = story.dial()
    call.refresh_from_db()
    assert (call.status, call.next_run_at) == ("active", None)
    story.ended(claimed, "busy")
    call.refresh_from_db()
    assert call.status == "completed"


def test_a_retry_uses_up_no_occurrence(story: Story) -> None:
    policy = {"max_retries": 1, "retry_delay": 10}
    call = story.recurring("0 * * * *", max_occurrences=1, retry_policy=policy)
    story.wait(hours=1)
    story.ended(story.dial()[0], "busy")
    story.wait(seconds=11)
    story.ended(story.dial()[0], "completed")
    assert rows_of(call) == [("completed", "")]
    assert ScheduledCall.objects.get().occurrence_count == 1


def test_a_missed_occurrence_uses_up_none(story: Story) -> None:
    call = story.recurring("* * * * *", max_occurrences=1)
    story.wait(minutes=1)
    story.beat()
    assert ScheduledCall.objects.get().next_run_at is None
    # No worker takes it: it is missed, and the call goes on to the next time.
    story.wait(seconds=901)
    story.beat()
    call.refresh_from_db()
    assert call.occurrence_count == 0
    assert call.next_run_at is not None
    run(story)
    assert Execution.objects.filter(status="completed").count() == 1
    call.refresh_from_db()
    assert call.status == "completed"


def test_it_cannot_be_set_below_what_was_made(story: Story) -> None:
    call = story.recurring("* * * * *", max_occurrences=5)
    run(story)
    run(story)
    with pytest.raises(Invalid, match="below the 2"):
        services.update(story.owner, call.id, {"max_occurrences": 1})


def test_raising_it_lets_a_completed_call_go_on(story: Story) -> None:
    call = story.recurring("* * * * *", max_occurrences=1)
    run(story)
    services.update(story.owner, call.id, {"max_occurrences": 2})
    call.refresh_from_db()
    assert (call.status, call.next_run_at is not None) == ("active", True)
    run(story)
    assert rows_of(call) == [("completed", "")] * 2
