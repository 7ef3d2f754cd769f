"""Calls scheduled at the same time are stored together; each waiter learns of its own only."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync
from django.db import DatabaseError, IntegrityError, connection, connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import ClockedSchedule

from scheduled_calls.models import ScheduledCall
from scheduler.gathering import MOST_AT_ONCE, Gathering
from scheduler.scheduler import Invalid, Record, ScheduledCallService
from scheduler.verbs import AT_ONCE
from tests.client import NEXT_YEAR, one_time, recurring

pytestmark = pytest.mark.django_db


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


class Store:
    """Answers what it is asked in words, and remembers in which lots it was asked."""

    def __init__(self) -> None:
        self.lots: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, wanted: Sequence[str]) -> list[str | Exception]:
        self.lots.append(list(wanted))
        await self.open.wait()
        if "database down" in wanted:
            raise OSError("database down")
        return [ValueError(one) if one == "bad" else f"{one} done" for one in wanted]


@in_a_loop
async def test_what_is_asked_at_the_same_time_is_one_lot_in_its_order() -> None:
    gathering = Gathering(store := Store())
    answers = await asyncio.gather(*(gathering.ask(str(n)) for n in range(MOST_AT_ONCE + 1)))
    assert answers == [f"{n} done" for n in range(MOST_AT_ONCE + 1)]
    assert [len(lot) for lot in store.lots] == [MOST_AT_ONCE, 1]


@in_a_loop
async def test_one_alone_waits_for_nobody() -> None:
    gathering = Gathering(store := Store())
    assert await gathering.ask("a") == "a done"
    assert await gathering.ask("b") == "b done"
    assert store.lots == [["a"], ["b"]]


@in_a_loop
async def test_what_comes_while_a_lot_is_stored_is_the_next_lot() -> None:
    gathering = Gathering(store := Store())
    store.open.clear()
    first = asyncio.create_task(gathering.ask("a"))
    await settled()
    others = [asyncio.create_task(gathering.ask(name)) for name in "bc"]
    await settled()
    store.open.set()
    assert await asyncio.gather(first, *others) == ["a done", "b done", "c done"]
    assert store.lots == [["a"], ["b", "c"]]


@in_a_loop
async def test_an_error_of_one_is_raised_by_that_one() -> None:
    gathering = Gathering(Store())
    asked = [gathering.ask(name) for name in ("a", "bad", "c")]
    first, bad, last = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, last) == ("a done", "c done")
    assert isinstance(bad, ValueError)


@in_a_loop
async def test_an_error_of_the_store_reaches_all_of_the_lot_and_no_later_one() -> None:
    gathering = Gathering(Store())
    asked = [gathering.ask(name) for name in ("a", "database down")]
    failed = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in failed] == [OSError, OSError]
    assert await gathering.ask("b") == "b done"


@in_a_loop
async def test_a_cancelled_waiter_takes_nobody_along() -> None:
    gathering = Gathering(store := Store())
    store.open.clear()
    tasks = [asyncio.create_task(gathering.ask(name)) for name in "abc"]
    await settled()
    late = [asyncio.create_task(gathering.ask(name)) for name in "de"]
    await settled()
    tasks[0].cancel()  # it began the lot
    late[0].cancel()  # it is not begun: it is not stored at all
    await settled()
    store.open.set()
    answers = await asyncio.gather(*tasks, *late, return_exceptions=True)
    assert [str(answer) for answer in answers[1:3]] == ["b done", "c done"]
    assert isinstance(answers[0], asyncio.CancelledError)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert answers[4] == "e done"
    assert store.lots == [["a", "b", "c"], ["e"]]


def test_it_serves_one_event_loop_after_the_other_and_forgets_them() -> None:
    gathering = Gathering(echo)
    for _ in range(3):
        assert asyncio.run(gather_of(gathering, 3)) == ["0", "1", "2"]
    assert len(gathering._lots) <= 1


def test_it_serves_loops_of_several_threads_at_once() -> None:
    gathering = Gathering(echo)
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(lambda: asyncio.run(gather_of(gathering, 200))) for _ in range(4)]
    assert [run.result() for run in runs] == [[str(n) for n in range(200)]] * 4


@in_a_loop
async def test_requests_with_threads_of_their_own_do_not_share_a_lot() -> None:
    store = Store()
    gathering = Gathering(store)

    async def request(name: str) -> str:
        async with ThreadSensitiveContext():
            assert SyncToAsync.thread_sensitive_context.get(None)
            return await gathering.ask(name)

    assert list(await asyncio.gather(request("a"), request("b"))) == ["a done", "b done"]
    assert sorted(store.lots) == [["a"], ["b"]]


async def echo(wanted: Sequence[str]) -> Sequence[str | Exception]:
    await asyncio.sleep(0)
    return wanted


async def gather_of(gathering: Gathering[str, str], count: int) -> list[str]:
    return await asyncio.gather(*(gathering.ask(str(n)) for n in range(count)))


async def settled() -> None:
    """Lets all that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


