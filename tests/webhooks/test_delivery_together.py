"""Several workers, crashed workers, crowded endpoints: at least once, two at a time."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from scheduler_project import clock
from tests.webhooks.conftest import Receiver
from tests.webhooks.make import make_delivery
from webhooks import delivery as moves
from webhooks.answers import Answer
from webhooks.due import NEXT_BELL, RING_AGAIN, claim_bells, return_bells
from webhooks.models import Delivery
from webhooks.retry import SCHEDULE
from webhooks.worker import deliver

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs: Callable[[], object]) -> None:
    """Runs the jobs in threads, each with a database connection of its own."""

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


@pytest.fixture
def threaded() -> Iterator[HTTPServer]:
    """A receiver that serves many requests at a time."""
    with HTTPServer(threaded=True) as server:
        yield server


def end_lease(id_: UUID) -> None:
    over = clock.now() - timedelta(seconds=1)
    Delivery.objects.filter(id=id_, status="sending").update(lease_until=over, ring_at=over)


def test_two_workers_with_the_same_bell_send_once(alice: User, receiver: Receiver) -> None:
    made = [make_delivery(alice, f"{receiver.url}?n={n}").id for n in range(20)]
    at_once(*[lambda: deliver(made)] * 3)
    assert sorted(receiver.ids()) == sorted(str(id_) for id_ in made)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_while_a_lease_is_held_nobody_else_sends(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    assert [one.id for one in moves.claim([made.id], 10)] == [made.id]
    deliver([made.id])
    deliver(None)
    assert receiver.got == []


def test_what_a_crashed_worker_held_is_sent_again_under_the_same_id(
    alice: User, receiver: Receiver
) -> None:
    made = make_delivery(alice, receiver.url)
    moves.claim([made.id], 10)  # and then the worker dies
    end_lease(made.id)

    deliver([made.id])

    assert receiver.ids() == [str(made.id)]
    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("delivered", 2)
    assert list(made.attempts.order_by("number").values_list("error", flat=True)) == [
        moves.LOST,
        "",
    ]


def test_a_message_that_kills_each_worker_is_given_up_in_the_end(alice: User) -> None:
    made = make_delivery(alice, "https://example.com/hook")
    for _ in range(20):
        moves.claim([made.id], 10)
        end_lease(made.id)
    moves.claim(None, 10)
    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("failed", len(SCHEDULE) + 1)


def test_a_late_worker_cannot_write_what_it_lost(alice: User) -> None:
    made = make_delivery(alice, "https://example.com/hook")
    (early,) = moves.claim([made.id], 10)
    end_lease(made.id)
    (again,) = moves.claim([made.id], 10)

    late = moves.Tried(early, early.claimed_at, 1, Answer(error="The endpoint answered 500."))
    assert moves.record([late]) == []
    moves.put_back([early], timedelta(0))

    made.refresh_from_db()
    assert (made.status, made.claimed_by) == ("sending", again.claim)
    assert moves.record([moves.Tried(again, again.claimed_at, 1, Answer(200))]) == [made.id]
    made.refresh_from_db()
    assert made.status == "delivered"


def test_at_most_two_are_on_their_way_to_one_endpoint(
    alice: User, threaded: HTTPServer, open_rules: None
) -> None:
    lock, now, most, served = threading.Lock(), [0], [0], []

    def handle(request: Request) -> Response:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
            served.append(request.headers["webhook-id"])
        return Response("ok")

    threaded.expect_request("/busy").respond_with_handler(handle)
    url = threaded.url_for("/busy")
    made = [make_delivery(alice, f"{url}?n={n}").id for n in range(60)]

    at_once(*[lambda: deliver(made), lambda: deliver(None), lambda: deliver(made[:30])])

    assert sorted(served) == sorted(str(id_) for id_ in made)
    assert most[0] == 2


def test_a_claimer_waits_for_the_one_before_it_and_then_sees_what_that_took(alice: User) -> None:
    first, second = (make_delivery(alice, "https://example.com/hook").id for _ in range(2))
    taken: list[list[moves.Claimed]] = []
    other = threading.Thread(target=claim_into, args=(taken, second))
    with transaction.atomic():
        assert [one.id for one in moves.claim([first], 10)] == [first]
        other.start()
        wait_until(lambda: bool(taken) or somebody_waits_for_the_claim())
        assert taken == []
    other.join(timeout=10)
    assert taken == [[]]


def claim_into(taken: list[list[moves.Claimed]], id_: UUID) -> None:
    try:
        taken.append(moves.claim([id_], 10))
    finally:
        connection.close()


def somebody_waits_for_the_claim() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchone() is not None


def wait_until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


def test_a_slow_endpoint_does_not_hold_up_another(
    alice: User, threaded: HTTPServer, receiver: Receiver
) -> None:
    release = threading.Event()

    def handle(request: Request) -> Response:
        release.wait(10)
        return Response("at last")

    threaded.expect_request("/slow").respond_with_handler(handle)
    slow = [make_delivery(alice, threaded.url_for("/slow")).id for _ in range(30)]
    quick = [make_delivery(alice, receiver.url).id for _ in range(10)]

    def let_go_when_the_others_are_there() -> None:
        until = time.monotonic() + 9
        while len(receiver.got) < len(quick) and time.monotonic() < until:
            release.wait(0.01)
        release.set()

    started = time.monotonic()
    at_once(lambda: deliver(slow + quick), let_go_when_the_others_are_there)
    assert len(receiver.got) == len(quick)
    assert time.monotonic() - started < 8
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_bells_are_claimed_once_and_ring_again_later(alice: User) -> None:
    made = [make_delivery(alice, "https://example.com/hook").id for _ in range(5)]
    now = clock.now()
    with connection.cursor() as cursor:
        first = claim_bells(cursor, now, 3)
        rest = claim_bells(cursor, now, 100)
        assert sorted(first + rest) == sorted(made)
        assert claim_bells(cursor, now, 100) == []
        assert clock.now_beside(cursor, NEXT_BELL)[1] == now + RING_AGAIN
        assert sorted(claim_bells(cursor, now + RING_AGAIN, 100)) == sorted(made)
        return_bells(cursor, made, now)
        assert clock.now_beside(cursor, NEXT_BELL)[1] == now


def test_a_delivery_whose_bell_is_on_its_way_is_due_all_the_same(
    alice: User, receiver: Receiver
) -> None:
    made = make_delivery(alice, receiver.url)
    with connection.cursor() as cursor:
        claim_bells(cursor, clock.now(), 10)
    deliver(None)
    assert receiver.ids() == [str(made.id)]


def test_nothing_waits_when_all_is_delivered(alice: User, receiver: Receiver) -> None:
    make_delivery(alice, receiver.url)
    deliver(None)
    with connection.cursor() as cursor:
        assert clock.now_beside(cursor, NEXT_BELL)[1] is None
        assert claim_bells(cursor, clock.now() + timedelta(days=1), 10) == []


def test_a_lease_that_is_over_rings(alice: User) -> None:
    made = make_delivery(alice, "https://example.com/hook")
    moves.claim([made.id], 10)
    with connection.cursor() as cursor:
        assert claim_bells(cursor, clock.now(), 10) == []
        assert claim_bells(cursor, clock.now() + moves.LEASE, 10) == [made.id]
