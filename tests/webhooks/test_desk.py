"""A worker's desk answers bells at once, and a worker that ends neither loses nor repeats."""

import socket
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from scheduler_project.env import SchedulerSettings
from tests.system import eventually
from tests.webhooks.conftest import HERE, Receiver
from tests.webhooks.make import make_delivery, read_request
from webhooks.delivery import PER_ENDPOINT
from webhooks.models import Delivery
from webhooks.sender import Sender
from webhooks.worker import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = SchedulerSettings(webhook_allow_http=True, webhook_allowed_nets=(HERE,))
RawServer = Callable[[Callable[[socket.socket], None]], int]


class Working:
    """A desk at work in a thread, as in a worker child, that a test can end."""

    def __enter__(self) -> Desk:
        self.desk, self.over = Desk(Sender(OPEN)), threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self.desk

    def run(self) -> None:
        while not self.over.is_set():
            self.desk._turn()
        connections.close_all()

    def __exit__(self, *error: object) -> None:
        self.desk.drain(30)
        self.over.set()
        self.desk.ring(None)
        self.thread.join(timeout=60)
        self.desk.close()


def statuses() -> Counter[str]:
    return Counter(Delivery.objects.values_list("status", flat=True))


def came(receiver: Receiver, id_: str) -> bool:
    return id_ in receiver.ids()


def test_a_bell_is_answered_while_an_endpoint_hangs(
    alice: User, raw_server: RawServer, receiver: Receiver
) -> None:
    release = threading.Event()

    def talk(connected: socket.socket) -> None:
        read_request(connected)
        release.wait(30)

    url = f"http://127.0.0.1:{raw_server(talk)}/hook"
    hanging = [make_delivery(alice, url).id for _ in range(50)]
    with Working() as desk:
        desk.ring(hanging)
        eventually(lambda: statuses()["sending"], 20, "the hanging endpoint's few are claimed")
        for n in range(5):
            quick = make_delivery(alice, f"{receiver.url}?n={n}")
            desk.ring([quick.id])
            eventually(partial(came, receiver, str(quick.id)), 20, "the other endpoint got its own")
        assert statuses()["sending"] <= PER_ENDPOINT + 1
        release.set()


def test_a_worker_that_ends_lets_arrive_what_is_on_its_way_and_gives_the_rest_back(
    alice: User,
) -> None:
    begun, release, served = threading.Semaphore(0), threading.Event(), []

    def handle(request: Request) -> Response:
        begun.release()
        release.wait(30)
        served.append(request.headers["webhook-id"])
        return Response("ok")

    with HTTPServer(threaded=True) as server, Working() as desk:
        server.expect_request("/hook").respond_with_handler(handle)
        for _ in range(20):
            make_delivery(alice, server.url_for("/hook"))
        desk.ring(None)
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        drained: list[bool] = []
        ending = threading.Thread(target=lambda: drained.append(desk.drain(30)))
        ending.start()
        eventually(lambda: statuses()["sending"] == 2, 20, "what waited is given back")
        release.set()
        ending.join(timeout=60)
        assert drained == [True]
        desk.ring(None)  # a bell that comes now is left to others
    assert statuses() == {"delivered": 2, "pending": 18}
    assert len(served) == len(set(served)) == 2


def test_an_endpoint_with_much_to_come_does_not_keep_the_others_waiting(
    alice: User, receiver: Receiver, httpserver: HTTPServer
) -> None:
    for n in range(300):
        make_delivery(alice, f"{receiver.url}?n={n}")
    others: list[int] = []

    def handle(request: Request) -> Response:
        others.append(len(receiver.got))
        return Response("ok")

    httpserver.expect_request("/other").respond_with_handler(handle)
    make_delivery(alice, httpserver.url_for("/other"))
    with Working() as desk:
        desk.ring(None)
        eventually(lambda: statuses() == {"delivered": 301}, 30, "all is delivered")
    assert len(others) == 1
    assert others[0] < 100


def test_each_of_many_bells_at_once_is_answered(alice: User, receiver: Receiver) -> None:
    made = [make_delivery(alice, f"{receiver.url}?n={n}").id for n in range(120)]
    with Working() as desk:
        for id_ in made:
            desk.ring([id_])
        eventually(lambda: statuses() == {"delivered": 120}, 20, "all is delivered")
    assert sorted(receiver.ids()) == sorted(str(id_) for id_ in made)