def gathered(service: ScheduledCallService, bodies: list[dict[str, Any]]) -> list[Any]:
    """What gathering these came to, in this thread, so that the test's transaction sees it."""

    async def gather() -> list[Record | BaseException]:
        tasks = [
            service.schedule_recurring_call(**body)
            if "cron_expression" in body
            else service.schedule_call(**body)
            for body in bodies
        ]
        return await asyncio.gather(*tasks, return_exceptions=True)

    return list(async_to_sync(gather)())


def test_ten_thousand_gathered_calls_take_few_statements() -> None:
    service = ScheduledCallService()
    bodies = [recurring(name=str(n)) if n % 5 else one_time(name=str(n)) for n in range(10_000)]
    with CaptureQueriesContext(connection) as queries:
        results = gathered(service, bodies)
    assert [call.name for call in results] == [str(n) for n in range(10_000)]
    assert ScheduledCall.objects.count() == 10_000
    assert len(queries) < 10_000 / 40


def test_a_gathered_call_is_the_same_as_one_alone() -> None:
    service = ScheduledCallService()
    bodies = [one_time(), recurring(), one_time(timezone=None, customer_context={"a": [{}]})]
    alone = [gathered(service, [body])[0] for body in bodies]
    own = {"id", "schedule_id", "created_at", "updated_at", "next_run_at"}
    for one, other in zip(gathered(service, bodies), alone, strict=True):
        assert {k: v for k, v in one.items() if k not in own} == {
            k: v for k, v in other.items() if k not in own
        }
        assert async_to_sync(service.get)(one.id) == one
        assert type(one.customer_context) is Record


def test_each_wrong_call_raises_what_is_wrong_with_it() -> None:
    bodies = [one_time(), one_time(phone_number="x"), one_time(colour=1), recurring()]
    first, number, colour, last = gathered(ScheduledCallService(), bodies)
    assert isinstance(number, Invalid)
    assert isinstance(colour, Invalid)
    assert [error.field for error in number.errors] == ["phone_number"]
    assert [error.field for error in colour.errors] == ["colour"]
    assert {str(call.pk) for call in ScheduledCall.objects.all()} == {first.id, last.id}


def test_an_error_of_the_database_reaches_all_that_were_stored_together() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE scheduled_calls_scheduledcall ADD CHECK (name <> 'forbidden') NOT VALID"
        )
    bodies = [one_time(), one_time(name="forbidden"), one_time(phone_number="x")]
    one, forbidden, wrong = gathered(ScheduledCallService(), bodies)
    assert isinstance(one, DatabaseError)
    assert isinstance(forbidden, DatabaseError)
    assert isinstance(wrong, Invalid)
    assert not ScheduledCall.objects.exists()


def test_it_reaches_those_that_were_written_before_and_those_that_were_not_read_yet() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE scheduled_calls_scheduledcall ADD CHECK (name <> 'forbidden') NOT VALID"
        )
    bodies = [one_time() for _ in range(3 * AT_ONCE)]
    bodies[AT_ONCE]["name"] = "forbidden"
    bodies[-1]["phone_number"] = "x"
    *refused, wrong = gathered(ScheduledCallService(), bodies)
    assert {type(error) for error in refused} == {IntegrityError}
    assert isinstance(wrong, Invalid)
    assert not ScheduledCall.objects.exists()
    assert not ClockedSchedule.objects.exists()


def test_subclasses_of_text_and_datetime_are_stored_as_what_they_are() -> None:
    class Text(str):
        pass

    class Instant(datetime):
        pass

    at = Instant(NEXT_YEAR, 2, 1, 14, 30, tzinfo=UTC)
    odd = one_time(name=Text("a\tb\\N"), scheduled_time=at, metadata={"a": Text("b\\")})
    for call in gathered(ScheduledCallService(), [odd, odd]):
        stored = ScheduledCall.objects.get(pk=call.id)
        assert (stored.instant, stored.metadata) == (at, {"a": "b\\"})
        assert (stored.name, stored.next_run_at) == (call.name, at)


@pytest.mark.django_db(transaction=True)
def test_a_script_gathers_over_one_thread_and_one_connection() -> None:
    service = ScheduledCallService()
    before = threading.active_count()

    async def gather() -> int:
        await asyncio.gather(*(service.schedule_call(**one_time()) for _ in range(2_000)))
        return threading.active_count()

    assert asyncio.run(gather()) <= before + 1
    assert ScheduledCall.objects.count() == 2_000
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        assert cursor.fetchone()[0] <= 2
    asyncio.run(close_connections())


async def close_connections() -> None:
    from asgiref.sync import sync_to_async

    await sync_to_async(connections.close_all, thread_sensitive=True)()
