"""Many calls in one request: mixed kinds, errors row by row, all or none when asked for."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, PeriodicTasks
from pytest_django import DjangoAssertNumQueries

from scheduled_calls import services
from scheduled_calls.bulk import AT_ONCE
from scheduled_calls.models import ScheduledCall
from scheduled_calls.presenting import present
from tests.api.test_raw_bodies import MALFORMED, NO_OBJECTS
from tests.client import NEXT_YEAR, Answer, Api, one_time, problem, recurring, wrong_fields

BULK = "scheduled-calls/bulk"
#: one row each, and the field and code that are told of it
WRONG_ROWS: list[tuple[Any, str, str]] = [
    (5, "calls[1]", "wrong_type"),
    (None, "calls[1]", "wrong_type"),
    ([], "calls[1]", "wrong_type"),
    ({}, "scheduled_time", "required"),
    ({"scheduled_time": None, "cron_expression": None}, "scheduled_time", "required"),
    ({**one_time(), "cron_expression": "0 9 * * *"}, "scheduled_time", "wrong_kind"),
    (one_time(kind="recurring"), "kind", "wrong_kind"),
    (one_time(kind=["one_time"]), "kind", "wrong_kind"),
    (recurring(kind="weekly"), "kind", "wrong_kind"),
    (one_time(max_occurrences=3), "max_occurrences", "wrong_kind"),
    (one_time(colour="red"), "colour", "unknown_field"),
    (one_time(id="x"), "id", "unknown_field"),
    (one_time(phone_number="john"), "phone_number", "invalid"),
    (one_time(phone_number=None), "phone_number", "required"),
    (one_time(agent_id="a" * 256), "agent_id", "too_long"),
    (one_time(agent_id="\x00"), "agent_id", "invalid"),
    (one_time(name="\ud800"), "name", "invalid"),
    (one_time(**{"\ud800": 1}), "\\ud800", "invalid"),
    (one_time(timezone="Mars/Olympus"), "timezone", "unknown_timezone"),
    (one_time(scheduled_time="2020-01-01 10:00"), "scheduled_time", "scheduled_time_in_past"),
    (one_time(scheduled_time="tomorrow"), "scheduled_time", "invalid"),
    (one_time(scheduled_time={"a": 1}), "scheduled_time", "wrong_type"),
    (recurring(cron_expression="60 * * * *"), "cron_expression", "invalid_cron"),
    (recurring(cron_expression=9), "cron_expression", "wrong_type"),
    (recurring(max_occurrences=10**18), "max_occurrences", "out_of_range"),
    (one_time(customer_context={"x": ["\x00"]}), "customer_context", "invalid"),
    (one_time(customer_context={"x": {"\udfff": 1}}), "customer_context", "invalid"),
    (one_time(customer_context={"x": "y" * 17_000}), "customer_context", "too_large"),
    (one_time(metadata=[1]), "metadata", "wrong_type"),
    (one_time(retry_policy={"max_retries": 99}), "retry_policy", "out_of_range"),
    (one_time(webhook_url="http://10.0.0.1/"), "webhook_url", "invalid_url"),
    (one_time(webhook_events=["failed"]), "webhook_events", "needs_webhook_url"),
    (one_time(batch_id="b" * 101), "batch_id", "too_long"),
]


def bulk(api: Api, *calls: Any, **options: Any) -> dict[str, Any]:
    """The JSON of a 200."""
    answer = api.post(BULK, {"calls": list(calls), **options})
    assert answer.status_code == 200, answer.content
    done: dict[str, Any] = answer.json()
    return done


def raw(api: Api, *calls: Any, **options: Any) -> Answer:
    """Any text, also what a careful JSON writer would refuse to send."""
    return api.raw(BULK, json.dumps({"calls": list(calls), **options}))


def test_one_time_and_recurring_calls_mixed(api: Api) -> None:
    bodies = [one_time(), recurring(), one_time(kind="one_time"), recurring(scheduled_time=None)]
    done = bulk(api, *bodies, batch_id="spring")
    assert (done["batch_id"], done["created"], done["failed"]) == ("spring", 4, 0)
    assert [row["index"] for row in done["results"]] == [0, 1, 2, 3]
    shown = [api.get(f"scheduled-calls/{row['id']}").json() for row in done["results"]]
    assert [call["kind"] for call in shown] == ["one_time", "recurring", "one_time", "recurring"]
    assert {call["batch_id"] for call in shown} == {"spring"}
    listed = api.get("scheduled-calls", {"batch_id": "spring"}).json()["results"]
    assert [call["id"] for call in listed] == [row["id"] for row in done["results"]][::-1]


def test_a_batch_without_a_name_gets_one(api: Api) -> None:
    first, second = bulk(api, one_time()), bulk(api, one_time(), batch_id=None)
    assert first["batch_id"] != second["batch_id"]
    for done in (first, second):
        assert ScheduledCall.objects.get(batch_id=done["batch_id"])


def test_a_batch_id_of_a_rows_own_stays(api: Api) -> None:
    done = bulk(api, one_time(batch_id="mine"), one_time(batch_id=""), batch_id="theirs")
    kept = [ScheduledCall.objects.get(pk=row["id"]).batch_id for row in done["results"]]
    assert kept == ["mine", "theirs"]


SAME: list[dict[str, Any]] = [
    one_time(),
    {
        "agent_id": "a",
        "phone_number": "+1 (212) 555-0123",
        "scheduled_time": f"{NEXT_YEAR}-07-01T10:00Z",
    },
    one_time(
        name="tab\tand\\N",
        description="two\nlines\r\n\\. and \\",
        customer_context={"quote": '"\\"', "new": "a\nb", "ü": ["\u2028", None, 1.5, True]},
        metadata={"a": {"b": {}}},
        retry_policy={"max_retries": 2, "retry_on": ["busy", "failed"]},
        webhook_url="https://yourapp.com/ä?x=1",
        webhook_events=["failed", "started"],
    ),
    recurring(),
    recurring(cron_expression=" @daily ", max_occurrences=None, timezone="Asia/Tokyo"),
    recurring(cron_expression="*/15\t* * * *", description="", customer_context=None),
]


@pytest.mark.parametrize("body", SAME)
def test_a_row_is_stored_exactly_as_a_single_creation(
    api: Api, alice: User, body: dict[str, Any]
) -> None:
    single = (
        services.schedule_call if "scheduled_time" in body else services.schedule_recurring_call
    )
    alone = services.get(alice, single(alice, {**body, "batch_id": "b"}).pk)
    # among others, because one row alone takes the single creation's way
    done = bulk(api, one_time(), body, batch_id="b")
    row = services.get(alice, done["results"][1]["id"])
    own = {"id", "clocked_id", "next_run_at", "next_execution_id", "created_at", "updated_at"}
    names = [field.attname for field in ScheduledCall._meta.concrete_fields]
    for name in set(names) - own:
        assert getattr(row, name) == getattr(alone, name), name
    assert row.instant == alone.instant
    assert row.next_run_at is not None
    if "scheduled_time" in body:
        assert row.next_run_at == row.instant == alone.next_run_at
    shown, expected = present(row), present(alone)
    assert shown.keys() == expected.keys()


def test_clocked_rows_are_private_and_crontab_rows_shared(api: Api) -> None:
    api.schedule_recurring()
    bulk(api, *[one_time()] * 3, *[recurring()] * 3, recurring(timezone="Asia/Tokyo"))
    assert ClockedSchedule.objects.count() == 3
    assert CrontabSchedule.objects.count() == 2
    assert not PeriodicTasks.objects.exists()  # nothing made beat read all its tasks again


@pytest.mark.parametrize(("row", "field", "code"), WRONG_ROWS)
def test_a_wrong_row_says_why_and_stops_no_other(api: Api, row: Any, field: str, code: str) -> None:
    answer = raw(api, one_time(), row, recurring())
    assert answer.status_code == 200, answer.content
    done = answer.json()
    assert (done["created"], done["failed"]) == (2, 1)
    first, wrong, last = done["results"]
    assert (wrong["index"], [(e["field"], e["code"]) for e in wrong["errors"]]) == (
        1,
        [(field, code)],
    )
    assert wrong["errors"][0]["message"]
    assert {str(call.pk) for call in ScheduledCall.objects.all()} == {first["id"], last["id"]}


def test_numbers_and_depths_that_cannot_be_kept_spoil_their_row_only(api: Api) -> None:
    deep = "[" * 40 + "]" * 40
    good = json.dumps(one_time())
    for value in ("1e999", deep):
        bad = good[:-1] + f', "metadata": {{"x": {value}}}}}'
        done = api.raw(BULK, f'{{"calls": [{bad}, {good}]}}').json()
        assert (done["created"], done["results"][0]["errors"][0]["field"]) == (1, "metadata")


def test_atomic_is_all(api: Api) -> None:
    assert bulk(api, one_time(), recurring(), atomic=True)["created"] == 2
    assert ScheduledCall.objects.count() == 2


def test_atomic_is_none_when_one_is_wrong(api: Api) -> None:
    calls = [one_time(), one_time(phone_number="x", agent_id=""), recurring(), 7]
    told = problem(api.post(BULK, {"calls": calls, "atomic": True}), 400)
    each = api.post(BULK, {"calls": calls}).json()["results"]
    assert told["results"] == [row for row in each if "errors" in row]
    assert (told["created"], told["failed"]) == (0, 2)
    assert {error["field"] for error in told["errors"]} == {
        "calls[1].phone_number",
        "calls[1].agent_id",
        "calls[3]",
    }
    assert ScheduledCall.objects.count() == 2  # of the second request
    assert ClockedSchedule.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"calls": "required"}),
        ({"calls": None}, {"calls": "required"}),
        ({"calls": {}}, {"calls": "wrong_type"}),
        ({"calls": "x"}, {"calls": "wrong_type"}),
        ({"calls": [{}] * 10_001}, {"calls": "too_many"}),
        ({"calls": [], "atomic": "yes"}, {"atomic": "wrong_type"}),
        ({"calls": [], "batch_id": 5}, {"batch_id": "wrong_type"}),
        ({"calls": [], "batch_id": "\x00"}, {"batch_id": "invalid"}),
        ({"calls": [], "batch_id": "b" * 101}, {"batch_id": "too_long"}),
        ({"calls": [], "rows": []}, {"rows": "unknown_field"}),
        ({"calls": [], "\ud800": 1}, {"\\ud800": "invalid"}),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(
    api: Api, body: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert wrong_fields(api.raw(BULK, json.dumps(body))) == wrong


@pytest.mark.parametrize("body", [*NO_OBJECTS, *(body for body in MALFORMED if b"u" not in body)])
def test_a_malformed_body_is_a_400(api: Api, body: bytes) -> None:
    problem(api.raw(BULK, body), 400)
    assert not ScheduledCall.objects.exists()


def test_no_calls_are_a_batch_of_none(api: Api) -> None:
    assert bulk(api, batch_id="b") == {"batch_id": "b", "created": 0, "failed": 0, "results": []}


def test_ten_thousand_calls_take_few_statements(
    api: Api, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    calls = [recurring() if n % 5 == 0 else one_time(name=str(n)) for n in range(10_000)]
    with django_assert_max_num_queries(100):
        done = bulk(api, *calls)
    assert (done["created"], ScheduledCall.objects.count()) == (10_000, 10_000)
    ids = [row["id"] for row in done["results"]]
    assert ids == sorted(ids)  # the list shows them in their order


def test_a_thousand_rhythms_are_found_or_made_together(
    api: Api, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    crons = [f"{n % 60} {n // 60} * * *" for n in range(1_000)]
    with django_assert_max_num_queries(15):
        bulk(api, *(recurring(cron_expression=cron) for cron in crons))
    assert CrontabSchedule.objects.count() == 1_000


def big(size: int) -> Any:
    return json.dumps({"calls": [one_time()], "batch_id": "b"}).encode().ljust(size)


def test_a_body_may_have_16_mib_and_no_more(api: Api) -> None:
    limit = 16 * 1024 * 1024
    assert api.raw(BULK, big(limit)).status_code == 200
    assert "16 MiB" in problem(api.raw(BULK, big(limit + 1)), 413)["detail"]
    assert api.raw(f"{BULK}/", big(600_000)).status_code == 200
    assert "512 KiB" in problem(api.raw("scheduled-calls", big(600_000)), 413)["detail"]


def test_a_large_body_may_carry_an_idempotency_key(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    sent = [
        api.client.generic(
            "POST", f"/api/{BULK}", big(900_000), "application/json", headers=headers
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [200, 200]
    assert sent[0].content == sent[1].content
    assert sent[1]["Idempotent-Replayed"] == "true"
    assert ScheduledCall.objects.count() == 1


@pytest.mark.parametrize(("size", "status"), [(900_000, 200), (17_000_000, 413)])
def test_a_chunked_body_is_read_up_to_the_limit(api: Api, size: int, status: int) -> None:
    environ: dict[str, Any] = {
        "CONTENT_LENGTH": "",
        "wsgi.input": io.BytesIO(big(size)),
        "wsgi.input_terminated": True,
    }
    answer = api.client.generic("POST", f"/api/{BULK}", "", "application/json", **environ)
    assert answer.status_code == status
    assert ScheduledCall.objects.count() == (status == 200)


def test_a_batch_is_its_owners(api: Api, bobs_api: Api, nobodys_api: Api, alice: User) -> None:
    schedule_id = bulk(api, one_time(), batch_id="b")["results"][0]["id"]
    assert ScheduledCall.objects.get(pk=schedule_id).owner == alice
    assert bobs_api.get(f"scheduled-calls/{schedule_id}").status_code == 404
    assert bobs_api.get("scheduled-calls", {"batch_id": "b"}).json()["results"] == []
    problem(nobodys_api.post(BULK, {"calls": [one_time()]}), 401)
    assert bulk(bobs_api, one_time(), batch_id="b")["created"] == 1
    assert len(api.get("scheduled-calls", {"batch_id": "b"}).json()["results"]) == 1


def test_what_the_database_would_refuse_stops_all(api: Api, alice: User) -> None:
    with connection.cursor() as cursor:  # as if a rule of the database had been forgotten here
        cursor.execute(
            "ALTER TABLE scheduled_calls_scheduledcall ADD CHECK (name <> 'forbidden') NOT VALID"
        )
    answer = api.post(BULK, {"calls": [one_time(), one_time(name="forbidden"), one_time()]})
    assert answer.status_code == 500
    assert not ScheduledCall.objects.exists()


def test_what_the_database_refuses_early_or_late_stops_all(api: Api, alice: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE scheduled_calls_scheduledcall ADD CHECK (name <> 'forbidden') NOT VALID"
        )
    for place in (0, AT_ONCE, 2 * AT_ONCE):
        calls = [one_time() for _ in range(2 * AT_ONCE + 1)]
        calls[place]["name"] = "forbidden"
        assert api.post(BULK, {"calls": calls}).status_code == 500
        assert not ScheduledCall.objects.exists()
        assert not ClockedSchedule.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_refusal_of_the_last_rows_is_no_success_without_rows(api: Api, alice: User) -> None:
    # PostgreSQL answers the COMMIT of a transaction that failed with a ROLLBACK and no error
    table = "ALTER TABLE scheduled_calls_scheduledcall"
    with connection.cursor() as cursor:
        cursor.execute(f"{table} ADD CONSTRAINT own CHECK (name <> 'forbidden') NOT VALID")
        try:
            answer = api.post(BULK, {"calls": [one_time(), one_time(name="forbidden")]})
        finally:
            cursor.execute(f"{table} DROP CONSTRAINT own")
    assert answer.status_code == 500
    assert not ScheduledCall.objects.exists()
