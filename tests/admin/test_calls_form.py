"""Operators add and change scheduled calls by a form that knows the API's rules and sentences."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from executions import interruption
from executions.manual import execute_now
from executions.models import Execution
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.admin.site import CALLS, Site, told, wrong
from tests.client import NEXT_YEAR, Api, one_time, problem

ADD = f"{CALLS}add/"


def filled(owner: User, /, **fields: Any) -> dict[str, Any]:
    """The add form, filled in right for a one-time call."""
    return {
        "owner": owner.pk,
        "agent_id": "agent-123",
        "phone_number": "+12125550123",
        "timezone": "America/New_York",
        "scheduled_time": f"{NEXT_YEAR}-02-01 14:30:00",
        **fields,
    }


def change(call: ScheduledCall) -> str:
    """The address of a call's form."""
    return f"{CALLS}{call.pk}/change/"


def test_a_one_time_call_is_added(site: Site, alice: User) -> None:
    data = filled(alice, metadata='{"a": [1, "ü"]}', webhook_url="https://example.com/hooks")
    assert any("was added successfully" in message for message in told(site.post(ADD, data)))
    call = ScheduledCall.objects.get()
    assert call.owner == alice
    assert call.scheduled_time == f"{NEXT_YEAR}-02-01 14:30:00"
    assert call.next_run_at is not None
    assert call.next_run_at.isoformat() == f"{NEXT_YEAR}-02-01T19:30:00+00:00"
    assert call.metadata == {"a": [1, "ü"]}
    assert call.webhook_events == ["started", "completed", "failed"]


def test_a_recurring_call_is_added(site: Site, alice: User) -> None:
    data = filled(alice, scheduled_time="", cron_expression="0 9 * * MON", max_occurrences="12")
    site.post(ADD, data)
    call = ScheduledCall.objects.get()
    assert (call.kind, call.cron_expression, call.max_occurrences) == (
        "recurring",
        "0 9 * * MON",
        12,
    )
    assert call.crontab is not None
    assert call.crontab.day_of_week == "1"


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("agent_id", "", "agent_id is missing"),
        ("phone_number", "12", "E.164"),
        ("phone_number", "+1\x002125550123", "Null characters"),
        ("timezone", "Europe/Berlim", "Europe/Berlin"),
        ("scheduled_time", "tomorrow", "2027"),
        ("scheduled_time", "2020-01-01 10:00", "in the past: in America/New_York it is"),
        ("scheduled_time", "", "Fill in one of the two"),
        ("cron_expression", "0 9 * * MON", "not both"),
        ("max_occurrences", "12", "a one-time call has no max_occurrences"),
        ("max_occurrences", "many", "Write a whole number"),
        ("max_occurrences", "9" * 5000, "whole number"),
        ("metadata", "{a: 1}", "line 1 column 2"),
        ("metadata", '{"a": "\\u0000"}', "cannot be stored"),
        ("metadata", '{"a": NaN}', "NaN"),
        ("metadata", "[1]", "write an object"),
        ("metadata", "[" * 5000, "nested deeper"),
        ("customer_context", '{"a": "\\ud800"}', "surrogate"),
        ("customer_context", '{"a": "' + "x" * 20_000 + '"}', "at most 16384 fit"),
        ("retry_policy", '{"max_retries": 99}', "from 0 to 10"),
        ("webhook_url", "ftp://example.com", "http"),
        ("webhook_events", ["started"], "needs a webhook_url"),
        ("webhook_events", ["nonsense"], "nonsense"),
        ("name", "x" * 300, "at most 255"),
        ("owner", "", "required"),
        ("owner", "99999999", "valid choice"),
        ("owner", "x", "valid choice"),
        ("owner", "9" * 30, "valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_stored(
    site: Site, alice: User, field: str, typed: Any, sentence: str
) -> None:
    answer = site.post(ADD, filled(alice, **{field: typed}))
    assert answer.status_code == 200
    assert sentence in wrong(answer).get(field, ""), wrong(answer)
    assert not ScheduledCall.objects.exists()


def test_all_that_is_wrong_is_said_at_once(site: Site, alice: User) -> None:
    data = filled(alice, agent_id="", phone_number="12", metadata="{", max_occurrences="x")
    assert {"agent_id", "phone_number", "metadata", "max_occurrences"} <= wrong(
        site.post(ADD, data)
    ).keys()


def test_the_sentences_are_the_apis(site: Site, alice: User, api: Api) -> None:
    body = one_time(phone_number="12", timezone="Mars/Base")
    theirs = problem(api.post("scheduled-calls", body), 400)["errors"]
    ours = wrong(site.post(ADD, filled(alice, phone_number="12", timezone="Mars/Base")))
    assert ours == {error["field"]: error["message"] for error in theirs}


