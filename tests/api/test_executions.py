"""Executions: the list, one of them, execute now, cancel one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executions.models import Execution
from scheduled_calls.models import ScheduledCall
from tests.client import NO_ID, Api, problem, wrong_fields
from tests.rows import make_attempt, make_execution

AT = datetime(2026, 2, 2, 14, 0, tzinfo=UTC)


def found(api: Api, **query: str) -> list[str]:
    answer = api.get("executions", query)
    assert answer.status_code == 200, answer.json()
    return [row["execution_id"] for row in answer.json()["results"]]


def test_the_list_shows_all_of_the_owner_the_one_opened_last_first(api: Api) -> None:
    first = make_execution(api.schedule()["id"], scheduled_for=AT + timedelta(days=9))
    second = make_execution(api.schedule()["id"], scheduled_for=AT)
    assert found(api) == [str(second.pk), str(first.pk)]


def test_pages_hang_together(api: Api) -> None:
    call = api.schedule_recurring()
    ids = [str(make_execution(call["id"]).pk) for _ in range(3)]
    page = api.get("executions", {"limit": 2}).json()
    rest = api.ask(page["next"]).json()
    assert [row["execution_id"] for row in page["results"] + rest["results"]] == ids[::-1]


def test_filters_narrow_it_down(api: Api) -> None:
    call, other = api.schedule_recurring(), api.schedule_recurring()
    early = str(make_execution(call["id"], scheduled_for=AT, status="failed").pk)
    late = str(make_execution(other["id"], scheduled_for=AT + timedelta(days=1)).pk)
    assert found(api, status="failed") == [early]
    assert found(api, schedule_id=other["id"]) == [late]
    assert found(api, scheduled_after="2026-02-03T14:00:00Z") == [late]
    assert found(api, scheduled_before="2026-02-03T14:00:00Z") == [early]
    assert found(api, schedule_id=NO_ID) == []


@pytest.mark.parametrize(
    "query",
    ["status=active", "schedule_id=x", "schedule_id=%00", "scheduled_after=x", "ordering=x",
     "scheduled_before=%00", "cursor=%00", "limit=0"],
)  # fmt: skip
def test_a_wrong_filter_is_a_400_that_names_it(api: Api, query: str) -> None:
    answer = api.ask(f"/api/executions?{query}")
    assert list(wrong_fields(answer)) == [query.partition("=")[0]]


def test_one_execution_is_shown_with_its_attempts_in_order(api: Api) -> None:
    execution = make_execution(api.schedule()["id"])
    make_attempt(execution, number=2)
    make_attempt(execution, number=1, outcome="busy")
    shown = api.get(f"executions/{execution.pk}/").json()
    assert shown["execution_id"] == str(execution.pk)
    assert [attempt["number"] for attempt in shown["attempts"]] == [1, 2]
    assert shown["attempts"][0].keys() == {
        "attempt_id", "number", "status", "outcome", "provider", "call_id", "started_at",
        "ended_at", "duration", "error",
    }  # fmt: skip


def test_the_coming_execution_is_there_before_its_row_is(api: Api) -> None:
    call = api.schedule()
    (coming,) = api.get(f"scheduled-calls/{call['id']}/history").json()["executions"]
    assert api.get(f"executions/{coming['execution_id']}").json() == coming
    assert not Execution.objects.exists()


@pytest.mark.parametrize("execution_id", [NO_ID, "exec-1", "%00", "%ED%A0%80"])
def test_an_id_that_names_nothing_is_a_404(api: Api, execution_id: str) -> None:
    problem(api.get(f"executions/{execution_id}"), 404)
    problem(api.post(f"executions/{execution_id}/cancel"), 404)


def test_execute_answers_202_with_a_manual_execution(api: Api) -> None:
    call = api.schedule_recurring()
    answer = api.post(f"scheduled-calls/{call['id']}/execute")
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["trigger"], shown["status"]) == ("manual", "pending")
    assert shown["schedule_id"] == call["id"]
    assert Execution.objects.filter(pk=shown["execution_id"]).exists()


def test_execute_is_refused_while_an_execution_is_open(api: Api) -> None:
    call = api.schedule_recurring()
    make_execution(call["id"], status="in_progress")
    told = problem(api.post(f"scheduled-calls/{call['id']}/execute/"), 409)
    assert "in_progress" in told["detail"]


@pytest.mark.parametrize("body", [{"force": True}, [], "now", 5])
def test_execute_takes_no_fields(api: Api, body: Any) -> None:
    call = api.schedule()
    problem(api.post(f"scheduled-calls/{call['id']}/execute", body), 400)
    assert not Execution.objects.exists()


def test_cancelling_the_coming_one_skips_that_occurrence(api: Api) -> None:
    call = api.schedule_recurring()
    (coming,) = api.get(f"scheduled-calls/{call['id']}/history").json()["executions"]
    answer = api.post(f"executions/{coming['execution_id']}/cancel")
    assert answer.status_code == 200
    assert answer.json()["status"] == "skipped"
    after = api.get(f"scheduled-calls/{call['id']}").json()
    assert after["status"] == "active"
    assert after["next_run_at"] > call["next_run_at"]


def test_cancelling_the_coming_one_of_a_one_time_call_cancels_the_call(api: Api) -> None:
    call = api.schedule()
    (coming,) = api.get(f"scheduled-calls/{call['id']}/history").json()["executions"]
    assert api.post(f"executions/{coming['execution_id']}/cancel").json()["status"] == "cancelled"
    assert api.get(f"scheduled-calls/{call['id']}").json()["status"] == "cancelled"


def test_cancelling_a_waiting_retry_ends_it(api: Api) -> None:
    call = api.schedule_recurring()
    execution = make_execution(call["id"], status="retrying")
    assert api.post(f"executions/{execution.pk}/cancel/").json()["status"] == "cancelled"


@pytest.mark.parametrize("status", ["completed", "failed", "dialing", "in_progress", "missed"])
def test_what_is_over_or_being_placed_cannot_be_cancelled(api: Api, status: str) -> None:
    execution = make_execution(api.schedule_recurring()["id"], status=status)
    problem(api.post(f"executions/{execution.pk}/cancel"), 409)


def test_a_completed_call_may_be_made_again_by_hand(api: Api) -> None:
    call = api.schedule()
    make_execution(call["id"])
    ScheduledCall.objects.filter(pk=call["id"]).update(
        status="completed", next_run_at=None, next_execution_id=None
    )
    assert api.post(f"scheduled-calls/{call['id']}/execute").status_code == 202
