"""What the API makes of the words of its documentation, reading by reading.

Where a reading is about dialing, its tests stand with the executions; here is what the API shows.
"""

from datetime import datetime, timedelta

import pytest
from django.test import override_settings

from scheduled_calls.models import ScheduledCall
from scheduler_project import clock
from tests.client import NEXT_YEAR, Api, problem, wrong_fields
from tests.rows import make_execution

DAYLIGHT = datetime.fromisoformat("2026-12-01T12:00:00Z")


@pytest.mark.parametrize(
    ("sent", "utc"),
    [
        ("2027-02-01 14:30:00", "2027-02-01T19:30:00Z"),
        ("2027-02-01T14:30", "2027-02-01T19:30:00Z"),
        ("2027-02-01 14:30", "2027-02-01T19:30:00Z"),
        ("2027-02-01T14:30:00Z", "2027-02-01T14:30:00Z"),
        ("2027-02-01 14:30:00+01:00", "2027-02-01T13:30:00Z"),
        ("2027-03-14 02:30:00", "2027-03-14T07:00:00Z"),  # in the gap: 03:00 EDT
        ("2027-11-07 01:30:00", "2027-11-07T05:30:00Z"),  # twice: the first, EDT
    ],
)
def test_1_a_naive_time_is_wall_clock_and_one_with_an_offset_is_an_instant(
    api: Api, monkeypatch: pytest.MonkeyPatch, sent: str, utc: str
) -> None:
    monkeypatch.setattr(clock, "now", lambda: DAYLIGHT)
    assert api.schedule(scheduled_time=sent)["scheduled_time_utc"] == utc


def test_1_the_answer_shows_what_was_stored(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DAYLIGHT)
    shown = api.schedule(scheduled_time="2027-03-14 02:30:00")
    assert shown["scheduled_time"] == "2027-03-14 03:00:00"


def test_2_a_minute_in_the_past_is_now_and_more_is_a_400_that_tells_the_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = DAYLIGHT
    monkeypatch.setattr(clock, "now", lambda: now)
    recent = (now - timedelta(seconds=60)).isoformat()
    assert api.schedule(scheduled_time=recent)["status"] == "active"
    old = (now - timedelta(seconds=61)).isoformat()
    answer = api.post("scheduled-calls", {"agent_id": "a", "phone_number": "+1234567890",
                                          "scheduled_time": old,
                                          "timezone": "Asia/Tokyo"})  # fmt: skip
    assert wrong_fields(answer) == {"scheduled_time": "scheduled_time_in_past"}
    assert "in Asia/Tokyo it is 2026-12-01 21:00" in answer.json()["detail"]


def test_3_an_unknown_zone_is_a_400_with_the_nearest_names(api: Api) -> None:
    body = {"agent_id": "a", "phone_number": "+1234567890", "timezone": "Amerika/New_York",
            "scheduled_time": f"{NEXT_YEAR}-01-01 10:00"}  # fmt: skip
    told = problem(api.post("scheduled-calls", body), 400)
    assert "America/New_York" in told["detail"]


def test_3_a_missing_zone_is_the_settings_one(api: Api) -> None:
    body = {"agent_id": "a", "phone_number": "+1234567890",
            "scheduled_time": f"{NEXT_YEAR}-01-01 10:00"}  # fmt: skip
    assert api.post("scheduled-calls", body).json()["timezone"] == "UTC"


def test_4_sunday_may_be_seven_and_nicknames_are_known(api: Api) -> None:
    def next_run(text: str) -> str:
        return str(api.schedule_recurring(cron_expression=text)["next_run_at"])

    assert next_run("0 9 * * 7") == next_run("0 9 * * 0") == next_run("0 9 * * sun")
    assert next_run("@daily") == next_run("0 0 * * *")


