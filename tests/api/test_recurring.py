"""Scheduling by a cron expression: the first time, the words, the shared crontab row."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import CrontabSchedule

from tests.client import Api, created, recurring, wrong_fields

GUIDE = {
    "0 9 * * MON": "At 09:00 AM, only on Monday",
    "0 9 * * MON-FRI": "At 09:00 AM, Monday through Friday",
    "0 9,14 * * *": "At 09:00 AM and 02:00 PM",
    "0 9 1 * *": "At 09:00 AM, on day 1 of the month",
    "0 9 * * 1,3,5": "At 09:00 AM, only on Monday, Wednesday, and Friday",
    "*/15 * * * *": "Every 15 minutes",
    "0 */4 * * *": "Every 4 hours",
    "0 0 * * *": "At 12:00 AM",
}


def test_the_seeds_curl_answers_201_and_rings_first_on_a_monday_at_nine(api: Api) -> None:
    shown = created(api.post("scheduled-calls/recurring", recurring()))
    local = datetime.fromisoformat(shown["next_run_at"]).astimezone(ZoneInfo("America/New_York"))
    assert f"{local:%a %H:%M:%S}" == "Mon 09:00:00"
    assert shown["kind"] == "recurring"
    assert shown["cron_expression"] == "0 9 * * MON"
    assert shown["max_occurrences"] == 12
    assert shown["scheduled_time"] is None
    assert shown["scheduled_time_utc"] is None


@pytest.mark.parametrize("expression", GUIDE)
def test_each_expression_of_the_seeds_guide_is_described_in_plain_english(
    api: Api, expression: str
) -> None:
    assert (
        api.schedule_recurring(cron_expression=expression)["cron_description"] == GUIDE[expression]
    )


def test_calls_with_the_same_rhythm_and_zone_share_one_crontab_row(api: Api) -> None:
    before = CrontabSchedule.objects.count()
    for _ in range(3):
        api.schedule_recurring(cron_expression="17 3 * * *")
    api.schedule_recurring(cron_expression="17 3 * * *", timezone="Asia/Tokyo")
    assert CrontabSchedule.objects.count() == before + 2


def test_it_may_run_indefinitely(api: Api) -> None:
    assert api.schedule_recurring(max_occurrences=None)["max_occurrences"] is None


def test_a_time_of_a_one_time_call_is_named_as_the_wrong_kind(api: Api) -> None:
    answer = api.post("scheduled-calls/recurring", recurring(scheduled_time="2027-02-01 14:30:00"))
    assert wrong_fields(answer) == {"scheduled_time": "wrong_kind"}


def test_a_trailing_slash_works_too(api: Api) -> None:
    assert api.post("scheduled-calls/recurring/", recurring()).status_code == 201
