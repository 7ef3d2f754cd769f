"""Answers are made by hand for speed; they are what the form of the OpenAPI page would make."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from rest_framework.utils.encoders import JSONEncoder

from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduled_calls.presenting import present, present_new
from scheduled_calls.serializers import ScheduledCallSerializer
from tests.client import NEXT_YEAR, Api, created, one_time, recurring
from tests.rows import make_execution

KINDS: list[dict[str, Any]] = [
    one_time(),
    one_time(scheduled_time=f"{NEXT_YEAR}-02-01T14:30:00+05:00", timezone="Asia/Tokyo"),
    one_time(
        description="two\nlines\tand \\N",
        customer_context={"name": "Zoë\\", "list": [1, {"a": None}, "\u2028"]},
        metadata={"campaign": "spring"},
        retry_policy={"max_retries": 3, "retry_delay": 300, "exponential_backoff": True},
        webhook_url="https://yourapp.com/hooks",
        batch_id="b-1",
    ),
    recurring(),
    recurring(cron_expression="@daily", max_occurrences=None, webhook_events=[]),
    recurring(cron_expression="0\t9 * *  1-5", name=None, description=None, metadata=None),
]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=JSONEncoder))


def schedule(owner: User, body: dict[str, Any]) -> ScheduledCall:
    if "cron_expression" in body:
        return services.schedule_recurring_call(owner, body)
    return services.schedule_call(owner, body)


@pytest.mark.parametrize("body", KINDS)
def test_an_answer_has_the_form_that_the_schema_tells(alice: User, body: dict[str, Any]) -> None:
    call = schedule(alice, body)
    formed = dict(ScheduledCallSerializer(call).data)
    assert list(present(call)) == list(formed)
    assert as_json(present(call)) == as_json(formed)


@pytest.mark.parametrize("body", KINDS)
def test_a_new_call_is_shown_as_it_was_stored(alice: User, body: dict[str, Any]) -> None:
    call = schedule(alice, body)
    stored = services.get(alice, call.pk)
    names = [field.attname for field in ScheduledCall._meta.concrete_fields]
    assert [getattr(call, name) for name in names] == [getattr(stored, name) for name in names]
    assert present_new([call]) == [present(stored)]


def test_paused_and_running_calls_too(api: Api, alice: User) -> None:
    shown = api.schedule_recurring()
    execution = make_execution(shown["id"], status="in_progress")
    until = f"{NEXT_YEAR}-03-01T00:00:00Z"
    paused = api.post(f"scheduled-calls/{shown['id']}/pause", {"reason": "holiday", "until": until})
    formed = as_json(ScheduledCallSerializer(services.get(alice, shown["id"])).data)
    last = {"execution_id": str(execution.pk), "status": "in_progress"}
    assert paused.json() == {**formed, "last_execution": last}
    assert (formed["paused_until"], formed["status"]) == (until, "paused")


def test_a_single_creation_takes_three_statements(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # the token, the time, the call
        created(api.post("scheduled-calls", one_time()))
