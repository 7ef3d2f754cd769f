"""The scheduler's health: the owner's counts, the system's state."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from executions.health import judge
from scheduled_calls.models import ScheduledCall
from scheduler_project import clock
from tests.client import Api, wrong_fields
from tests.rows import make_execution


def test_a_new_owner_sees_the_seeds_five_fields_with_nothing_in_them(api: Api) -> None:
    answer = api.get("scheduler/health")
    assert answer.status_code == 200
    shown = answer.json()
    assert list(shown)[:5] == [
        "status", "scheduled_calls_pending", "scheduled_calls_total", "last_execution",
        "failed_executions_today",
    ]  # fmt: skip
    assert list(shown.values())[:5] == ["healthy", 0, 0, None, 0]
    assert shown["version"]
    assert shown["zone_database"]
    assert api.get("scheduler/health/").status_code == 200


def test_pending_are_the_active_ones_with_a_next_run_and_total_is_all(api: Api) -> None:
    api.schedule()
    paused, cancelled = api.schedule(), api.schedule_recurring()
    api.post(f"scheduled-calls/{paused['id']}/pause")
    api.send("delete", f"scheduled-calls/{cancelled['id']}")
    shown = api.get("scheduler/health").json()
    assert (shown["scheduled_calls_pending"], shown["scheduled_calls_total"]) == (1, 3)


def test_last_execution_is_the_newest_attempts_begin_in_whole_seconds(api: Api) -> None:
    call = api.schedule_recurring()
    at = datetime(2024, 1, 15, 14, 30, 5, 678_000, tzinfo=UTC)
    make_execution(call["id"], actual_time=at)
    make_execution(call["id"], actual_time=at - timedelta(days=1))
    make_execution(call["id"], status="missed")
    assert api.get("scheduler/health").json()["last_execution"] == "2024-01-15T14:30:05Z"


def test_failures_are_counted_from_midnight_utc(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    call = api.schedule_recurring()
    midnight = datetime(2024, 1, 15, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: midnight + timedelta(hours=23))
    make_execution(call["id"], status="failed", ended_at=midnight)
    make_execution(call["id"], status="failed", ended_at=midnight - timedelta(microseconds=1))
    make_execution(call["id"], status="completed", ended_at=midnight)
    assert api.get("scheduler/health").json()["failed_executions_today"] == 1


def test_counts_are_the_owners_and_the_state_is_the_systems(api: Api, bobs_api: Api) -> None:
    call = bobs_api.schedule()
    make_execution(call["id"], status="failed")
    late = datetime.now(UTC) - timedelta(seconds=90)
    ScheduledCall.objects.filter(pk=call["id"]).update(next_run_at=late)
    shown = api.get("scheduler/health").json()
    assert list(shown.values())[1:5] == [0, 0, None, 0]
    assert shown["status"] == "degraded"
    assert shown["overdue_seconds"] >= 90


@override_settings(REDIS_CLIENT_URL="redis://127.0.0.1:1/0")
def test_a_silent_broker_makes_it_degraded_and_the_answer_is_still_200(api: Api) -> None:
    answer = api.get("scheduler/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["broker"] is False


def test_a_retry_that_waits_for_a_paused_call_is_not_overdue(api: Api) -> None:
    call = api.schedule_recurring()
    make_execution(call["id"], status="retrying")
    assert api.get("scheduler/health").json()["status"] == "degraded"
    api.post(f"scheduled-calls/{call['id']}/pause")
    assert api.get("scheduler/health").json()["status"] == "healthy"


@pytest.mark.parametrize(
    ("broker", "waited", "state"),
    [
        (True, 0, "healthy"), (True, 60, "healthy"), (True, 61, "degraded"), (False, 0, "degraded"),
        (False, 61, "unhealthy"), (True, 900, "degraded"), (True, 901, "unhealthy"),
    ],
)  # fmt: skip
def test_the_state_follows_from_broker_and_waiting(broker: bool, waited: int, state: str) -> None:
    assert judge(broker, waited, 900) == state


def test_it_takes_no_parameters(api: Api) -> None:
    assert wrong_fields(api.get("scheduler/health", {"verbose": "1"}))
