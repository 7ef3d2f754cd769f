"""Two beats open, or two workers claim, at the same moment: one of them gets it."""

from collections.abc import Callable
from threading import Barrier
from uuid import UUID

from executions.dispatch import Bells, open_due
from executions.models import Attempt, Execution
from executions.ringing import ring_due, ring_soon
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, only
from tests.races.sides import Side

MANY = 60


def test_the_second_beat_neither_waits_nor_opens_it_again(
    story: Story, one: Side, other: Side
) -> None:
    call = story.recurring()
    story.wait(seconds=61)
    one.begin()
    assert len(one.do(lambda: open_due(story.now)).calls) == 1
    assert other.do(lambda: open_due(story.now)) == Bells()
    one.commit()
    assert other.do(lambda: open_due(story.now)) == Bells()
    assert only(call).status == "pending"
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


def test_a_beat_that_dies_before_its_commit_leaves_the_call_to_the_other(
    story: Story, one: Side, other: Side
) -> None:
    call = story.recurring()
    story.wait(seconds=61)
    one.begin()
    one.do(lambda: open_due(story.now))
    one.roll_back()
    assert other.do(lambda: open_due(story.now)).calls == [only(call).id]
    assert ScheduledCall.objects.get(pk=call.id).occurrence_count == 1


def test_the_second_worker_neither_waits_nor_gets_it(story: Story, one: Side, other: Side) -> None:
    story.call()
    ids = story.beat().calls
    one.begin()
    assert one.do(lambda: len(story.claim(ids, worker=1))) == 1
    assert other.do(lambda: story.claim(ids, worker=2)) == []
    one.commit()
    assert other.do(lambda: story.claim(ids, worker=2)) == []
    assert Attempt.objects.get().worker == 1


def test_a_worker_that_dies_before_its_commit_leaves_the_call_to_the_other(
    story: Story, one: Side, other: Side
) -> None:
    story.call()
    ids = story.beat().calls
    one.begin()
    one.do(lambda: story.claim(ids, worker=1))
    one.roll_back()
    assert len(other.do(lambda: story.claim(ids, worker=2))) == 1
    assert Attempt.objects.get().worker == 2


def test_a_bell_that_is_rung_again_while_it_is_claimed_changes_nothing(
    story: Story, one: Side, other: Side
) -> None:
    call = story.call()
    ids = story.beat().calls
    story.wait(seconds=11)
    one.begin()
    assert one.do(lambda: len(story.claim(ids))) == 1
    assert other.do(lambda: ring_due(story.now)) == Bells()
    one.commit()
    assert other.do(lambda: ring_due(story.now)) == Bells()
    assert only(call).status == "dialing"


def test_a_bell_that_could_not_be_rung_waits_for_nobody(
    story: Story, one: Side, other: Side
) -> None:
    for _ in range(3):
        story.call()
    ids = story.beat().calls
    one.begin()
    one.do(lambda: story.claim(ids[1:2]))
    other.do(lambda: ring_soon(ids, story.now))  # it would wait here, holding the first
    one.commit()
    assert set(ring_due(story.now).calls) == {ids[0], ids[2]}


def test_two_beats_and_two_workers_at_once_share_all_and_double_none(
    story: Story, one: Side, other: Side
) -> None:
    calls = [story.recurring("* * * * *", max_occurrences=1) for _ in range(MANY)]
    story.wait(seconds=61)
    opened = _both(one, other, lambda: open_due(story.now, MANY).calls)
    ids = [id_ for half in opened for id_ in half]
    assert len(ids) == len(set(ids)) == MANY
    claimed = _both(one, other, lambda: [c.request.execution_id for c in story.claim(ids)])
    rung = [id_ for half in claimed for id_ in half]
    assert sorted(rung) == sorted(ids)
    assert Execution.objects.filter(status="dialing").count() == MANY
    assert Attempt.objects.count() == MANY
    counts = ScheduledCall.objects.filter(pk__in=[call.id for call in calls])
    assert set(counts.values_list("occurrence_count", flat=True)) == {1}


def _both(one: Side, other: Side, step: Callable[[], list[UUID]]) -> list[list[UUID]]:
    """What each got who took the same step at the same moment."""
    together = Barrier(2)

    def after_both() -> list[UUID]:
        together.wait(10)
        return step()

    started = [side.start(after_both) for side in (one, other)]
    return [future.result(20) for future in started]
