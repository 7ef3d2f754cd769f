"""Beat rings for due calls by the broker that is there, and remembers for whom; or opens them."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from kombu import pools

from executions import due_bells
from executions.beat import CallScheduler, ring_all
from executions.dispatch import Bells
from executions.due_bells import LONG_AGO, LOOK_EVERY, DueBells
from executions.ringing import look_ahead, ring_due
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project import clock
from scheduler_project.celery import app
from tests.executions.conftest import START, Story, rows_of

pytestmark = pytest.mark.django_db
NOBODY = "redis://127.0.0.1:1/0"


@dataclass
class Queue:
    """The queue of calls, which other tests may be using at the same time."""

    client: redis.Redis

    def messages(self, *calls: ScheduledCall) -> list[list[int]]:
        """For each message to open some of these calls: which of them, by their numbers here."""
        numbers = {str(call.id): number for number, call in enumerate(calls)}
        found = []
        for raw in reversed(self.client.lrange("calls", 0, -1)):
            message = json.loads(raw)
            (ids,), *_ = json.loads(base64.b64decode(message["body"]))
            ours = [numbers[id_] for id_ in ids if id_ in numbers]
            if ours and message["headers"]["task"] == "executions.place_due":
                found.append(ours)
        return found


@pytest.fixture
def queue() -> Iterator[Queue]:
    """What lies in the broker. Afterwards all of it is thrown away, as if it had been flushed."""
    client = redis.Redis.from_url(settings.REDIS_CLIENT_URL)
    yield Queue(client)
    client.delete("calls")
    client.close()


@dataclass
class Monotonic:
    """A clock that goes on when it is told to."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        """As the time module's."""
        return self.seconds


