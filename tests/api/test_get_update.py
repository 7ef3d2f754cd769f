"""Reading and changing one scheduled call."""

from typing import Any

import pytest

from scheduled_calls.models import ScheduledCall
from tests.client import NEXT_YEAR, NO_ID, Api, problem, wrong_fields


def changed(api: Api, schedule_id: str, method: str = "put", /, **fields: Any) -> dict[str, Any]:
    answer = api.send(method, f"scheduled-calls/{schedule_id}", fields)
    assert answer.status_code == 200, answer.json()
    shown: dict[str, Any] = answer.json()
    return shown


def test_get_answers_what_the_creation_answered(api: Api) -> None:
    call = api.schedule()
    assert api.get(f"scheduled-calls/{call['id']}").json() == call
    assert api.get(f"scheduled-calls/{call['id']}/").json() == call


@pytest.mark.parametrize("method", ["put", "patch"])
def test_the_seeds_put_moves_the_time_and_replaces_the_context_whole(api: Api, method: str) -> None:
    call = api.schedule(customer_context={"customer_name": "John", "order_id": "ORD-456"})
    shown = changed(
        api,
        call["id"],
        method,
        scheduled_time=f"{NEXT_YEAR}-02-02 10:00:00",
        customer_context={"notes": "Updated context"},
    )
    assert shown["scheduled_time"] == f"{NEXT_YEAR}-02-02 10:00:00"
    assert shown["next_run_at"] == f"{NEXT_YEAR}-02-02T15:00:00Z"
    assert shown["customer_context"] == {"notes": "Updated context"}
    assert shown["name"] == call["name"]
    assert shown["agent_id"] == call["agent_id"]


def test_a_new_rhythm_moves_the_next_run(api: Api) -> None:
    call = api.schedule_recurring(timezone="UTC")
    shown = changed(api, call["id"], cron_expression="30 17 * * *")
    assert shown["next_run_at"][10:] == "T17:30:00Z"
    assert shown["cron_description"] == "At 05:30 PM"


def test_what_a_get_answers_may_be_sent_back(api: Api) -> None:
    for call in (api.schedule(webhook_url="https://yourapp.com/x"), api.schedule_recurring()):
        shown = changed(api, call["id"], **call)
        assert {**shown, "updated_at": ""} == {**call, "updated_at": ""}


def test_an_unknown_field_changes_nothing(api: Api) -> None:
    call = api.schedule()
    answer = api.send("put", f"scheduled-calls/{call['id']}", {"name": "x", "colour": "red"})
    assert wrong_fields(answer) == {"colour": "unknown_field"}
    assert api.get(f"scheduled-calls/{call['id']}").json() == call


@pytest.mark.parametrize(
    "fields",
    [
        {"scheduled_time": "2020-01-01 10:00"}, {"scheduled_time": None}, {"agent_id": ""},
        {"agent_id": None}, {"phone_number": None}, {"timezone": "Mars/Olympus"},
        {"timezone": None}, {"cron_expression": "0 9 * * *"}, {"max_occurrences": 3},
        {"retry_policy": {"max_retries": 11}}, {"webhook_events": ["failed"]},
        {"customer_context": {"x": "y" * 17_000}}, {"status": "active", "nonsense": 1},
    ],
)  # fmt: skip
def test_a_wrong_change_is_a_400_and_nothing_is_stored(api: Api, fields: dict[str, Any]) -> None:
    call = api.schedule()
    wrong_fields(api.send("patch", f"scheduled-calls/{call['id']}", fields))
    assert api.get(f"scheduled-calls/{call['id']}").json() == call


@pytest.mark.parametrize("body", [[], "text", 5, True, [{}]])
def test_a_body_that_is_no_object_is_a_400(api: Api, body: object) -> None:
    call = api.schedule()
    problem(api.send("put", f"scheduled-calls/{call['id']}", body), 400)


@pytest.mark.parametrize(
    "schedule_id", [NO_ID, "schedule-123", "%00", "%ED%A0%80", "1" * 5000, "..", "%2e%2e%2f"]
)
def test_an_id_that_names_nothing_is_a_404(api: Api, schedule_id: str) -> None:
    for method in ("get", "put", "patch", "delete"):
        problem(api.send(method, f"scheduled-calls/{schedule_id}"), 404)
    for verb in ("pause", "resume", "execute"):
        problem(api.post(f"scheduled-calls/{schedule_id}/{verb}"), 404)
    problem(api.get(f"scheduled-calls/{schedule_id}/history"), 404)


def test_a_get_takes_no_parameters(api: Api) -> None:
    call = api.schedule()
    assert wrong_fields(api.get(f"scheduled-calls/{call['id']}", {"verbose": "1"}))


def test_no_row_is_touched_by_reading(api: Api) -> None:
    call = api.schedule()
    before = ScheduledCall.objects.values().get(pk=call["id"])
    api.get(f"scheduled-calls/{call['id']}")
    assert ScheduledCall.objects.values().get(pk=call["id"]) == before
