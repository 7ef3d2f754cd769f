"""The operators' list of scheduled calls."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from executions import interruption
from executions.manual import execute_now
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.admin.site import CALLS, Site, text_of
from tests.client import NEXT_YEAR, one_time, recurring


def test_the_next_run_is_wall_clock_in_the_calls_own_zone(site: Site, call: ScheduledCall) -> None:
    shown = text_of(site.get(CALLS))
    assert f"{NEXT_YEAR}-02-01 14:30:00 America/New_York" in shown
    assert "19:30:00" not in shown


def test_the_last_execution_is_shown(site: Site, alice: User, call: ScheduledCall) -> None:
    execute_now(alice, call.pk)
    assert "pending" in text_of(site.get(CALLS))


@pytest.mark.parametrize(
    "words", ["Follow-up", "follow-UP call", "agent-123", "+1 (234) 567", "234567890"]
)
def test_a_search_finds_by_a_part(site: Site, call: ScheduledCall, alice: User, words: str) -> None:
    services.schedule_call(
        alice, one_time(name="Other", agent_id="someone", phone_number="+4930555000")
    )
    found = site.get(CALLS, q=words).context["cl"].result_list
    assert [row.pk for row in found] == [call.pk]


def test_a_search_finds_by_id(site: Site, call: ScheduledCall, weekly: ScheduledCall) -> None:
    found = site.get(CALLS, q=str(call.pk)).context["cl"].result_list
    assert [row.pk for row in found] == [call.pk]


def test_filters_by_status_and_kind(
    site: Site, alice: User, call: ScheduledCall, weekly: ScheduledCall
) -> None:
    interruption.pause(alice, weekly.pk)
    for query, wanted in (
        ({"status__exact": "paused"}, weekly),
        ({"status__exact": "active"}, call),
        ({"kind": "recurring"}, weekly),
        ({"kind": "one_time"}, call),
    ):
        found = site.get(CALLS, **query).context["cl"].result_list
        assert [row.pk for row in found] == [wanted.pk], query


@pytest.mark.parametrize(
    "query",
    [
        {"q": "a\x00b"},
        {"q": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
        {"p": "999999999999"},
        {"p": "x"},
        {"p": "-1"},
        {"kind": "\x00"},
        {"status__exact": "nonsense"},
        {"id__exact": "bogus"},
        {"nonsense": "1"},
        {"o": "99"},
        {"all": ""},
        {"e": "1"},
    ],
)
def test_a_bogus_query_is_no_crash(site: Site, call: ScheduledCall, query: dict[str, Any]) -> None:
    assert site.client.get(f"/admin/{CALLS}", query, follow=True).status_code in (200, 400)


def test_queries_do_not_grow_with_rows(
    site: Site, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        services.schedule_recurring_call(alice, recurring(phone_number=f"+1212555{number:04}"))
    site.get(CALLS)
    with django_assert_max_num_queries(12) as few:
        site.get(CALLS)
    for number in range(45):
        made = services.schedule_call(alice, one_time(phone_number=f"+1213555{number:04}"))
        execute_now(alice, made.pk)
    with django_assert_max_num_queries(len(few)):
        assert len(site.get(CALLS).context["cl"].result_list) == 50


def test_a_long_list_is_estimated_and_not_counted(
    site: Site, alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    from scheduler_project.admin_base import EstimatingPaginator

    monkeypatch.setattr(EstimatingPaginator, "COUNTED", 3)
    for number in range(6):
        services.schedule_call(alice, one_time(phone_number=f"+1212555{number:04}"))
    with django_assert_max_num_queries(20) as made:
        assert "Show counts" not in text_of(site.get(CALLS, _facets="True"))
    asked = [query["sql"] for query in made.captured_queries]
    assert any("EXPLAIN" in sql for sql in asked)
    assert all("LIMIT 4" in sql for sql in asked if "COUNT(" in sql)


def test_no_page_holds_a_drop_down_of_rows(site: Site, call: ScheduledCall) -> None:
    User.objects.create_user("somebody-else")
    services.schedule_call(User.objects.get(username="alice"), one_time())
    for path in (CALLS, f"{CALLS}add/", f"{CALLS}{call.pk}/change/"):
        page = site.get(path).content.decode()
        assert "somebody-else" not in page, path
        assert f'value="{call.clocked_id}"' not in page, path
