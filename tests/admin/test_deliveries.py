"""Operators see what was told to whom, and send it again."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection

from scheduler_project import clock
from tests.admin.site import DELIVERIES, Site, text_of, told
from webhooks import owner_secrets
from webhooks.models import Delivery, DeliveryAttempt
from webhooks.outbox import Notice, enqueue


def delivery_of(owner: User, event: str = "failed") -> Delivery:
    """A message that was tried once and given up."""
    now = clock.now()
    body = json.dumps({"type": f"call.{event}", "data": {"status": "failed"}})
    url = "https://example.com/hooks?key=1"
    notice = Notice(owner.pk, url, event, body, schedule_id=uuid4(), execution_id=uuid4())
    with connection.cursor() as cursor:
        (id_,) = enqueue(cursor, [notice], now)
    Delivery.objects.filter(pk=id_).update(
        status="failed", attempt_count=1, failures=1, next_attempt_at=None, ring_at=None
    )
    DeliveryAttempt.objects.create(
        delivery_id=id_, number=1, started_at=now, duration_ms=120, status_code=500, error="Oh no."
    )
    return Delivery.objects.get(pk=id_)


@pytest.fixture
def delivery(alice: User) -> Delivery:
    """Alice's message that was given up."""
    return delivery_of(alice)


@pytest.fixture
def sender(operator: User) -> Site:
    """The admin as somebody uses it who may send messages again."""
    operator.user_permissions.add(Permission.objects.get(codename="change_delivery"))
    return Site(operator)


def page(delivery: Delivery) -> str:
    """The address of its page."""
    return f"{DELIVERIES}{delivery.pk}/change/"


def test_a_delivery_is_shown_with_its_tries_and_no_secret(
    site: Site, alice: User, delivery: Delivery
) -> None:
    secret = owner_secrets.secret_of(alice.pk)
    answer = site.get(page(delivery))
    shown = text_of(answer)
    for words in ('"status": "failed"', "Oh no.", "120 ms", "500", "UTC"):
        assert words in shown, words
    for path in (DELIVERIES, page(delivery), ""):
        body = site.get(path).content.decode()
        assert "whsec_" not in body
        assert secret.secret not in body
        assert secret.sealed not in body


@pytest.mark.parametrize("by", ["list", "button"])
def test_it_is_sent_again(sender: Site, delivery: Delivery, by: str) -> None:
    if by == "list":
        answer = sender.act(DELIVERIES, "redeliver_again", [delivery])
    else:
        answer = sender.post(f"{DELIVERIES}{delivery.pk}/redeliver/")
    assert told(answer) == ["Sending 1 message again."]
    delivery.refresh_from_db()
    assert (delivery.status, delivery.failures, delivery.attempt_count) == ("pending", 0, 1)


def test_what_is_being_sent_says_so(sender: Site, delivery: Delivery) -> None:
    now = clock.now()
    Delivery.objects.filter(pk=delivery.pk).update(
        status="sending", ring_at=now, lease_until=now, claimed_by=uuid4()
    )
    (sentence,) = told(sender.act(DELIVERIES, "redeliver_again", [delivery]))
    assert "is being sent right now" in sentence


def test_who_may_only_look_sends_nothing(site: Site, delivery: Delivery) -> None:
    assert "redeliver" not in site.get(page(delivery)).content.decode()
    assert "redeliver_again" not in site.get(DELIVERIES).content.decode()
    assert site.post(f"{DELIVERIES}{delivery.pk}/redeliver/").status_code == 403
    assert site.act(DELIVERIES, "redeliver_again", [delivery]).status_code == 403
    delivery.refresh_from_db()
    assert delivery.status == "failed"


def test_nobody_adds_changes_or_deletes_one(
    sender: Site, operator: User, delivery: Delivery
) -> None:
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    assert sender.get(f"{DELIVERIES}add/").status_code == 403
    assert sender.post(page(delivery), {"url": "https://elsewhere.example"}).status_code == 403
    assert sender.post(f"{DELIVERIES}{delivery.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Delivery.objects.get().url == delivery.url


def test_filters_and_searches(site: Site, alice: User, delivery: Delivery) -> None:
    delivery_of(alice, "completed")
    for query in (
        {"event": "failed"},
        {"q": str(delivery.pk)},
        {"q": str(delivery.schedule_id)},
        {"q": str(delivery.execution_id)},
        {"execution_id__exact": str(delivery.execution_id)},
    ):
        found = site.get(DELIVERIES, **query).context["cl"].result_list
        assert [row.pk for row in found] == [delivery.pk], query


@pytest.mark.parametrize("query", [{"q": "\x00"}, {"event": "\x00"}, {"execution_id": "bogus"}])
def test_a_bogus_query_is_no_crash(site: Site, query: dict[str, Any]) -> None:
    assert site.client.get(f"/admin/{DELIVERIES}", query, follow=True).status_code == 200


def test_queries_do_not_grow_with_rows(
    site: Site, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        delivery_of(alice)
    site.get(DELIVERIES)
    with django_assert_max_num_queries(12) as few:
        site.get(DELIVERIES)
    for _ in range(45):
        delivery_of(alice)
    with django_assert_max_num_queries(len(few)):
        assert len(site.get(DELIVERIES).context["cl"].result_list) == 50
