"""Scheduling one call: what is stored, and that the answer shows it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django_celery_beat.models import ClockedSchedule

from scheduled_calls.models import ScheduledCall
from tests.client import NEXT_YEAR, Api, created, one_time, problem

FIELDS = {
    "id", "schedule_id", "kind", "agent_id", "phone_number", "name", "description", "timezone",
    "scheduled_time", "scheduled_time_utc", "cron_expression", "cron_description",
    "max_occurrences", "occurrence_count", "next_run_at", "status", "customer_context",
    "metadata", "retry_policy", "webhook_url", "webhook_events", "batch_id", "last_execution",
    "created_at", "updated_at",
}  # fmt: skip


def test_the_seeds_curl_answers_201_with_every_field_of_a_scheduled_call(api: Api) -> None:
    shown = created(api.post("scheduled-calls", one_time()))
    assert shown.keys() >= FIELDS
    assert shown["id"] == shown["schedule_id"]
    assert shown["kind"] == "one_time"
    assert shown["status"] == "active"
    assert shown["scheduled_time"] == f"{NEXT_YEAR}-02-01 14:30:00"
    assert shown["scheduled_time_utc"] == f"{NEXT_YEAR}-02-01T19:30:00Z"
    assert shown["next_run_at"] == f"{NEXT_YEAR}-02-01T19:30:00Z"
    assert shown["cron_expression"] is None
    assert shown["webhook_url"] is None
    assert shown["webhook_events"] is None
    assert shown["last_execution"] is None
    assert shown["occurrence_count"] == 0
    assert "dialing" not in shown


def test_it_is_stored_for_the_tokens_owner_with_a_clocked_row_of_its_own(
    api: Api, alice: User
) -> None:
    first, second = api.schedule(), api.schedule()
    calls = ScheduledCall.objects.filter(owner=alice)
    assert {str(call.pk) for call in calls} == {first["id"], second["id"]}
    assert ClockedSchedule.objects.count() == 2


def test_the_seeds_advanced_configuration_comes_back_as_it_was_sent(api: Api) -> None:
    sent: dict[str, Any] = {
        "name": "Customer Follow-up",
        "description": "Follow-up about order status",
        "customer_context": {"customer_name": "Jürgen 王", "order": {"id": "ORD-456", "n": 1.5}},
        "metadata": {"campaign_id": "camp-789", "priority": "high"},
        "retry_policy": {
            "max_retries": 3,
            "retry_delay": 300,
            "exponential_backoff": True,
            "retry_on": ["timeout", "no_answer", "busy"],
        },
        "webhook_url": "https://yourapp.com/webhooks/call-executed",
        "webhook_events": ["started", "completed", "failed"],
    }
    shown = api.schedule(**sent)
    assert {name: shown[name] for name in sent} == sent


def test_a_trailing_slash_works_too_without_a_redirect(api: Api) -> None:
    assert api.post("scheduled-calls/", one_time()).status_code == 201


def test_null_for_an_optional_field_means_it_was_not_given(api: Api) -> None:
    shown = api.schedule(name=None, description=None, metadata=None, retry_policy=None)
    assert (shown["name"], shown["description"], shown["metadata"]) == ("", "", {})


@pytest.mark.parametrize(
    "sent", ["+1 (234) 567-890", "+1.234.567.890", "+1-234-567890", " +1234567890 "]
)
def test_a_decorated_number_is_stored_plain(api: Api, sent: str) -> None:
    assert api.schedule(phone_number=sent)["phone_number"] == "+1234567890"


def test_a_field_of_a_recurring_call_is_named_as_the_wrong_kind(api: Api) -> None:
    told = problem(api.post("scheduled-calls", one_time(cron_expression="0 9 * * *")), 400)
    assert told["errors"][0]["code"] == "wrong_kind"
