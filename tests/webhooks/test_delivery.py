"""A delivery's life: sent, tried again from its row, given up, asked for again."""

import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from standardwebhooks.webhooks import Webhook
from werkzeug import Response

from scheduler_project import clock
from tests.webhooks.conftest import Receiver
from tests.webhooks.make import bring_forward, make_delivery
from webhooks import delivery as moves
from webhooks.models import Delivery, OwnerSecret
from webhooks.outbox import Notice, enqueue
from webhooks.owner_secrets import rotate, secret_of
from webhooks.retry import SCHEDULE
from webhooks.tasks import readable_ids
from webhooks.worker import deliver

HOME = "http://127.0.0.1:9/hook"


def refuse(receiver: Receiver, code: int = 500, times: int = 1, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    receiver.answers = [Response("no", status=code, headers=named) for _ in range(times)]


def test_a_due_delivery_is_sent_signed_and_recorded(alice: User, receiver: Receiver) -> None:
    body = '{"type": "call.completed", "data": {"name": "Zoë"}}'
    made = make_delivery(alice, receiver.url, body=body)

    deliver([made.id])

    headers, raw = receiver.got[0]
    assert raw.decode() == body
    assert headers["webhook-id"] == str(made.id)
    assert headers["content-type"] == "application/json"
    Webhook(secret_of(alice.pk).secret).verify(raw, headers)
    made.refresh_from_db()
    assert (made.status, made.attempt_count, made.last_error) == ("delivered", 1, "")
    assert made.delivered_at is not None
    attempt = made.attempts.get()
    assert (attempt.number, attempt.status_code, attempt.error) == (1, 200, "")
    assert attempt.response_excerpt == "thank you"
    assert timedelta(0) <= made.delivered_at - attempt.started_at < timedelta(seconds=5)


def test_a_second_bell_for_the_same_delivery_sends_nothing(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    for _ in range(3):
        deliver([made.id])
    deliver(None)
    assert receiver.ids() == [str(made.id)]


def test_what_is_due_is_found_without_being_named(alice: User, receiver: Receiver) -> None:
    made = [make_delivery(alice, receiver.url) for _ in range(3)]
    deliver(None)
    assert sorted(receiver.ids()) == sorted(str(one.id) for one in made)


def test_a_refused_message_waits_in_its_row_and_comes_again_under_the_same_id(
    alice: User, receiver: Receiver
) -> None:
    made = make_delivery(alice, receiver.url)
    refuse(receiver, 503)

    deliver([made.id])

    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("pending", 1)
    assert made.last_error == "The endpoint answered 503."
    assert made.next_attempt_at is not None
    assert made.next_attempt_at <= clock.now() + timedelta(seconds=SCHEDULE[0])

    bring_forward(made.id)
    deliver(None)

    made.refresh_from_db()
    assert (made.status, made.attempt_count, made.last_error) == ("delivered", 2, "")
    assert receiver.ids() == [str(made.id)] * 2
    codes = list(made.attempts.order_by("number").values_list("number", "status_code"))
    assert codes == [(1, 503), (2, 200)]


def test_a_delivery_that_is_not_due_is_not_sent(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    later = clock.now() + timedelta(minutes=1)
    Delivery.objects.filter(id=made.id).update(next_attempt_at=later, ring_at=later)
    deliver([made.id])
    deliver(None)
    assert receiver.got == []


def test_it_is_given_up_after_the_last_step(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    refuse(receiver, 500, times=20)
    for _ in range(12):
        bring_forward(made.id)
        deliver([made.id])
    made.refresh_from_db()
    assert (made.status, made.next_attempt_at, made.ring_at) == ("failed", None, None)
    assert made.attempt_count == len(receiver.got) == len(SCHEDULE) + 1
    assert set(receiver.ids()) == {str(made.id)}


def test_gone_means_gone_at_once(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    refuse(receiver, 410)
    deliver([made.id])
    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("failed", 1)
    assert "410" in made.last_error


def test_retry_after_is_honoured(alice: User, receiver: Receiver) -> None:
    made = make_delivery(alice, receiver.url)
    refuse(receiver, 429, Retry_After="600")
    deliver([made.id])
    made.refresh_from_db()
    assert made.next_attempt_at is not None
    wait = made.next_attempt_at - clock.now()
    assert timedelta(seconds=590) < wait <= timedelta(seconds=600)


def test_a_url_that_may_never_be_used_is_given_up_without_a_connection(
    alice: User, open_rules: None
) -> None:
    made = make_delivery(alice, "gopher://127.0.0.1/")
    deliver([made.id])
    made.refresh_from_db()
    assert made.status == "failed"
    assert made.last_error.startswith("Not sent: ")


def test_after_a_rotation_both_secrets_sign_for_a_day(alice: User, receiver: Receiver) -> None:
    old = secret_of(alice.pk).secret
    new = rotate(alice.pk, clock.now()).secret
    made = make_delivery(alice, receiver.url)
    deliver([made.id])
    headers, raw = receiver.got[0]
    assert len(headers["webhook-signature"].split()) == 2
    Webhook(old).verify(raw, headers)
    Webhook(new).verify(raw, headers)


def test_after_that_day_only_the_new_secret_signs(alice: User, receiver: Receiver) -> None:
    secret_of(alice.pk)
    new = rotate(alice.pk, clock.now() - timedelta(hours=24, seconds=1)).secret
    make_delivery(alice, receiver.url)
    deliver(None)
    headers, raw = receiver.got[0]
    assert len(headers["webhook-signature"].split()) == 1
    Webhook(new).verify(raw, headers)


def test_a_secret_that_no_key_opens_sends_nothing_unsigned(
    alice: User, bob: User, receiver: Receiver
) -> None:
    OwnerSecret.objects.create(owner=alice, sealed="nonsense")
    hers, his = make_delivery(alice, receiver.url), make_delivery(bob, receiver.url)
    deliver(None)
    hers.refresh_from_db()
    assert hers.status == "pending"
    assert "FIELD_ENCRYPTION_KEYS" in hers.last_error
    assert receiver.ids() == [str(his.id)]


def test_the_secret_rests_encrypted(alice: User) -> None:
    row = secret_of(alice.pk)
    assert row.secret.startswith("whsec_")
    assert row.secret not in row.sealed
    assert row.secret.removeprefix("whsec_") not in row.sealed


@pytest.mark.parametrize("ids", [None, 7, "all", {}, [None], ["x"], [["a"]], ["' OR 1=1 --"]])
def test_a_forged_message_names_nothing(ids: object) -> None:
    assert readable_ids(ids) == []


def test_an_unknown_id_does_nothing(alice: User, receiver: Receiver) -> None:
    make_delivery(alice, receiver.url)
    deliver([uuid4()])
    assert receiver.got == []


def test_of_a_huge_message_only_the_beginning_is_read() -> None:
    assert len(readable_ids([str(uuid4())] * 5000)) == 1000


def test_no_url_body_or_secret_is_logged(
    alice: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = secret_of(alice.pk).secret
    for url in (f"{receiver.url}?key=hidden", "http://127.0.0.1:1/x?key=hidden", "gopher://hidden"):
        make_delivery(alice, url, body='{"phone_number": "+15551234567"}')
    refuse(receiver, 500)
    deliver(None)
    # The receiver's own access log and Django's debug log of statements are not the service's.
    others = ("werkzeug", "django.db")
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(others)]
    assert any("webhooks_sent" in line for line in ours)
    for private in ("hidden", "+15551234567", secret):
        assert not any(private in line for line in ours)


def test_the_outbox_keeps_the_order_and_belongs_to_the_callers_transaction(alice: User) -> None:
    schedule, execution = uuid4(), uuid4()
    with connection.cursor() as cursor:
        ids = enqueue(
            cursor,
            [
                Notice(alice.pk, f"{HOME}?a=b", "started", '{"n": 1}', schedule, execution),
                Notice(alice.pk, HOME, "completed", '{"n": 2}', None, None),
            ],
            clock.now(),
        )
        assert enqueue(cursor, [], clock.now()) == []
    first, second = (Delivery.objects.get(id=id_) for id_ in ids)
    assert (first.type, first.event, first.body) == ("call.started", "started", '{"n": 1}')
    assert (first.schedule_id, first.execution_id) == (schedule, execution)
    assert (first.url, first.endpoint) == (f"{HOME}?a=b", HOME)
    assert (second.event, second.schedule_id) == ("completed", None)


def test_a_put_back_delivery_counts_no_try(alice: User, open_rules: None) -> None:
    made = make_delivery(alice, HOME)
    claimed = moves.claim([made.id], 10)
    moves.put_back(claimed, timedelta(seconds=30))
    made.refresh_from_db()
    assert (made.status, made.attempt_count, made.claimed_by) == ("pending", 0, None)
    assert deliver(None) == 0
