"""An owner decides what an unknown execution was, by the API."""

from typing import Any

import pytest

from executions.models import Execution
from tests.client import NO_ID, Api, problem, wrong_fields
from tests.rows import make_attempt, make_execution

SURE = {"outcome": "failed", "note": "the line was dead"}


def unknown(api: Api) -> Execution:
    """An execution of which nobody knows what became."""
    execution = make_execution(api.schedule()["id"], status="unknown")
    sent = {"agent_id": "agent-123", "phone_number": "+1234567890"}
    make_attempt(execution, status="unknown", outcome=None, ended_at=None, sent=sent)
    return execution


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("completed", "completed"), ("failed", "failed"), ("retry", "retrying")],
)
def test_the_owner_decides(api: Api, outcome: str, status: str) -> None:
    execution = unknown(api)
    answer = api.post(f"executions/{execution.pk}/decide", {**SURE, "outcome": outcome})
    assert answer.status_code == 200, answer.json()
    shown = answer.json()
    assert (shown["status"], shown["reason"]) == (status, "operator")
    assert shown["details"]["decision"]["author"] == "alice"
    assert shown["attempts"][0]["outcome"] == ("unknown" if outcome == "retry" else outcome)


def test_deciding_twice_is_a_409(api: Api) -> None:
    path = f"executions/{unknown(api).pk}/decide"
    assert api.post(path, SURE).status_code == 200
    assert problem(api.post(path, SURE), 409)["code"] == "not_unknown"


def test_anothers_execution_does_not_exist(api: Api, bobs_api: Api) -> None:
    execution = unknown(api)
    for id_ in (str(execution.pk), NO_ID, "x", "%00"):
        problem(bobs_api.post(f"executions/{id_}/decide", SURE), 404)
    execution.refresh_from_db()
    assert execution.status == "unknown"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["outcome", "note"]), ({"outcome": "busy", "note": "x"}, ["outcome"]),
        ({"outcome": "failed"}, ["note"]), ({"outcome": "failed", "note": ""}, ["note"]),
        ({**SURE, "author": "me"}, ["author"]), ({**SURE, "outcome": {}}, ["outcome"]),
    ],
)  # fmt: skip
def test_a_body_that_is_wrong_names_its_fields(api: Api, body: Any, fields: list[str]) -> None:
    answer = api.post(f"executions/{unknown(api).pk}/decide", body)
    assert sorted(wrong_fields(answer)) == sorted(fields)