@pytest.fixture
def passed(story: Story, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass, by both clocks."""
    told = Monotonic()
    monkeypatch.setattr(due_bells, "time", SimpleNamespace(monotonic=told.monotonic))

    def passed(seconds: float) -> None:
        story.wait(seconds=seconds)
        told.seconds += seconds

    return passed


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """From now on nobody listens at the broker's address; what this gives brings it back."""

    def moved() -> None:
        pools.reset()
        forked: Any = app
        forked._after_fork()  # as a new process, it has no connections yet

    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", NOBODY)
    moved()

    def back() -> None:
        monkeypatch.delenv("CELERY_BROKER_WRITE_URL", raising=False)
        moved()

    yield back
    back()


Passed = Callable[[float], None]


def test_nobody_is_rung_for_before_the_time(story: Story, queue: Queue) -> None:
    call, bells = story.call(in_seconds=1), DueBells()
    assert bells.ring(story.now) == Bells()
    assert queue.messages(call) == []
    assert (bells.seconds_to_look(), bells.rung_until) == (None, LONG_AGO)


def test_what_is_due_is_rung_for_once_and_opened_by_nobody_yet(
    story: Story, queue: Queue, passed: Passed
) -> None:
    calls, bells = [story.call(), story.recurring("* * * * *")], DueBells()
    passed(60)
    for _ in range(5):
        assert bells.ring(story.now) == Bells()
        passed(LOOK_EVERY)
    assert queue.messages(*calls) == [[0, 1]]
    assert [rows_of(call) for call in calls] == [[], []]


def test_while_some_wait_it_looks_four_times_a_second_and_not_all_the_time(
    story: Story, passed: Passed
) -> None:
    story.call(), story.call(in_seconds=7)
    passed(10)
    bells = DueBells()
    bells.ring(story.now)
    assert bells.seconds_to_look() == LOOK_EVERY
    passed(LOOK_EVERY)
    assert bells.seconds_to_look() == 0
    assert bells.rung_until == START + timedelta(seconds=7)
    assert look_ahead(bells.rung_until)[1] is None


def test_the_more_wait_the_more_seldom_all_of_them_are_read(
    story: Story, passed: Passed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_bells, "LOOK_EVERY_CALL", 0.2)
    for waiting in range(1, 4):
        story.call()
        bells = DueBells()
        bells.ring(story.now)
        assert bells.seconds_to_look() == pytest.approx(max(LOOK_EVERY, 0.2 * waiting))


def test_what_comes_due_while_others_wait_is_rung_for_as_well(
    story: Story, queue: Queue, passed: Passed
) -> None:
    calls = [story.call(), story.call(in_seconds=2), story.call(in_seconds=4)]
    bells = DueBells()
    bells.ring(story.now)
    assert look_ahead(bells.rung_until)[1] == START + timedelta(seconds=2)
    passed(2)
    bells.ring(story.now)
    passed(2)
    late = story.call(in_seconds=-3)  # made just now, for a time before what is rung for
    bells.ring(story.now)
    assert queue.messages(*calls, late) == [[0], [1], [3, 2]]


def test_what_was_opened_is_forgotten_and_its_next_time_is_rung_for(
    story: Story, queue: Queue, passed: Passed
) -> None:
    call, bells = story.recurring("* * * * *"), DueBells()
    for times in (1, 2, 3):
        passed(60 - 2 * LOOK_EVERY * (times > 1))
        bells.ring(story.now)
        assert queue.messages(call) == [[0]] * times
        for claimed in story.place_due(call):
            story.ended(claimed)
        passed(2 * LOOK_EVERY)
        assert bells.ring(story.now) == Bells()
        assert (bells.seconds_to_look(), bells.rung_until) == (None, LONG_AGO)
    assert rows_of(call) == [("completed", "")] * 3


@pytest.mark.parametrize("verb", [services.pause, services.cancel])
def test_what_its_owner_stopped_is_forgotten(
    story: Story, passed: Passed, verb: Callable[..., object]
) -> None:
    call, bells = story.call(), DueBells()
    bells.ring(story.now)
    verb(story.owner, call.id)
    passed(11)
    assert bells.ring(story.now) == Bells()
    assert bells.seconds_to_look() is None
    assert rows_of(call) in ([], [("cancelled", "cancelled")])


def test_what_no_worker_opens_within_ten_seconds_beat_opens_itself(
    story: Story, queue: Queue, passed: Passed
) -> None:
    first, bells = story.call(), DueBells()
    bells.ring(story.now)
    passed(5)
    second = story.call()
    bells.ring(story.now)
    passed(5)
    assert bells.ring(story.now) == Bells()
    passed(0.1)
    announced = first.next_execution_id
    assert bells.ring(story.now).calls == [announced]
    assert rows_of(first) == [("pending", "")]
    assert rows_of(second) == []
    assert len(story.claim([announced])) == 1  # type: ignore[list-item]
    passed(5)
    assert bells.ring(story.now).calls == [second.next_execution_id]
    assert queue.messages(first, second) == [[0], [1]]
    passed(LOOK_EVERY)
    bells.ring(story.now)
    assert bells.seconds_to_look() is None


def test_many_that_nobody_opens_are_opened_a_batch_at_a_time(
    story: Story, passed: Passed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_bells, "BATCH", 2)
    calls, bells = [story.call(in_seconds=second) for second in range(5)], DueBells()
    passed(5)
    bells.ring(story.now)
    passed(10.1)
    assert [len(bells.ring(story.now).calls) for _ in range(4)] == [2, 2, 1, 0]
    assert [rows_of(call) for call in calls] == [[("pending", "")]] * 5


def test_a_beat_that_remembers_nothing_rings_once_more_and_nobody_is_called_twice(
    story: Story, queue: Queue
) -> None:
    call = story.call()
    for _ in "ab":
        DueBells().ring(story.now)
    assert queue.messages(call) == [[0], [0]]
    assert [len(story.place_due(call)) for _ in "ab"] == [1, 0]


def test_without_a_broker_it_is_opened_at_once_and_rung_for_when_the_broker_is_back(
    story: Story, queue: Queue, broker_away: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    calls, bells = [story.call(), story.call()], DueBells()
    opened = bells.ring(story.now)
    assert sorted(opened.calls) == sorted(call.next_execution_id for call in calls)  # type: ignore[type-var]
    assert [rows_of(call) for call in calls] == [[("pending", "")]] * 2
    assert (bells.seconds_to_look(), bells.rung_until) == (None, LONG_AGO)
    assert not ring_all(opened, story.now)
    assert "bell_not_rung" in caplog.text
    broker_away()
    again = ring_due(story.now)
    assert sorted(again.calls) == sorted(opened.calls)
    assert ring_all(again, story.now)
    assert queue.messages(*calls) == []  # by their executions' names now
    assert len(story.claim(again.calls)) == 2


def test_without_a_broker_what_is_too_late_ends_all_the_same(
    story: Story, broker_away: Callable[[], None]
) -> None:
    call, bells = story.call(), DueBells()
    story.wait(seconds=901)
    bells.ring(story.now)
    assert rows_of(call) == [("missed", "too_late")]


def test_so_many_wait_at_most_and_the_rest_follow(
    story: Story, queue: Queue, passed: Passed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_bells, "MOST_WAITING", 3)
    calls, bells = [story.call(in_seconds=second) for second in range(5)], DueBells()
    passed(5)
    for _ in range(3):
        bells.ring(story.now)
        passed(LOOK_EVERY)
    assert queue.messages(*calls) == [[0, 1, 2]]
    assert len(story.open(*calls[1:3])[0]) == 2
    bells.ring(story.now)
    assert queue.messages(*calls) == [[0, 1, 2], [3, 4]]


# Beat itself, by the clock on the wall; but how long it took does not count.


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever measures when to look again."""
    monkeypatch.setattr(due_bells, "time", SimpleNamespace(monotonic=Monotonic().monotonic))


def due_now(owner: User, ago: float) -> ScheduledCall:
    """A call that was to ring so many seconds ago."""
    at = (clock.now() - timedelta(seconds=ago)).isoformat()
    body = {"agent_id": "a", "phone_number": "+12025550123", "scheduled_time": at}
    return services.schedule_call(owner, body)


@pytest.mark.usefixtures("no_time_passes")
def test_beat_sleeps_until_what_waits_is_looked_at_again(alice: User, queue: Queue) -> None:
    calls, beat = [due_now(alice, 5), due_now(alice, 3)], CallScheduler(app=app, lazy=True)
    for _ in range(3):
        assert beat.fire() == LOOK_EVERY
    assert queue.messages(*calls) == [[0, 1]]


@pytest.mark.usefixtures("no_time_passes")
def test_beat_does_not_read_all_the_time_while_more_are_due_than_may_wait(
    alice: User, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_bells, "MOST_WAITING", 2)
    calls = [due_now(alice, ago) for ago in (9, 7, 5, 3)]
    beat = CallScheduler(app=app, lazy=True)
    for _ in range(3):
        assert beat.fire() == LOOK_EVERY
    assert queue.messages(*calls) == [[0, 1]]