def test_5_a_fixed_time_rings_once_a_day_across_both_changes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2027-11-06T12:00:00Z"))
    body = {"agent_id": "a", "phone_number": "+1234567890", "timezone": "America/New_York",
            "cron_expression": "30 1 * * *", "count": 3}  # fmt: skip
    shown = api.post("scheduled-calls/preview", body).json()["occurrences"]
    assert [one["scheduled_time"] for one in shown] == [
        "2027-11-07 01:30:00", "2027-11-08 01:30:00", "2027-11-09 01:30:00",
    ]  # fmt: skip
    assert shown[0]["note"] == "dst_overlap"


def test_6_max_occurrences_below_the_count_already_reached_is_a_400(api: Api) -> None:
    call = api.schedule_recurring(max_occurrences=12)
    ScheduledCall.objects.filter(pk=call["id"]).update(occurrence_count=5)
    answer = api.send("patch", f"scheduled-calls/{call['id']}", {"max_occurrences": 4})
    assert wrong_fields(answer) == {"max_occurrences": "below_count"}
    answer = api.send("patch", f"scheduled-calls/{call['id']}", {"max_occurrences": None})
    assert answer.json()["max_occurrences"] is None


def test_7_cancelling_ends_a_waiting_retry_and_a_missed_call_wants_a_new_time(api: Api) -> None:
    call = api.schedule()
    ScheduledCall.objects.filter(pk=call["id"]).update(
        status="missed", next_run_at=None, next_execution_id=None
    )
    assert (
        problem(api.post(f"scheduled-calls/{call['id']}/resume"), 409)["code"] == "time_has_passed"
    )


def test_10_execute_now_is_a_409_with_the_reason_on_cancelled_and_missed_calls(api: Api) -> None:
    for status in ("cancelled", "missed"):
        call = api.schedule()
        ScheduledCall.objects.filter(pk=call["id"]).update(
            status=status, next_run_at=None, next_execution_id=None
        )
        told = problem(api.post(f"scheduled-calls/{call['id']}/execute"), 409)
        assert status in told["detail"]


def test_10_execute_now_uses_up_no_occurrence_and_moves_no_schedule(api: Api) -> None:
    call = api.schedule_recurring()
    api.post(f"scheduled-calls/{call['id']}/execute")
    shown = api.get(f"scheduled-calls/{call['id']}").json()
    assert shown["occurrence_count"] == 0
    assert shown["next_run_at"] == call["next_run_at"]


def test_11_a_policy_is_shown_filled_in(api: Api) -> None:
    shown = api.schedule(retry_policy={"max_retries": 2, "retry_delay": 300})
    assert shown["retry_policy"] == {
        "max_retries": 2,
        "retry_delay": 300,
        "exponential_backoff": False,
        "retry_on": ["timeout", "no_answer", "busy"],
    }


def test_11_retry_on_takes_six_words_and_no_policy_is_null(api: Api) -> None:
    words = ["timeout", "no_answer", "busy", "failed", "voicemail", "provider_error"]
    shown = api.schedule(retry_policy={"max_retries": 10, "retry_delay": 86_400, "retry_on": words})
    assert shown["retry_policy"]["retry_on"] == words
    assert api.schedule()["retry_policy"] is None


@pytest.mark.parametrize("field", ["customer_context", "metadata"])
def test_12_an_object_may_take_16_kib_and_no_more(api: Api, field: str) -> None:
    # {"x": "..."} adds nine characters
    assert api.schedule(**{field: {"x": "y" * (16 * 1024 - 9)}})
    answer = api.post("scheduled-calls", {**_plain(), field: {"x": "y" * (16 * 1024 - 8)}})
    assert wrong_fields(answer) == {field: "too_large"}


def _plain() -> dict[str, str]:
    return {
        "agent_id": "a",
        "phone_number": "+1234567890",
        "scheduled_time": f"{NEXT_YEAR}-01-01 10:00",
    }