def test_an_edit_moves_the_instant_exactly_as_the_api_does(
    site: Site, alice: User, api: Api
) -> None:
    for typed in ({"timezone": "Europe/Berlin"}, {"scheduled_time": f"{NEXT_YEAR}-03-14 02:30"}):
        ours = services.schedule_call(alice, one_time())
        theirs = services.schedule_call(alice, one_time())
        site.post(change(ours), {**site.form(change(ours)), **typed})
        api.send("patch", f"scheduled-calls/{theirs.pk}", typed)
        ours.refresh_from_db()
        theirs.refresh_from_db()
        for column in ("next_run_at", "wall_clock", "timezone", "timing_revision", "status"):
            assert getattr(ours, column) == getattr(theirs, column), (typed, column)
        assert ours.instant == theirs.instant
        assert ours.timing_revision == 2


def test_a_zone_alone_keeps_an_instant_that_was_given_with_an_offset(
    site: Site, alice: User
) -> None:
    call = services.schedule_call(alice, one_time(scheduled_time=f"{NEXT_YEAR}-02-01T14:30:00Z"))
    before = call.instant
    site.post(change(call), {**site.form(change(call)), "timezone": "Asia/Tokyo"})
    call.refresh_from_db()
    assert (call.timezone, call.instant) == ("Asia/Tokyo", before)


def test_saving_what_is_shown_changes_nothing(site: Site, weekly: ScheduledCall) -> None:
    weekly.refresh_from_db()
    before = {field.name: getattr(weekly, field.attname) for field in weekly._meta.fields}
    answer = site.post(change(weekly), site.form(change(weekly)))
    assert not wrong_or_none(answer)
    weekly.refresh_from_db()
    assert before == {field.name: getattr(weekly, field.attname) for field in weekly._meta.fields}


def test_a_cleared_limit_means_without_end(site: Site, weekly: ScheduledCall) -> None:
    site.post(change(weekly), {**site.form(change(weekly)), "max_occurrences": ""})
    weekly.refresh_from_db()
    assert weekly.max_occurrences is None


def test_a_wrong_edit_says_so_and_changes_nothing(site: Site, call: ScheduledCall) -> None:
    data = {**site.form(change(call)), "scheduled_time": "2020-01-01 10:00", "name": "New"}
    assert "in the past" in wrong(site.post(change(call), data))["scheduled_time"]
    call.refresh_from_db()
    assert call.name == "Follow-up call for John"


def test_a_new_time_ends_what_waits_for_the_old_one(
    site: Site, alice: User, weekly: ScheduledCall
) -> None:
    waiting = execute_now(alice, weekly.pk)
    Execution.objects.filter(pk=waiting.pk).update(trigger="schedule")
    site.post(change(weekly), {**site.form(change(weekly)), "cron_expression": "0 10 * * MON"})
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("skipped", "rescheduled")


def test_the_form_shows_only_the_fields_of_its_kind(
    site: Site, call: ScheduledCall, weekly: ScheduledCall
) -> None:
    once, again = site.form(change(call)), site.form(change(weekly))
    assert "scheduled_time" in once
    assert "cron_expression" not in once
    assert "cron_expression" in again
    assert "scheduled_time" not in again
    assert "owner" not in once


def test_a_cancelled_call_is_shown_and_cannot_be_edited(
    site: Site, alice: User, call: ScheduledCall
) -> None:
    data = site.form(change(call))
    interruption.cancel(alice, call.pk)
    assert site.get(change(call)).status_code == 200
    assert site.post(change(call), {**data, "name": "New"}).status_code == 403
    call.refresh_from_db()
    assert call.name == "Follow-up call for John"


def test_lines_of_a_description_end_as_they_were_stored(
    site: Site, alice: User, call: ScheduledCall
) -> None:
    site.post(change(call), {**site.form(change(call)), "description": "one\r\ntwo"})
    call.refresh_from_db()
    assert call.description == "one\ntwo"


@pytest.mark.parametrize(
    "id_", ["bogus", "%00", "1", "0" * 400, "01900000-0000-7000-8000-000000000000"]
)
def test_a_bogus_id_leads_back_to_the_index_with_a_sentence(site: Site, id_: str) -> None:
    answer = site.client.get(f"/admin/{CALLS}{id_}/change/", follow=True)
    assert answer.status_code in (200, 404)
    if answer.status_code == 200:
        assert "exist. Perhaps it was deleted?" in told(answer)[0]


def wrong_or_none(answer: Any) -> dict[str, str]:
    """The errors of a form; none where the page holds no form any more."""
    return wrong(answer) if answer.context and "adminform" in answer.context else {}
