"""A client that repeats itself under an `Idempotency-Key` gets its first answer, and one deed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from drf_spectacular.generators import SchemaGenerator

from executions.models import Execution
from scheduled_calls.models import ScheduledCall
from scheduler_project import clock, idempotency
from scheduler_project.models import IdempotencyKey
from tests.client import Api, one_time, problem, recurring, wrong_fields
from tests.rows import make_execution
from webhooks.models import Delivery

KEY = "5b5c2e7e-3f0e-4c55-a1d2-0c1a8a1f9d11"
HOOK = "https://example.com/hook"


def send(api: Api, path: str, body: Any = None, key: str = KEY, **headers: str) -> Any:
    """POST under a key."""
    data = {} if body is None else {"data": body, "format": "json"}
    return api.client.post(f"/api/{path}", **data, headers={"Idempotency-Key": key, **headers})


def is_replay(answer: Any) -> bool:
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


def age(by: timedelta) -> None:
    """Makes all keys so much older."""
    IdempotencyKey.objects.update(created_at=clock.now() - by)


@pytest.mark.parametrize(
    ("path", "body"),
    [("scheduled-calls", one_time()), ("scheduled-calls/recurring", recurring())],
)
def test_a_create_sent_five_times_makes_one_schedule(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    answers = [send(api, path, body) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201] * 5
    assert [is_replay(answer) for answer in answers] == [False, True, True, True, True]
    assert ScheduledCall.objects.count() == 1


def test_the_answer_is_the_first_one_byte_for_byte(api: Api) -> None:
    body = one_time(name="Jürgen \u2028 王", customer_context={"b": 1.50, "a": "</x>"})
    first = send(api, "scheduled-calls", body)
    api.send("patch", f"scheduled-calls/{first.json()['id']}", {"name": "another"})
    again = send(api, "scheduled-calls", body)
    assert is_replay(again)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"] == "application/json"


def test_it_is_the_first_one_also_when_it_was_asked_for_indented(api: Api) -> None:
    indented = "application/json; indent=4"
    first = send(api, "scheduled-calls", one_time(), accept=indented)
    assert b'\n    "id"' in first.content
    assert send(api, "scheduled-calls", one_time()).content == first.content


def test_execute_sent_again_makes_one_execution(api: Api) -> None:
    path = f"scheduled-calls/{api.schedule_recurring()['id']}/execute"
    first, again = send(api, path), send(api, path)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert is_replay(again)
    assert Execution.objects.count() == 1


def test_a_test_delivery_sent_again_is_one_delivery(api: Api) -> None:
    first, again = (send(api, "webhook-deliveries/test", {"url": HOOK}) for _ in range(2))
    assert (first.status_code, is_replay(again)) == (202, True)
    assert Delivery.objects.count() == 1


def test_redeliver_sent_again_does_not_begin_another_round(api: Api) -> None:
    made = api.post("webhook-deliveries/test", {"url": HOOK}).json()["id"]
    path = f"webhook-deliveries/{made}/redeliver"
    assert send(api, path).status_code == 202
    Delivery.objects.update(status=Delivery.Status.FAILED, next_attempt_at=None, ring_at=None)
    again = send(api, path)
    assert (again.status_code, is_replay(again)) == (202, True)
    assert Delivery.objects.get().status == Delivery.Status.FAILED


def test_without_a_key_each_request_counts(api: Api) -> None:
    api.schedule()
    api.schedule()
    assert ScheduledCall.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_another_key_is_another_request(api: Api) -> None:
    answers = [send(api, "scheduled-calls", one_time(), key) for key in ("a", "A", "a ~")]
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_another_owners_same_key_is_a_request_of_its_own(api: Api, bobs_api: Api) -> None:
    hers, his = (send(one, "scheduled-calls", one_time()) for one in (api, bobs_api))
    assert (hers.status_code, his.status_code) == (201, 201)
    assert not is_replay(his)
    assert hers.json()["id"] != his.json()["id"]


def test_another_body_under_the_same_key_is_a_conflict(api: Api) -> None:
    send(api, "scheduled-calls", one_time())
    answer = send(api, "scheduled-calls", one_time(name="another"))
    assert problem(answer, 409)["code"] == "idempotency_conflict"
    assert ScheduledCall.objects.count() == 1


def test_another_address_under_the_same_key_is_a_conflict(api: Api) -> None:
    one, other = (f"scheduled-calls/{api.schedule()['id']}/execute" for _ in range(2))
    send(api, one)
    assert problem(send(api, other), 409)["code"] == "idempotency_conflict"
    assert Execution.objects.count() == 1


def test_a_last_slash_does_not_make_it_another_address(api: Api) -> None:
    send(api, "scheduled-calls", one_time())
    assert is_replay(send(api, "scheduled-calls/", one_time()))


def test_a_refused_body_can_be_mended_under_the_same_key(api: Api) -> None:
    assert "phone_number" in wrong_fields(send(api, "scheduled-calls", one_time(phone_number="x")))
    mended = send(api, "scheduled-calls", one_time())
    assert (mended.status_code, is_replay(mended)) == (201, False)


def test_a_refused_execute_may_be_asked_again_later(api: Api) -> None:
    call = api.schedule_recurring()
    open_one = make_execution(call["id"], status="in_progress")
    problem(send(api, f"scheduled-calls/{call['id']}/execute"), 409)
    Execution.objects.filter(pk=open_one.pk).update(status="completed", ended_at=clock.now())
    assert send(api, f"scheduled-calls/{call['id']}/execute").status_code == 202


def test_malformed_bodies_and_unknown_ids_leave_no_key(api: Api) -> None:
    headers = {"Idempotency-Key": KEY}
    for type_ in ("application/json", "text/plain"):
        sent = api.client.generic("POST", "/api/scheduled-calls", "{", type_, headers=headers)
        assert sent.status_code in (400, 415)
    problem(send(api, "scheduled-calls/none/execute"), 404)
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "a\tb", "\x7f"])
def test_a_key_that_is_not_short_printable_ascii_is_a_400(api: Api, key: str) -> None:
    assert wrong_fields(send(api, "scheduled-calls", one_time(), key)) == {
        "Idempotency-Key": "invalid"
    }
    assert not ScheduledCall.objects.exists()


def test_255_characters_are_a_key(api: Api) -> None:
    assert send(api, "scheduled-calls", one_time(), "k" * 255).status_code == 201


def test_a_key_is_not_looked_at_before_the_token_is(nobodys_api: Api) -> None:
    problem(send(nobodys_api, "scheduled-calls", one_time()), 401)


def test_a_key_is_kept_for_24_hours(api: Api) -> None:
    send(api, "scheduled-calls", one_time())
    age(timedelta(hours=23, minutes=59))
    assert is_replay(send(api, "scheduled-calls", one_time()))


def test_an_expired_key_is_new(api: Api) -> None:
    first = send(api, "scheduled-calls", one_time())
    age(timedelta(hours=24, seconds=1))
    other = one_time(name="another")
    second, again = (send(api, "scheduled-calls", other) for _ in range(2))
    assert (second.status_code, is_replay(second)) == (201, False)
    assert second.json()["id"] != first.json()["id"]
    assert again.content == second.content
    assert IdempotencyKey.objects.count() == 1


def test_a_new_key_sweeps_expired_ones_out_a_bounded_number_at_a_time(
    api: Api, alice: User
) -> None:
    old = clock.now() - timedelta(days=2)
    IdempotencyKey.objects.bulk_create(
        IdempotencyKey(
            owner=alice, key=f"old {number}", fingerprint="", status_code=201, created_at=old
        )
        for number in range(idempotency.FORGOTTEN_AT_ONCE + 5)
    )
    send(api, "scheduled-calls", one_time(), "new")
    assert IdempotencyKey.objects.count() == 6
    send(api, "scheduled-calls", one_time(), "newer")
    assert {row.key for row in IdempotencyKey.objects.all()} == {"new", "newer"}


def test_the_bell_is_rung_once_and_only_after_the_commit(
    api: Api,
    django_capture_on_commit_callbacks: Callable[[], AbstractContextManager[list[Any]]],
) -> None:
    path = f"scheduled-calls/{api.schedule_recurring()['id']}/execute"
    with django_capture_on_commit_callbacks() as bells:
        send(api, path)
    assert len(bells) == 1
    with django_capture_on_commit_callbacks() as bells:
        assert is_replay(send(api, path))
    assert bells == []


def test_a_frozen_process_gives_its_key_back_after_a_minute(alice: User) -> None:
    asked = IdempotencyKey(owner=alice, key=KEY)
    with transaction.atomic(), connection.cursor() as cursor:
        idempotency.hold(asked)
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("1min",)


def test_the_schema_tells_of_the_key_at_every_creating_post() -> None:
    generator: Any = SchemaGenerator
    paths = generator().get_schema(request=None, public=True)["paths"]
    creating = {
        path: methods["post"]
        for path, methods in paths.items()
        if "post" in methods and methods["post"]["responses"].keys() & {"201", "202"}
    }
    assert creating.keys() >= {
        "/api/scheduled-calls",
        "/api/scheduled-calls/recurring",
        "/api/scheduled-calls/{schedule_id}/execute",
        "/api/webhook-deliveries/test",
        "/api/webhook-deliveries/{delivery_id}/redeliver",
    }
    for path, operation in creating.items():
        named = {(part["in"], part["name"]) for part in operation["parameters"]}
        assert ("header", "Idempotency-Key") in named, path
        assert "409" in operation["responses"], path