def test_13_a_number_is_e164_and_a_setting_turns_on_full_validity(api: Api) -> None:
    from dataclasses import replace

    from django.conf import settings

    assert api.schedule(phone_number="+1234567890")
    with override_settings(SCHEDULER=replace(settings.SCHEDULER, full_number_validity=True)):
        answer = api.post("scheduled-calls", {**_plain(), "phone_number": "+1234567890"})
        assert wrong_fields(answer) == {"phone_number": "invalid"}
        assert api.schedule(phone_number="+12025550123"[:9] + "123")


def test_14_the_zone_alone_moves_a_wall_clock_and_keeps_an_instant(api: Api) -> None:
    wall = api.schedule(scheduled_time=f"{NEXT_YEAR}-02-01 14:30:00")
    instant = api.schedule(scheduled_time=f"{NEXT_YEAR}-02-01 14:30:00-05:00")
    shown = api.send("put", f"scheduled-calls/{wall['id']}", {"timezone": "Asia/Tokyo"}).json()
    assert shown["scheduled_time"] == f"{NEXT_YEAR}-02-01 14:30:00"
    assert shown["next_run_at"] == f"{NEXT_YEAR}-02-01T05:30:00Z"
    shown = api.send("put", f"scheduled-calls/{instant['id']}", {"timezone": "Asia/Tokyo"}).json()
    assert shown["scheduled_time"] == f"{NEXT_YEAR}-02-02 04:30:00"
    assert shown["next_run_at"] == f"{NEXT_YEAR}-02-01T19:30:00Z"


@pytest.mark.parametrize("status", ["missed", "completed"])
def test_14_a_new_time_makes_what_is_over_active_again(api: Api, status: str) -> None:
    call = api.schedule()
    ScheduledCall.objects.filter(pk=call["id"]).update(
        status=status, next_run_at=None, next_execution_id=None
    )
    new = {"scheduled_time": f"{NEXT_YEAR}-03-01 10:00"}
    shown = api.send("put", f"scheduled-calls/{call['id']}", new).json()
    assert (shown["status"], shown["next_run_at"]) == ("active", f"{NEXT_YEAR}-03-01T15:00:00Z")


def test_14_paused_stays_paused_with_its_new_time(api: Api) -> None:
    call = api.schedule()
    api.post(f"scheduled-calls/{call['id']}/pause")
    new = {"scheduled_time": f"{NEXT_YEAR}-03-01 10:00"}
    shown = api.send("put", f"scheduled-calls/{call['id']}", new).json()
    assert (shown["status"], shown["next_run_at"]) == ("paused", None)
    shown = api.post(f"scheduled-calls/{call['id']}/resume").json()
    assert shown["next_run_at"] == f"{NEXT_YEAR}-03-01T15:00:00Z"


def test_16_health_counts_what_is_active_with_a_next_run(api: Api) -> None:
    call = api.schedule()
    make_execution(call["id"], status="in_progress")
    ScheduledCall.objects.filter(pk=call["id"]).update(next_run_at=None, next_execution_id=None)
    shown = api.get("scheduler/health").json()
    assert (shown["scheduled_calls_pending"], shown["scheduled_calls_total"]) == (0, 1)


def test_17_a_webhook_url_without_events_means_the_seeds_three(api: Api) -> None:
    shown = api.schedule(webhook_url="https://yourapp.com/webhooks/call-executed")
    assert shown["webhook_events"] == ["started", "completed", "failed"]
    answer = api.post("scheduled-calls", {**_plain(), "webhook_events": ["failed"]})
    assert wrong_fields(answer) == {"webhook_events": "needs_webhook_url"}


def test_17_taking_the_url_away_takes_the_events_away(api: Api) -> None:
    call = api.schedule(webhook_url="https://yourapp.com/x", webhook_events=["failed"])
    shown = api.send("patch", f"scheduled-calls/{call['id']}", {"webhook_url": None}).json()
    assert (shown["webhook_url"], shown["webhook_events"]) == (None, None)
