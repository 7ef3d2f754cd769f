"""Operators read what happened, and call off what waits."""

from datetime import UTC
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.manual import execute_now
from executions.models import Execution
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.admin.rows import failed
from tests.admin.site import EXECUTIONS, Site, text_of, told
from tests.client import recurring


@pytest.fixture
def execution(alice: User, weekly: ScheduledCall) -> Execution:
    """One that waits, opened by hand."""
    return execute_now(alice, weekly.pk)


def page(execution: Execution) -> str:
    """The address of its page."""
    return f"{EXECUTIONS}{execution.pk}/change/"


def test_times_are_shown_in_the_calls_zone_and_in_utc(
    site: Site, execution: Execution, weekly: ScheduledCall
) -> None:
    at_home = f"{weekly.local(execution.scheduled_for)} America/New_York"
    in_utc = f"{execution.scheduled_for.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    for path in (EXECUTIONS, page(execution)):
        shown = text_of(site.get(path))
        assert at_home in shown
        assert in_utc in shown


def test_reason_and_error_are_sentences(site: Site, execution: Execution) -> None:
    failed(execution)
    shown = text_of(site.get(page(execution)))
    assert "Nobody answered. it rang for 30 s" in shown
    assert "the retry policy allows no further one" in shown
    assert "answered by: nobody" in shown


def test_attempts_stand_on_the_page(site: Site, execution: Execution) -> None:
    failed(execution)
    shown = text_of(site.get(page(execution)))
    assert "no answer" in shown
    assert "sandbox" in shown
    assert f"call-of-{execution.pk}" in shown


def test_the_page_leads_to_its_call_and_its_deliveries(site: Site, execution: Execution) -> None:
    shown = site.get(page(execution)).content.decode()
    assert f"/admin/scheduled_calls/scheduledcall/{execution.scheduled_call_id}/change/" in shown
    assert f"/admin/webhooks/delivery/?execution_id__exact={execution.pk}" in shown
    assert site.get("webhooks/delivery/", execution_id__exact=execution.pk).status_code == 200


def test_nobody_adds_changes_or_deletes_one(
    site: Site, operator: User, execution: Execution
) -> None:
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    assert site.get(f"{EXECUTIONS}add/").status_code == 403
    assert site.post(page(execution), {"status": "completed"}).status_code == 403
    assert site.post(f"{EXECUTIONS}{execution.pk}/delete/", {"post": "yes"}).status_code == 403
    execution.refresh_from_db()
    assert execution.status == "pending"


@pytest.mark.parametrize("by", ["list", "button"])
def test_a_waiting_one_is_called_off(site: Site, execution: Execution, by: str) -> None:
    if by == "list":
        answer = site.act(EXECUTIONS, "cancel_waiting", [execution])
    else:
        answer = site.post(f"{EXECUTIONS}{execution.pk}/cancel/")
    assert told(answer) == ["Cancelled 1 execution."]
    execution.refresh_from_db()
    assert (execution.status, execution.reason) == ("skipped", "cancelled_by_owner")


def test_one_that_is_over_says_so(site: Site, execution: Execution) -> None:
    failed(execution)
    assert f"{EXECUTIONS}{execution.pk}/cancel/" not in site.get(page(execution)).content.decode()
    assert told(site.post(f"{EXECUTIONS}{execution.pk}/cancel/")) == [
        "Weekly check-in: This execution is failed; only one that waits can be cancelled."
    ]


def test_an_onlooker_calls_nothing_off(onlookers_site: Site, execution: Execution) -> None:
    site = onlookers_site
    assert "cancel_waiting" not in site.get(EXECUTIONS).content.decode()
    assert f"{execution.pk}/cancel/" not in site.get(page(execution)).content.decode()
    assert site.act(EXECUTIONS, "cancel_waiting", [execution]).status_code == 403
    assert site.post(f"{EXECUTIONS}{execution.pk}/cancel/").status_code == 403
    execution.refresh_from_db()
    assert execution.status == "pending"


def test_searches_by_id_call_number_and_name(site: Site, alice: User, execution: Execution) -> None:
    other = services.schedule_recurring_call(
        alice, recurring(name="Other", phone_number="+4930555000")
    )
    execute_now(alice, other.pk)
    for words in (execution.pk, execution.scheduled_call_id, "weekly", "+1 (234) 567-890"):
        found = site.get(EXECUTIONS, q=str(words)).context["cl"].result_list
        assert [row.pk for row in found] == [execution.pk], words


@pytest.mark.parametrize("query", [{"q": "\x00"}, {"scheduled_for__gte": "x"}, {"p": "9" * 30}])
def test_a_bogus_query_is_no_crash(site: Site, execution: Execution, query: dict[str, Any]) -> None:
    assert site.client.get(f"/admin/{EXECUTIONS}", query, follow=True).status_code == 200


def test_queries_do_not_grow_with_rows(
    site: Site, alice: User, django_assert_max_num_queries: Any
) -> None:
    def more(count: int) -> None:
        for _ in range(count):
            failed(execute_now(alice, services.schedule_recurring_call(alice, recurring()).pk))

    more(5)
    site.get(EXECUTIONS)
    with django_assert_max_num_queries(12) as few:
        site.get(EXECUTIONS)
    more(45)
    with django_assert_max_num_queries(len(few)):
        assert len(site.get(EXECUTIONS).context["cl"].result_list) == 50
