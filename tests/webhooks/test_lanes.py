"""Endpoints in trouble are left alone for a while, and nothing is sent on an old claim."""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue
from threading import Event

from django.contrib.auth.models import User
from werkzeug import Response

from scheduler_project import clock
from scheduler_project.env import SchedulerSettings
from tests.webhooks.conftest import HERE, Receiver
from tests.webhooks.make import make_delivery, read_request
from webhooks import delivery as moves
from webhooks.lanes import BEGIN_WITHIN, LEAVE_ALONE, Clock, Lane, Over, Unsent, lanes_for
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
    old = Clock(clock.now(), origin=time.monotonic() - BEGIN_WITHIN - 1)
    over: SimpleQueue[Over] = SimpleQueue()
    keys = {alice.pk: [secret_of(alice.pk).secret]}
    Lane(claimed, keys, old, Event()).run(Sender(CLOSED), over)
    assert over.get_nowait() == Unsent(claimed[0], timedelta(0))
    assert receiver.got == []


def test_a_claims_last_send_ends_well_within_its_lease() -> None:
    latest = BEGIN_WITHIN + TOTAL_SECONDS + KEEP_TRYING
    assert latest + 10 < moves.LEASE.total_seconds()


def test_a_defect_in_the_sender_neither_loses_nor_blocks_a_delivery(alice: User) -> None:
    made = make_delivery(alice, "https://example.com/hook")

    class Broken(Sender):
        def _post(self, *args: object) -> None:  # type: ignore[override]
            raise LookupError("https://example.com/hook?key=hidden")

    assert deliver([made.id], Broken(CLOSED)) == 1
    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("pending", 1)
    assert made.last_error == "Not sent: a defect in the sender (LookupError)."


def test_lanes_hold_each_delivery_once_and_keep_its_order(alice: User) -> None:
    for n in range(7):
        make_delivery(alice, f"https://example.com/{n % 2}?n={n}")
    claimed = moves.claim(None, 50)
    lanes = list(lanes_for(claimed, {}))
    assert len(lanes) == 4
    held = [one.id for lane in lanes for one in lane.deliveries]
    assert sorted(held) == sorted(one.id for one in claimed)
    for lane in lanes:
        ids = [one.id for one in lane.deliveries]
        assert ids == sorted(ids)
