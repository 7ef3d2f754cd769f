"""What the tests of the webhooks room share: two owners, a receiver on this machine, open rules."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient
from werkzeug import Request, Response

from tests.webhooks.make import client_of

HERE = ip_network("127.0.0.0/8")


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def as_alice(alice: User) -> APIClient:
    return client_of(alice)


@pytest.fixture
def as_bob(bob: User) -> APIClient:
    return client_of(bob)


@pytest.fixture
def open_rules(settings: Settings) -> None:
    """Webhooks may go to this machine, by plain http."""
    settings.SCHEDULER = replace(
        django_settings.SCHEDULER, webhook_allow_http=True, webhook_allowed_nets=(HERE,)
    )


@dataclass
class Receiver:
    """A customer's system: keeps what it got, answers what it was told to answer."""

    url: str
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, request.get_data()))
        return self.answers.pop(0) if self.answers else Response("thank you")

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@pytest.fixture
def receiver(httpserver: HTTPServer, open_rules: None) -> Receiver:
    """Listens at /hook on 127.0.0.1."""
    made = Receiver(httpserver.url_for("/hook"))
    httpserver.expect_request("/hook").respond_with_handler(made.handle)
    return made


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Starts a TCP server that hands each connection to a function; returns its port."""
    listening: list[socket.socket] = []

    def start(talk: Callable[[socket.socket], None]) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        threading.Thread(target=_accept, args=(server, talk), daemon=True).start()
        port: int = server.getsockname()[1]
        return port

    yield start
    for server in listening:
        server.close()


def _accept(server: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            connected, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(connected, talk), daemon=True).start()


def _talk(connected: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    with connected:
        try:
            talk(connected)
        except OSError:
            return  # the sender hung up, which several tests are about
