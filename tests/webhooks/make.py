"""Makes what the tests of the webhooks room need: deliveries, clients, requests read raw."""

import asyncio
import json
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from scheduler_project import clock
from scheduler_project.models import ApiToken
from webhooks.answers import Answer
from webhooks.models import Delivery
from webhooks.outbox import Notice, enqueue
from webhooks.sender import Sender


class OneByOne:
    """A sender with an event loop of its own, for tests that send one message after the other."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._runner = sender, asyncio.Runner()

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return self._runner.run(self._sender.send(url, headers, body))

    def drop_connections(self) -> None:
        """Closes the kept connections; the next message opens another."""
        self._runner.run(self._sender.close())

    def close(self) -> None:
        self.drop_connections()
        self._runner.close()


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiToken.issue(user)}")
    return client


def read_request(connected: socket.socket) -> bytes:
    """One HTTP request with its body, from a raw connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connected.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connected.recv(65536)
    return data


def make_delivery(owner: User, url: str, **overrides: Any) -> Delivery:
    """A delivery as the outbox writes it, due now; overrides are Notice's fields."""
    values = {"event": "completed", "body": json.dumps({"type": "call.completed"}), **overrides}
    with connection.cursor() as cursor:
        ids = enqueue(cursor, [Notice(owner.pk, url, **values)], clock.now())
    return Delivery.objects.get(id=ids[0])


def bring_forward(id_: UUID) -> None:
    """Makes a waiting delivery due now, as if its time had come."""
    due = clock.now() - timedelta(milliseconds=1)
    Delivery.objects.filter(id=id_, status="pending").update(next_attempt_at=due, ring_at=due)
