"""Looking at what a body would schedule, with nothing stored."""

from datetime import datetime
from typing import Any

import pytest

from scheduled_calls.models import ScheduledCall
from scheduler_project import clock
from tests.client import NEXT_YEAR, Api, one_time, problem, recurring, wrong_fields


def preview(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("scheduled-calls/preview", body)
    assert answer.status_code == 200, answer.json()
    shown: dict[str, Any] = answer.json()
    return shown


def test_ten_occurrences_are_shown_when_nothing_is_said(api: Api) -> None:
    shown = preview(api, recurring(max_occurrences=None))
    assert shown["description"] == "At 09:00 AM, only on Monday (America/New_York)"
    assert len(shown["occurrences"]) == 10
    assert shown["occurrences"][0].keys() == {
        "scheduled_time", "scheduled_time_utc", "utc_offset", "note",
    }  # fmt: skip


def test_a_year_of_days_can_be_asked_for(api: Api) -> None:
    shown = preview(api, recurring(cron_expression="0 9 * * *", max_occurrences=None, count=366))
    assert len(shown["occurrences"]) == 366
    local = {one["scheduled_time"][11:] for one in shown["occurrences"]}
    assert local == {"09:00:00"}
    assert {one["utc_offset"] for one in shown["occurrences"]} == {"-05:00", "-04:00"}


def test_no_more_are_shown_than_max_occurrences(api: Api) -> None:
    shown = preview(api, recurring(max_occurrences=3))
    assert len(shown["occurrences"]) == 3
    assert shown["description"].endswith("3 times")


def test_a_time_in_the_gap_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    # 2027-03-14: New York's clock goes from 02:00 to 03:00
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2027-03-13T12:00:00Z"))
    body = recurring(cron_expression="30 2 * * *", count=2)
    first, second = preview(api, body)["occurrences"]
    assert first == {
        "scheduled_time": "2027-03-14 03:00:00",
        "scheduled_time_utc": "2027-03-14T07:00:00Z",
        "utc_offset": "-04:00",
        "note": "dst_gap",
    }
    assert (second["scheduled_time"], second["note"]) == ("2027-03-15 02:30:00", None)


def test_one_call_is_shown_with_its_time_in_words(api: Api) -> None:
    shown = preview(api, one_time())
    assert shown == {
        "description": f"Once, at {NEXT_YEAR}-02-01 14:30:00 (America/New_York)",
        "occurrences": [
            {
                "scheduled_time": f"{NEXT_YEAR}-02-01 14:30:00",
                "scheduled_time_utc": f"{NEXT_YEAR}-02-01T19:30:00Z",
                "utc_offset": "-05:00",
                "note": None,
            }
        ],
    }


def test_it_shows_exactly_what_a_creation_then_stores(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the real clock might pass a quarter of an hour in between
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2027-03-12T22:40:00Z"))
    shown = preview(api, recurring(cron_expression="*/15 9-17 * * MON-FRI"))
    stored = api.schedule_recurring(cron_expression="*/15 9-17 * * MON-FRI")
    assert stored["next_run_at"] == shown["occurrences"][0]["scheduled_time_utc"]


@pytest.mark.parametrize("count", [0, 367, -1, 10**400, 1.0, True, "10", [1]])
def test_a_count_that_is_none_is_refused(api: Api, count: object) -> None:
    if count == 10**400:
        problem(api.raw("scheduled-calls/preview", b'{"count": 1' + b"0" * 400 + b"}"), 400)
        return
    answer = api.post("scheduled-calls/preview", recurring(count=count))
    assert list(wrong_fields(answer)) == ["count"]


def test_what_a_creation_refuses_is_refused_here_too(api: Api) -> None:
    answer = api.post("scheduled-calls/preview", recurring(cron_expression="0 9 30 2 *", colour=1))
    assert wrong_fields(answer) == {"cron_expression": "invalid_cron", "colour": "unknown_field"}
    answer = api.post("scheduled-calls/preview", one_time(scheduled_time="2020-01-01 10:00"))
    assert wrong_fields(answer) == {"scheduled_time": "scheduled_time_in_past"}
    assert wrong_fields(api.post("scheduled-calls/preview", {})).keys() == {
        "agent_id", "phone_number", "scheduled_time",
    }  # fmt: skip
    problem(api.post("scheduled-calls/preview", []), 400)


def test_nothing_is_stored(api: Api) -> None:
    preview(api, one_time())
    preview(api, recurring())
    assert not ScheduledCall.objects.exists()
