"""Endpoints in trouble are left alone for a while, and nothing is sent on an old claim."""

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from django.contrib.auth.models import User
from werkzeug import Response

from scheduler_project import clock
from scheduler_project.clock import boot_seconds
from scheduler_project.env import SchedulerSettings
from tests.webhooks.conftest import HERE, Receiver
from tests.webhooks.make import make_delivery, read_request
from webhooks import delivery as moves
from webhooks.lanes import BEGIN_WITHIN, LEAVE_ALONE, Batch, Lanes, Over, Unsent
from webhooks.models import Delivery
from webhooks.owner_secrets import secret_of
from webhooks.sender import TOTAL_SECONDS, Sender
from webhooks.worker import KEEP_TRYING, deliver

CLOSED = SchedulerSettings()
OPEN = SchedulerSettings(webhook_allow_http=True, webhook_allowed_nets=(HERE,))
RawServer = Callable[[Callable[[socket.socket], None]], int]


def test_a_silent_endpoint_is_tried_by_two_and_the_others_wait(
    alice: User, raw_server: RawServer, open_rules: None
) -> None:
    def talk(connected: socket.socket) -> None:
        read_request(connected)
        connected.recv(1)

    url = f"http://127.0.0.1:{raw_server(talk)}/hook"
    made = [make_delivery(alice, url).id for _ in range(6)]

    tries = deliver(made, Sender(OPEN, total_seconds=0.5))

    assert tries == 2
    assert Delivery.objects.filter(attempt_count=1, failures=1, status="pending").count() == 2
    waiting = Delivery.objects.filter(attempt_count=0, status="pending")
    assert waiting.count() == 4
    for one in waiting:
        assert one.next_attempt_at is not None
        wait = one.next_attempt_at - clock.now()
        assert timedelta(seconds=20) < wait <= LEAVE_ALONE


def test_an_endpoint_that_has_too_much_is_left_alone(alice: User, receiver: Receiver) -> None:
    receiver.answers = [Response(status=429) for _ in range(6)]
    tries = deliver([make_delivery(alice, receiver.url).id for _ in range(6)])
    assert tries == len(receiver.got) == 2


def test_an_ordinary_failure_does_not_stop_the_lane(alice: User, receiver: Receiver) -> None:
    receiver.answers = [Response(status=500) for _ in range(6)]
    deliver([make_delivery(alice, receiver.url).id for _ in range(6)])
    assert len(receiver.got) == 6


def test_nothing_is_begun_on_an_old_claim(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    claimed = moves.claim([made.id], 10)
    keys = {alice.pk: [secret_of(alice.pk).secret]}
    over: list[Over] = []

    async def send_them() -> None:
        lanes = Lanes(Sender(OPEN), over.append)
        lanes.add(Batch(claimed, keys, origin=boot_seconds() - BEGIN_WITHIN - 1))
        async with asyncio.timeout(5):
            while not over:
                await asyncio.sleep(0.01)

    asyncio.run(send_them())
    assert over == [Unsent(claimed[0], timedelta(0))]
    assert receiver.got == []


def test_a_claims_last_send_ends_well_within_its_lease() -> None:
    latest = BEGIN_WITHIN + TOTAL_SECONDS + KEEP_TRYING
    assert latest + 10 < moves.LEASE.total_seconds()


def test_a_defect_in_the_sender_neither_loses_nor_blocks_a_delivery(alice: User) -> None:
    made = make_delivery(alice, "https://example.com/hook")

    class Broken(Sender):
        async def _post(self, *args: object) -> NoReturn:
            raise LookupError("https://example.com/hook?key=hidden")

    assert deliver([made.id], Broken(CLOSED)) == 1
    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("pending", 1)
    assert made.last_error == "Not sent: a defect in the sender (LookupError)."


def test_an_endpoint_gets_its_messages_in_the_order_of_their_making(
    alice: User, receiver: Receiver
) -> None:
    made = [str(make_delivery(alice, f"{receiver.url}?n={n}").id) for n in range(40)]
    assert deliver(None) == 40
    place = {id_: at for at, id_ in enumerate(receiver.ids())}
    # Two lanes: whoever is overtaken is overtaken by the other lane alone.
    assert all(abs(place[id_] - at) <= 2 for at, id_ in enumerate(made))
