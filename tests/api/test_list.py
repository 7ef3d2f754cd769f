"""The list of scheduled calls: newest first, in pages, filtered."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduled_calls.models import ScheduledCall
from tests.client import NEXT_YEAR, Api, problem, wrong_fields
from tests.rows import make_execution


def found(api: Api, **query: Any) -> list[str]:
    """The names on the first page."""
    answer = api.get("scheduled-calls", query)
    assert answer.status_code == 200, answer.json()
    return [call["name"] for call in answer.json()["results"]]


def test_the_newest_comes_first(api: Api) -> None:
    for name in ("first", "second", "third"):
        api.schedule(name=name)
    assert found(api) == ["third", "second", "first"]


def test_an_empty_list_is_a_page_too(api: Api) -> None:
    answer = api.get("scheduled-calls")
    assert answer.json() == {"next": None, "previous": None, "results": []}


def test_pages_hang_together_while_rows_are_added(api: Api) -> None:
    for number in range(5):
        api.schedule(name=str(number))
    page = api.get("scheduled-calls", {"limit": 2}).json()
    assert [call["name"] for call in page["results"]] == ["4", "3"]
    api.schedule(name="new")
    seen = []
    while page["next"]:
        address = urlsplit(page["next"])
        page = api.ask(f"{address.path}?{address.query}").json()
        seen += [call["name"] for call in page["results"]]
    assert seen == ["2", "1", "0"]
    address = urlsplit(page["previous"])
    page = api.ask(f"{address.path}?{address.query}").json()
    assert [call["name"] for call in page["results"]] == ["2", "1"]


def test_a_page_takes_the_same_few_queries_however_long_it_is(api: Api) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            api.get("scheduled-calls", {"limit": 200})
        return len(captured)

    for _ in range(2):
        make_execution(api.schedule()["id"])
    few = queries()
    for _ in range(10):
        make_execution(api.schedule()["id"])
        api.schedule_recurring()
    assert queries() == few <= 4


def test_the_last_execution_is_the_one_that_was_due_last(api: Api) -> None:
    call = api.schedule_recurring()
    newest = make_execution(call["id"], status="failed")
    make_execution(call["id"], scheduled_for=newest.scheduled_for - timedelta(days=7))
    shown = api.get("scheduled-calls").json()["results"][0]
    assert shown["last_execution"] == {"execution_id": str(newest.pk), "status": "failed"}


def test_filters_by_what_it_is(api: Api) -> None:
    api.schedule(name="once", agent_id="a1", phone_number="+12125550123", batch_id="b1")
    api.schedule_recurring(name="weekly", agent_id="a2")
    paused = api.schedule(name="paused")
    api.post(f"scheduled-calls/{paused['id']}/pause")
    assert found(api, status="paused") == ["paused"]
    assert found(api, kind="recurring") == ["weekly"]
    assert found(api, kind="one_time") == ["paused", "once"]
    assert found(api, agent_id="a1") == ["once"]
    assert found(api, phone_number="+1 (212) 555-0123") == ["once"]
    assert found(api, batch_id="b1") == ["once"]
    assert found(api, status="active", kind="one_time") == ["once"]


def test_a_plus_that_was_not_escaped_is_still_a_plus(api: Api) -> None:
    api.schedule(name="once", phone_number="+12125550123")
    answer = api.ask("/api/scheduled-calls?phone_number=+12125550123")
    assert len(answer.json()["results"]) == 1


def test_filters_by_metadata_compared_as_text(api: Api) -> None:
    api.schedule(name="text", metadata={"priority": "1", "2024": "yes", "a.b": "dotted"})
    api.schedule(name="number", metadata={"priority": 1})
    api.schedule(name="truth", metadata={"priority": True})
    assert found(api, **{"metadata.priority": "1"}) == ["number", "text"]
    assert found(api, **{"metadata.priority": "true"}) == ["truth"]
    assert found(api, **{"metadata.2024": "yes"}) == ["text"]
    assert found(api, **{"metadata.a.b": "dotted"}) == ["text"]
    assert found(api, **{"metadata.priority": "1", "metadata.2024": "yes"}) == ["text"]
    assert found(api, **{"metadata.'; DROP TABLE x": "1"}) == []


def test_filters_by_times(api: Api) -> None:
    api.schedule(name="january", scheduled_time=f"{NEXT_YEAR}-01-01 12:00", timezone="UTC")
    api.schedule(name="march", scheduled_time=f"{NEXT_YEAR}-03-01 12:00", timezone="UTC")
    assert found(api, next_run_after=f"{NEXT_YEAR}-01-01T12:00:00Z") == ["march", "january"]
    assert found(api, next_run_after=f"{NEXT_YEAR}-01-01T12:00:01Z") == ["march"]
    assert found(api, next_run_before=f"{NEXT_YEAR}-03-01T13:00:00+01:00") == ["january"]
    assert found(api, next_run_before=f"{NEXT_YEAR}-03-01 12:00") == ["january"]
    assert found(api, created_after="2020-01-01T00:00Z") == ["march", "january"]
    assert found(api, created_before="2020-01-01T00:00Z") == []


@pytest.mark.parametrize("words", ["john", "JOHN D", "555-0123", "agent-9", "100%", "_"])
def test_search_finds_a_part_of_name_number_or_agent(api: Api, words: str) -> None:
    api.schedule(name="John Doe 100%_", phone_number="+12125550123", agent_id="agent-99")
    api.schedule(name="somebody", phone_number="+12125550188", agent_id="agent-1")
    assert found(api, search=words) == ["John Doe 100%_"]


def test_search_finds_an_id(api: Api) -> None:
    wanted = api.schedule(name="wanted")
    api.schedule(name="other")
    assert found(api, search=wanted["id"]) == ["wanted"]
    assert found(api, search=f" {wanted['id'][-12:]} ") == ["wanted"]


@pytest.mark.parametrize(
    "query",
    [
        "status=sleeping", "kind=weekly", "phone_number=john", "next_run_after=tomorrow",
        "next_run_before=2027-02-30", "created_after=1", "created_before=2027-01-01T00:00:00+25:00",
        "limit=0", "limit=ten", "limit=-1", "limit=%D9%A3", "limit=", "cursor=abc", "cursor=%00",
        "cursor=cD1hYmM%3D", "cursor=cD0wMDAw", "search=%00", "agent_id=%00", "metadata.x=%00",
        "metadata.%00=x", "status=active&status=paused", "search=" + "x" * 600,
        "next_run_after=9999-12-31T23:59:59-12:00", "next_run_after=0001-01-01T00:00:00+12:00",
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_a_400_that_names_it(api: Api, query: str) -> None:
    told = problem(api.ask(f"/api/scheduled-calls?{query}"), 400)
    assert query.partition("=")[0].replace("%00", "\x00") in [e["field"] for e in told["errors"]]


def test_an_unknown_parameter_is_a_400_that_names_the_known_ones(api: Api) -> None:
    answer = api.get("scheduled-calls", {"colour": "red", "ordering": "name"})
    assert wrong_fields(answer) == {"colour": "unknown_parameter", "ordering": "unknown_parameter"}
    assert "next_run_after" in answer.json()["errors"][0]["message"]
    assert wrong_fields(api.get("scheduled-calls", {"metadata.": "x"}))


def test_bytes_that_are_no_utf_8_do_no_harm(api: Api) -> None:
    for query in ("search=%ED%A0%80", "search=%FF", "%FF=1", "metadata.%ED%A0%80=1"):
        assert api.ask(f"/api/scheduled-calls?{query}").status_code in (200, 400)


def test_a_limit_above_200_means_200(api: Api) -> None:
    call = api.schedule()
    row = ScheduledCall.objects.select_related("crontab").get(pk=call["id"])
    assert row is not None
    assert api.get("scheduled-calls", {"limit": 1000}).status_code == 200
