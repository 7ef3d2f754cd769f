"""What the owner sees and may ask for over HTTP, and what nobody else does."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient
from standardwebhooks.webhooks import Webhook
from werkzeug import Response

from scheduler_project import clock
from tests.webhooks.conftest import Receiver
from tests.webhooks.make import make_delivery
from webhooks import delivery as moves
from webhooks.models import Delivery
from webhooks.worker import deliver

LIST = "/api/webhook-deliveries"
NO_ID = "01900000-0000-7000-8000-000000000000"
TEST = "/api/webhook-deliveries/test"
SECRET = "/api/webhook-secret"
ROTATE = "/api/webhook-secret/rotate"
HOOK = "https://example.com/hook"


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    return document


def test_deliveries_are_listed_newest_first(alice: User, as_alice: APIClient) -> None:
    made = [str(make_delivery(alice, HOOK).id) for _ in range(3)]
    page = as_alice.get(LIST).json()
    assert [row["id"] for row in page["results"]] == sorted(made, reverse=True)
    assert (page["next"], page["previous"]) == (None, None)
    row = page["results"][-1]
    assert (row["status"], row["type"], row["attempt_count"]) == ("pending", "call.completed", 0)
    assert row["created_at"].endswith("Z")


def test_pages_are_followed_by_their_cursor(alice: User, as_alice: APIClient) -> None:
    made = [str(make_delivery(alice, HOOK).id) for _ in range(5)]
    seen, url = [], f"{LIST}?limit=2"
    while url:
        page = as_alice.get(url).json()
        assert len(page["results"]) <= 2
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert seen == sorted(made, reverse=True)


def test_filters_leave_what_they_name(alice: User, as_alice: APIClient) -> None:
    schedule, execution = uuid4(), uuid4()
    mine = make_delivery(alice, HOOK, schedule_id=schedule, execution_id=execution)
    make_delivery(alice, HOOK)
    for query in (f"schedule_id={schedule}", f"execution_id={execution}"):
        rows = as_alice.get(f"{LIST}?{query}").json()["results"]
        assert [row["id"] for row in rows] == [str(mine.id)]
    assert as_alice.get(f"{LIST}?status=delivered").json()["results"] == []
    assert len(as_alice.get(f"{LIST}?status=pending").json()["results"]) == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("schedule_id=x", "schedule_id"),
        ("execution_id=%00", "execution_id"),
        ("status=done", "status"),
        ("status=%00", "status"),
        ("limit=0", "limit"),
    ],
)
def test_a_wrong_filter_is_named(as_alice: APIClient, query: str, field: str) -> None:
    document = problem(as_alice.get(f"{LIST}?{query}"), 400)
    assert document["errors"][0]["field"] == field


def test_one_delivery_shows_its_attempts_and_its_body(
    alice: User, as_alice: APIClient, receiver: Receiver
) -> None:
    made = make_delivery(alice, receiver.url, body='{"a": 1}')
    receiver.answers = [Response("no", status=500)]
    deliver([made.id])
    shown = as_alice.get(f"{LIST}/{made.id}").json()
    assert shown["body"] == '{"a": 1}'
    (attempt,) = shown["attempts"]
    assert (attempt["number"], attempt["status_code"]) == (1, 500)
    assert attempt["error"] == "The endpoint answered 500."
    assert attempt["response_excerpt"] == "no"


def test_a_delivery_is_sent_again_under_the_same_id(
    alice: User, as_alice: APIClient, receiver: Receiver
) -> None:
    made = make_delivery(alice, receiver.url)
    deliver([made.id])
    answer = as_alice.post(f"{LIST}/{made.id}/redeliver")
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["status"]) == (str(made.id), "pending")
    deliver([made.id])
    assert receiver.ids() == [str(made.id)] * 2
    made.refresh_from_db()
    assert (made.status, made.attempt_count) == ("delivered", 2)


def test_a_failed_delivery_gets_a_whole_new_round(
    alice: User, as_alice: APIClient, receiver: Receiver
) -> None:
    made = make_delivery(alice, receiver.url)
    receiver.answers = [Response(status=410), Response(status=500)]
    deliver([made.id])
    assert as_alice.get(f"{LIST}/{made.id}").json()["status"] == "failed"
    assert as_alice.post(f"{LIST}/{made.id}/redeliver").status_code == 202
    deliver([made.id])
    made.refresh_from_db()
    assert (made.status, made.failures, made.attempt_count) == ("pending", 1, 2)


def test_a_delivery_on_its_way_is_not_sent_again(alice: User, as_alice: APIClient) -> None:
    made = make_delivery(alice, HOOK)
    moves.claim([made.id], 1)
    document = problem(as_alice.post(f"{LIST}/{made.id}/redeliver"), 409)
    assert document["code"] == "delivery_in_progress"


def test_another_owners_delivery_answers_as_one_that_never_was(
    alice: User, bob: User, as_bob: APIClient
) -> None:
    hers = make_delivery(alice, HOOK, schedule_id=uuid4()).id
    for path in ("", "/redeliver"):
        call = as_bob.post if path else as_bob.get
        answers = [call(f"{LIST}/{id_}{path}") for id_ in (hers, uuid4(), "garbage")]
        documents = [problem(answer, 404) for answer in answers]
        assert documents[0] == documents[1] == documents[2]
    assert as_bob.get(LIST).json()["results"] == []
    assert Delivery.objects.get(id=hers).failures == 0


def test_a_url_is_tried_with_a_signed_test_message(
    alice: User, as_alice: APIClient, receiver: Receiver
) -> None:
    answer = as_alice.post(TEST, {"url": receiver.url})
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["type"], made["status"]) == ("webhook.test", "pending")
    deliver([UUID(made["id"])])
    headers, raw = receiver.got[0]
    secret = as_alice.get(SECRET).json()["secret"]
    assert Webhook(secret).verify(raw, headers)["type"] == "webhook.test"
    assert as_alice.get(f"{LIST}/{made['id']}").json()["status"] == "delivered"


@pytest.mark.parametrize(
    "url",
    [
        None, 7, "", [], {}, "nonsense", "http://example.com/", "https://127.0.0.1/",
        "https://user@example.com/", "https://example.com:22/", "https://" + "x" * 3000,
        "https://169.254.169.254/latest", "https://[::1]/",
    ],
)  # fmt: skip
def test_a_useless_url_is_refused_and_nothing_is_kept(as_alice: APIClient, url: object) -> None:
    document = problem(as_alice.post(TEST, {"url": url}), 400)
    assert document["errors"][0]["field"] == "url"
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("body", [[], "text", 7, None, {}, {"url": HOOK, "extra": 1}])
def test_a_wrong_body_is_refused(as_alice: APIClient, body: object) -> None:
    problem(as_alice.post(TEST, body), 400)
    assert Delivery.objects.count() == 0


def test_the_secret_is_made_on_first_use_and_stays(as_alice: APIClient, as_bob: APIClient) -> None:
    first = as_alice.get(SECRET)
    assert first["Cache-Control"] == "no-store"
    assert first.json()["secret"].startswith("whsec_")
    assert first.json()["previous_valid_until"] is None
    assert as_alice.get(SECRET).json() == first.json()
    assert as_bob.get(SECRET).json()["secret"] != first.json()["secret"]


def test_a_rotation_shows_the_new_secret_and_how_long_the_old_one_signs(
    as_alice: APIClient,
) -> None:
    old = as_alice.get(SECRET).json()["secret"]
    rotated = as_alice.post(ROTATE)
    assert rotated.status_code == 200
    assert rotated.json()["secret"] != old
    assert rotated.json()["previous_valid_until"] > clock.now().isoformat()
    assert as_alice.get(SECRET).json() == rotated.json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", LIST),
        ("get", f"{LIST}/{NO_ID}"),
        ("post", f"{LIST}/{NO_ID}/redeliver"),
        ("post", TEST),
        ("get", SECRET),
        ("post", ROTATE),
    ],
)
def test_nobody_without_a_token_comes_in(db: None, method: str, path: str) -> None:
    for slash in ("", "/"):
        answer = getattr(APIClient(), method)(path + slash)
        problem(answer, 401)
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_last_slash_leads_to_the_same_place(as_alice: APIClient, open_rules: None) -> None:
    assert as_alice.get(f"{LIST}/").status_code == 200
    assert as_alice.get(f"{SECRET}/").status_code == 200
    assert as_alice.post(f"{TEST}/", {"url": "https://example.com/"}).status_code == 202


@pytest.mark.parametrize("path", [TEST, ROTATE])
def test_the_wrong_method_is_told(as_alice: APIClient, path: str) -> None:
    problem(as_alice.delete(path), 405)
