"""Who may come in, and that an owner's rows do not exist for anybody else: at every address."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from scheduler_project.auth import find_token
from scheduler_project.models import ApiToken, token_digest
from tests.client import NO_ID, Api, one_time, problem, recurring
from tests.rows import make_attempt, make_execution

COLLECTIONS = [
    ("get", "scheduled-calls"),
    ("post", "scheduled-calls"),
    ("post", "scheduled-calls/recurring"),
    ("post", "scheduled-calls/preview"),
    ("get", "executions"),
    ("get", "scheduler/health"),
]
ONE_CALL = [
    ("get", "scheduled-calls/{call}"),
    ("put", "scheduled-calls/{call}"),
    ("patch", "scheduled-calls/{call}"),
    ("delete", "scheduled-calls/{call}"),
    ("post", "scheduled-calls/{call}/pause"),
    ("post", "scheduled-calls/{call}/resume"),
    ("post", "scheduled-calls/{call}/execute"),
    ("get", "scheduled-calls/{call}/history"),
]
ONE_EXECUTION = [
    ("get", "executions/{execution}"),
    ("post", "executions/{execution}/cancel"),
    ("get", "executions/{coming}"),
    ("post", "executions/{coming}/cancel"),
]
EVERYTHING = COLLECTIONS + ONE_CALL + ONE_EXECUTION


def names(**ids: str) -> dict[str, str]:
    return {"call": NO_ID, "execution": NO_ID, "coming": NO_ID, **ids}


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic YWxpY2U6eA==", "Bearer a b", "Bearer é"]
)
def test_without_a_token_or_with_a_wrong_one_it_is_a_401(
    nobodys_api: Api, method: str, path: str, header: str | None
) -> None:
    if header is not None:
        nobodys_api.client.credentials(HTTP_AUTHORIZATION=header)
    answer = nobodys_api.send(method, path.format(**names()))
    problem(answer, 401)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_user_who_was_switched_off_is_a_401(api: Api, alice: User) -> None:
    alice.is_active = False
    alice.save()
    problem(api.get("scheduled-calls"), 401)


def test_a_token_is_stored_as_a_digest_only(alice: User) -> None:
    token = ApiToken.issue(alice)
    assert token not in str(list(ApiToken.objects.values()))


@pytest.mark.parametrize(("method", "path"), ONE_CALL + ONE_EXECUTION)
def test_another_owners_id_answers_exactly_as_one_that_never_existed(
    api: Api, bobs_api: Api, method: str, path: str
) -> None:
    call = api.schedule_recurring()
    execution = make_execution(call["id"], status="retrying")
    before = api.get(f"scheduled-calls/{call['id']}/history").json()
    ids = {
        "call": call["id"],
        "execution": str(execution.pk),
        "coming": before["executions"][-1]["execution_id"],
    }
    theirs = bobs_api.send(method, path.format(**names(**ids)))
    nobodys = bobs_api.send(method, path.format(**names()))
    assert problem(theirs, 404) == problem(nobodys, 404)
    assert api.get(f"scheduled-calls/{call['id']}/history").json() == before
    assert api.get(f"scheduled-calls/{call['id']}").json() == {
        **call,
        "last_execution": {"execution_id": str(execution.pk), "status": "retrying"},
    }


def test_lists_and_counts_show_only_the_owners_rows(api: Api, bobs_api: Api) -> None:
    call = api.schedule(name="secret", metadata={"k": "v"})
    make_attempt(make_execution(call["id"], status="failed"))
    queries: list[dict[str, Any]] = [
        {}, {"search": "secret"}, {"search": call["id"]}, {"metadata.k": "v"},
        {"phone_number": call["phone_number"]}, {"status": "active"},
    ]  # fmt: skip
    for query in queries:
        assert bobs_api.get("scheduled-calls", query).json()["results"] == []
    for query in ({}, {"schedule_id": call["id"]}, {"status": "failed"}):
        assert bobs_api.get("executions", query).json()["results"] == []
    assert bobs_api.get("scheduler/health").json()["scheduled_calls_total"] == 0


def test_a_page_cursor_of_another_owner_leads_nowhere_new(api: Api, bobs_api: Api) -> None:
    for _ in range(3):
        api.schedule(name="secret")
    address = api.get("scheduled-calls", {"limit": 1}).json()["next"]
    assert bobs_api.ask(address).json()["results"] == []


def test_nobody_schedules_for_somebody_else(api: Api, bobs_api: Api, bob: User) -> None:
    answer = api.post("scheduled-calls", one_time(owner=bob.pk, owner_id=bob.pk))
    problem(answer, 400)
    problem(api.post("scheduled-calls/recurring", recurring(owner="bob")), 400)
    assert bobs_api.get("scheduled-calls").json()["results"] == []


def test_the_tokens_user_is_the_whole_user(alice: User) -> None:
    token = ApiToken.issue(alice, "laptop")
    found = find_token(token_digest(token))
    assert found is not None
    stored = ApiToken.objects.select_related("user").get(digest=token_digest(token))
    for row, same in ((found, stored), (found.user, stored.user)):
        names = [field.attname for field in row._meta.concrete_fields]
        assert [getattr(row, name) for name in names] == [getattr(same, name) for name in names]
