"""What lies far back in a list is found as well as what lies near, in the same order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoDbBlocker

from executions.history import executions_of
from executions.models import Execution
from scheduled_calls.listing import scheduled_calls_of
from scheduled_calls.models import ScheduledCall
from scheduler_project import newest
from scheduler_project.ids import first_uuid7_at
from scheduler_project.models import ApiToken
from tests.client import Api
from tests.rows import make_execution

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
CALLS: list[dict[str, str]] = [
    {"search": "ada"}, {"search": "x"}, {"search": "+1234"}, {"status": "active"},
    {"status": "paused"}, {"status": "cancelled"}, {"status": "missed"}, {"kind": "one_time"},
    {"kind": "recurring"}, {"metadata.n": "1"}, {"next_run_after": "2020-01-01T00:00Z"},
    {"search": "ada", "status": "paused"}, {"search": "ada", "agent_id": "agent-1"}, {},
]  # fmt: skip
EXECUTIONS: list[dict[str, str]] = [
    {"scheduled_before": "2026-02-01T12:05Z"}, {"scheduled_before": "2026-02-09T00:00Z"},
    {"scheduled_before": "2000-01-01T00:00Z"}, {"scheduled_after": "2026-02-01T12:05Z"},
    {"scheduled_after": "2026-02-01T12:02Z", "scheduled_before": "2026-02-01T12:08Z"},
    {"status": "failed"}, {"status": "completed"}, {"status": "missed"}, {},
    {"status": "failed", "scheduled_before": "2026-02-01T12:05Z"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows are near, and all others are far back."""
    monkeypatch.setattr(newest, "NEAR", 3)


@pytest.fixture(scope="module")
def alice(standing: DjangoDbBlocker) -> User:
    """An owner for the whole file."""
    with standing.unblock():
        return User.objects.create_user("alice")


@pytest.fixture(scope="module")
def calls(standing: DjangoDbBlocker, alice: User) -> list[dict[str, Any]]:
    """Fourteen calls that differ, among them some of Bob's."""
    with standing.unblock():
        bob = User.objects.create_user("bob")
        return _different(Api(ApiToken.issue(alice)), Api(ApiToken.issue(bob)))


def _different(api: Api, bobs_api: Api) -> list[dict[str, Any]]:
    made = []
    for number in range(14):
        name = "Ada" if number in (1, 2, 3, 9) else "Max"
        body = {"name": name, "metadata": {"n": number % 4}, "agent_id": f"agent-{number % 2}"}
        made.append((api.schedule_recurring if number % 3 else api.schedule)(**body))
        bobs_api.schedule(name="Ada of Bob")
    for number, verb in ((1, "pause"), (2, "pause"), (9, "pause"), (5, "pause"), (5, "resume")):
        assert api.post(f"scheduled-calls/{made[number]['id']}/{verb}").status_code == 200
    api.send("delete", f"scheduled-calls/{made[0]['id']}")
    return made


@pytest.fixture(scope="module")
def executions(standing: DjangoDbBlocker, alice: User) -> list[Execution]:
    """Twelve at a minute's distance; one opened days late, one long before its time."""
    with standing.unblock():
        return _minute_by_minute(Api(ApiToken.issue(alice)).schedule_recurring()["id"])


def _minute_by_minute(call: str) -> list[Execution]:
    made = []
    for number in range(12):
        due = NOON + timedelta(minutes=number)
        opened = due + timedelta(days={2: 3, 9: -3}.get(number, 0))
        status = {2: "missed", 9: "skipped", 0: "failed", 1: "failed"}.get(number, "completed")
        key = first_uuid7_at(opened.timestamp())
        made.append(make_execution(call, scheduled_for=due, opened=key, status=status))
    return made


def pages(api: Api, path: str, query: dict[str, str], key: str, limit: int) -> list[str]:
    """The ids on all pages; back from the last page to the first they are the same."""
    page = api.get(path, {**query, "limit": limit}).json()
    there = [[row[key] for row in page["results"]]]
    while page["next"]:
        page = _follow(api, page["next"])
        there.append([row[key] for row in page["results"]])
    back = there[-1:]
    while page["previous"]:
        page = _follow(api, page["previous"])
        back.insert(0, [row[key] for row in page["results"]])
    forward = [id_ for ids in there for id_ in ids]
    assert [id_ for ids in back for id_ in ids] == forward
    return forward


def _follow(api: Api, address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    found: dict[str, Any] = api.ask(f"{parts.path}?{parts.query}").json()
    return found


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("query", CALLS, ids=str)
def test_all_calls_that_match_are_on_the_pages_in_order(
    api: Api, alice: User, calls: list[Any], query: dict[str, str], limit: int
) -> None:
    wanted = scheduled_calls_of(alice, query).order_by("-id").values_list("id", flat=True)
    assert pages(api, "scheduled-calls", query, "id", limit) == [*map(str, wanted)]


def test_the_filters_above_find_something(alice: User, calls: list[Any]) -> None:
    nothing = [query for query in CALLS if not scheduled_calls_of(alice, query).exists()]
    assert nothing == [{"status": "missed"}]


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("query", EXECUTIONS, ids=str)
def test_all_executions_that_match_are_on_the_pages_in_order(
    api: Api, alice: User, executions: list[Any], query: dict[str, str], limit: int
) -> None:
    wanted = executions_of(alice, query).order_by("-opened").values_list("id", flat=True)
    found = pages(api, "executions", query, "execution_id", limit)
    assert found == [*map(str, wanted)]


def test_one_that_was_opened_late_is_found_by_its_time(
    api: Api, executions: list[Execution]
) -> None:
    found = api.get("executions", {"scheduled_before": "2026-02-01T12:03Z"}).json()["results"]
    assert [row["execution_id"] for row in found] == [str(executions[n].pk) for n in (2, 1, 0)]


def test_python_finds_the_same(alice: User, calls: list[Any]) -> None:
    from scheduler.verbs import list_calls

    for query in CALLS:
        asked: dict[str, Any] = {k: v for k, v in query.items() if not k.startswith("metadata.")}
        found, cursor = [], None
        while True:
            page = list_calls(alice, asked, 2, cursor)
            found += [call["id"] for call in page["results"]]
            if (cursor := page["next"]) is None:
                break
        wanted = scheduled_calls_of(alice, asked).order_by("-id")
        assert found == [str(call.pk) for call in wanted], query
        assert ScheduledCall.objects.filter(pk__in=found).count() == len(found)
