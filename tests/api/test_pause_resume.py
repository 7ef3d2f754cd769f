"""Pausing and resuming a scheduled call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduled_calls.models import ScheduledCall
from tests.client import NEXT_YEAR, Api, problem, wrong_fields
from tests.rows import make_execution


def send(api: Api, call: dict[str, Any], verb: str, body: Any = None) -> dict[str, Any]:
    answer = api.post(f"scheduled-calls/{call['id']}/{verb}", body)
    assert answer.status_code == 200, answer.json()
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_paused_call_has_no_next_run_and_a_resumed_one_has_it_again(api: Api) -> None:
    for call in (api.schedule(), api.schedule_recurring()):
        paused = send(api, call, "pause")
        assert (paused["status"], paused["next_run_at"]) == ("paused", None)
        resumed = send(api, call, "resume")
        assert (resumed["status"], resumed["next_run_at"]) == ("active", call["next_run_at"])


def test_both_are_idempotent(api: Api) -> None:
    call = api.schedule()
    assert send(api, call, "resume")["status"] == "active"
    assert send(api, call, "pause")["status"] == "paused"
    assert send(api, call, "pause")["status"] == "paused"
    assert send(api, call, "resume")["status"] == "active"
    assert send(api, call, "resume")["status"] == "active"


def test_a_reason_and_an_end_are_kept_and_shown(api: Api) -> None:
    call = api.schedule_recurring()
    body = {"reason": "on holiday", "until": f"{NEXT_YEAR}-01-07 08:00:00"}
    shown = send(api, call, "pause", body)
    assert shown["paused_reason"] == "on holiday"
    assert shown["paused_until"] == f"{NEXT_YEAR}-01-07T13:00:00Z"
    shown = send(api, call, "resume", {"reason": "back"})
    assert (shown["paused_reason"], shown["paused_until"]) == ("", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"until": "2020-01-01 10:00"}, "until"),
        ({"until": "soon"}, "until"),
        ({"until": 5}, "until"),
        ({"reason": 5}, "reason"),
        ({"reason": "x" * 300}, "reason"),
        ({"colour": "red"}, "colour"),
        ({"colour": None}, "colour"),
    ],
)
def test_a_wrong_body_is_a_400_and_pauses_nothing(
    api: Api, body: dict[str, Any], field: str
) -> None:
    call = api.schedule()
    answer = api.post(f"scheduled-calls/{call['id']}/pause", body)
    assert list(wrong_fields(answer)) == [field]
    assert api.get(f"scheduled-calls/{call['id']}").json()["status"] == "active"


@pytest.mark.parametrize("body", [[], "x", 5, {"until": "2030-01-01 10:00"}, {"reason": []}])
def test_resume_takes_nothing_but_a_reason(api: Api, body: object) -> None:
    call = api.schedule()
    send(api, call, "pause")
    problem(api.post(f"scheduled-calls/{call['id']}/resume", body), 400)
    assert api.get(f"scheduled-calls/{call['id']}").json()["status"] == "paused"


@pytest.mark.parametrize("body", [[1], "x", 5, True])
def test_pause_takes_an_object_or_nothing(api: Api, body: object) -> None:
    call = api.schedule()
    problem(api.post(f"scheduled-calls/{call['id']}/pause", body), 400)
    assert api.get(f"scheduled-calls/{call['id']}").json()["status"] == "active"


def test_a_cancelled_call_is_neither_paused_nor_resumed(api: Api) -> None:
    call = api.schedule()
    api.send("delete", f"scheduled-calls/{call['id']}")
    problem(api.post(f"scheduled-calls/{call['id']}/pause"), 409)
    problem(api.post(f"scheduled-calls/{call['id']}/resume"), 409)


def test_a_one_time_call_whose_time_passed_while_paused_needs_a_new_time(api: Api) -> None:
    call = api.schedule()
    send(api, call, "pause")
    row = ScheduledCall.objects.select_related("clocked").get(pk=call["id"])
    assert row.clocked
    row.clocked.clocked_time = datetime.now(UTC) - timedelta(hours=1)
    row.clocked.save()
    told = problem(api.post(f"scheduled-calls/{call['id']}/resume"), 409)
    assert told["code"] == "time_has_passed"


def test_dialing_is_said_only_while_an_attempt_is_being_placed(api: Api) -> None:
    call = api.schedule_recurring()
    assert "dialing" not in send(api, call, "pause")
    make_execution(call["id"], status="dialing")
    assert send(api, call, "pause")["dialing"] is True


def test_a_trailing_slash_works_too(api: Api) -> None:
    call = api.schedule()
    assert send(api, call, "pause/")["status"] == "paused"
    assert send(api, call, "resume/")["status"] == "active"
