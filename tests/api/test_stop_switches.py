"""Stop switches by the API: for staff only, and what owners notice of them."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import StopSwitch
from scheduler_project.models import ApiToken
from tests.client import Api, created, problem, wrong_fields


@pytest.fixture
def staff_api(db: None) -> Api:
    """The API with the token of a member of staff."""
    return Api(ApiToken.issue(User.objects.create_user("olga", is_staff=True)))


def test_staff_throw_one_and_see_it(staff_api: Api) -> None:
    body = {"scope": "number_prefix", "value": "+44", "reason": "a holiday", "ends_at": None}
    made = created(staff_api.post("stop-switches", body))
    assert (made["scope"], made["value"], made["reason"]) == ("number_prefix", "+44", "a holiday")
    assert (made["author"], made["active"], made["ended_at"]) == ("olga", True, None)
    assert staff_api.get("stop-switches").json()["results"] == [made]


def test_staff_lift_one_and_lifting_again_is_the_same(staff_api: Api) -> None:
    made = created(staff_api.post("stop-switches", {"scope": "global", "reason": "drill"}))
    for _ in range(2):
        answer = staff_api.post(f"stop-switches/{made['id']}/lift")
        assert answer.status_code == 200
        assert (answer.json()["active"], answer.json()["lifted_by"]) == (False, "olga")
    for active, shown in (("true", 0), ("false", 1)):
        found = staff_api.get("stop-switches", {"active": active}).json()["results"]
        assert len(found) == shown


def test_nobody_else_sees_throws_or_lifts_one(api: Api, nobodys_api: Api) -> None:
    for asked in (
        api.get("stop-switches"),
        api.post("stop-switches", {"scope": "global", "reason": "x"}),
        api.post("stop-switches/1/lift"),
    ):
        assert "staff" in problem(asked, 403)["detail"]
    problem(nobodys_api.get("stop-switches"), 401)
    assert not StopSwitch.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "scope"), ({"scope": "global"}, "reason"),
        ({"scope": "agent", "reason": "x"}, "value"), ({"scope": ["a"], "reason": "x"}, "scope"),
        ({"scope": "global", "reason": 5}, "reason"),
        ({"scope": "global", "reason": "x", "value": None}, "value"),
        ({"scope": "global", "reason": "x", "ends_at": 7}, "ends_at"),
        ({"scope": "global", "reason": "x", "ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"scope": "global", "reason": "x", "author": "me"}, "author"),
        ({"scope": "global", "reason": "x", "agent_id": "a"}, "agent_id"),
    ],
)  # fmt: skip
def test_a_body_that_is_wrong_names_its_field(staff_api: Api, body: Any, field: str) -> None:
    assert list(wrong_fields(staff_api.post("stop-switches", body))) == [field]


@pytest.mark.parametrize("switch_id", ["7", "x", "%00", "9" * 30])
def test_an_id_that_names_nothing_is_a_404(staff_api: Api, switch_id: str) -> None:
    problem(staff_api.post(f"stop-switches/{switch_id}/lift"), 404)


def test_execute_answers_409_with_the_reason(api: Api, staff_api: Api) -> None:
    call = api.schedule_recurring()
    created(staff_api.post("stop-switches", {"scope": "global", "reason": "fire drill"}))
    told = problem(api.post(f"scheduled-calls/{call['id']}/execute"), 409)
    assert told["code"] == "stop_switch"
    assert "fire drill" in told["detail"]


def test_health_counts_what_a_person_should_look_at(api: Api, staff_api: Api) -> None:
    created(staff_api.post("stop-switches", {"scope": "global", "reason": "drill"}))
    shown = api.get("scheduler/health").json()
    assert shown["attention"] == {"unknown": 0, "frozen": 0, "stop_switches": 1}
