"""Bad input of every kind: a 4xx that says what would be right, and nothing stored."""

import json
from typing import Any

import pytest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule

from scheduled_calls.models import ScheduledCall
from tests.client import NEXT_YEAR, Api, one_time, problem, recurring, wrong_fields

# digits that int() takes, and E.164, ISO 8601 and cron do not
WIDE_NUMBER = "+" + "".join(chr(0xFF10 + digit) for digit in range(1, 10)) + chr(0xFF10)
ARABIC_TIME = f"{NEXT_YEAR}-02-01 14:30".translate({ord("0") + n: 0x660 + n for n in range(10)})
ARABIC_CRON = "\u0660 \u0669 * * *"
WRONG_TYPES: list[Any] = [5, 1.5, True, [], {}, ["x"], {"a": "b"}]
TEXTS = ("agent_id", "phone_number", "timezone", "name", "description", "batch_id", "webhook_url")


def policy(**fields: Any) -> dict[str, Any]:
    return {"max_retries": 2, **fields}


WRONG: dict[str, list[Any]] = {
    "agent_id": [None, "", "   ", "x" * 256, "a\nb", "a\x07b"],
    "phone_number": [
        None, "", "john", "1234567890", "+0234567890", "+123456", "+1234567890123456",
        "++1234567890",
        "+12345x7890", "+1234567890\n", WIDE_NUMBER, "+1234567890;ext=5", "x" * 100_000,
    ],
    "timezone": [None, "", "Mars/Olympus", "EST5EDT4", "../../etc/passwd", "UTC\x07", "+02:00",
    "x" * 9999],
    "name": ["x" * 256, "a\nb", "\x1b[31m"],
    "description": ["x" * 4001, "a\x07b"],
    "batch_id": ["x" * 101],
    "customer_context": [[], "x", 5, True, {"x": "y" * 17_000}],
    "metadata": [[], "x", 5, True, {"x": "y" * 17_000}, {"x" * 17_000: 1}],
    "retry_policy": [
        [], "x", 5, {}, policy(max_retries=11), policy(max_retries=-1), policy(max_retries=1.0),
        policy(max_retries=True), policy(max_retries="2"), policy(max_retries=None),
        policy(retry_delay=0), policy(retry_delay=86_401), policy(retry_delay=0.5),
        policy(retry_delay=10**30), policy(exponential_backoff="yes"),
        policy(exponential_backoff=1),
        policy(retry_on="busy"), policy(retry_on=["rejected"]), policy(retry_on=[5]),
        policy(retry_on=[["busy"]]), policy(retry_on={}), policy(colour="red"),
    ],
    "webhook_url": [
        "x", "ftp://example.com/", "http://example.com/", "https://", "https://127.0.0.1/",
        "https://localhost/", "https://10.0.0.1/", "https://[::1]/", "https://u:p@example.com/",
        "https://example.com:22/", "https://169.254.169.254/", "https://x/" + "y" * 3000,
    ],
    "webhook_events": [["failed"], ["exploded"], "failed", {}, [5], [["failed"]], [None]],
}  # fmt: skip
WRONG_TIMES: list[Any] = [
    None, "", "soon", 1_900_000_000, f"{NEXT_YEAR}-02-30 10:00", f"{NEXT_YEAR}-02-01", "25:00",
    f"{NEXT_YEAR}-02-01 24:00:00", f"{NEXT_YEAR}-02-01 14:30:00+99:00",
    f"{NEXT_YEAR}-02-01 14:30:60",
    "2020-01-01 10:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "99999-01-01 10:00",
    ARABIC_TIME, "x" * 100_000,
]  # fmt: skip
WRONG_CRONS: list[Any] = [
    None, "", "   ", "0 9 * *", "0 0 9 * * *", "60 9 * * *", "0 24 * * *", "0 9 0 * *",
    "0 9 32 * *",
    "0 9 * 13 *", "0 9 * * 8", "0 9 30 2 *", "0 9 31 4,6 *", "0 9 ? * *", "0 9 L * *",
    "0 9 15W * *",
    "0 9 * * MON#1", "0 9 * * FRI-MON", "22-2 9 * * *", "0 9 * * MONDAY", "*/0 9 * * *",
    "*/90 * * * *",
    "5/15 * * * *", "@reboot", "@every 5m", "R R * * *", "0 9 * * *\x07", "0,, 9 * * *",
    "x" * 10_000,
    "1-2-3 * * * *", "-1 * * * *", ARABIC_CRON,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_is_stored(api: Api) -> Any:
    before = (ClockedSchedule.objects.count(), CrontabSchedule.objects.count())
    yield
    assert not ScheduledCall.objects.exists()
    assert (ClockedSchedule.objects.count(), CrontabSchedule.objects.count()) == before


def refused(api: Api, field: str, value: Any) -> None:
    for path, body in (("scheduled-calls", one_time()), ("scheduled-calls/recurring", recurring())):
        assert list(wrong_fields(api.post(path, {**body, field: value}))) == [field]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_named(api: Api, field: str, value: Any) -> None:
    refused(api, field, value)


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("value", WRONG_TYPES)
def test_what_is_no_text_is_named(api: Api, field: str, value: Any) -> None:
    refused(api, field, value)


@pytest.mark.parametrize("value", [*WRONG_TIMES, *WRONG_TYPES])
def test_a_wrong_time_is_named(api: Api, value: Any) -> None:
    answer = api.post("scheduled-calls", one_time(scheduled_time=value))
    assert list(wrong_fields(answer)) == ["scheduled_time"]


@pytest.mark.parametrize("value", [*WRONG_CRONS, *WRONG_TYPES])
def test_a_wrong_cron_expression_is_named(api: Api, value: Any) -> None:
    answer = api.post("scheduled-calls/recurring", recurring(cron_expression=value))
    assert list(wrong_fields(answer)) == ["cron_expression"]


@pytest.mark.parametrize("value", [0, -1, 13.0, 1.5, True, "12", [], {}, 10**30, 1_000_001])
def test_a_wrong_max_occurrences_is_named(api: Api, value: Any) -> None:
    answer = api.post("scheduled-calls/recurring", recurring(max_occurrences=value))
    assert list(wrong_fields(answer)) == ["max_occurrences"]


@pytest.mark.parametrize("field", ["agent_id", "phone_number", "scheduled_time"])
def test_a_missing_field_of_a_one_time_call_is_named(api: Api, field: str) -> None:
    body = one_time()
    del body[field]
    assert wrong_fields(api.post("scheduled-calls", body)) == {field: "required"}


@pytest.mark.parametrize("field", ["agent_id", "phone_number", "cron_expression"])
def test_a_missing_field_of_a_recurring_call_is_named(api: Api, field: str) -> None:
    body = recurring()
    del body[field]
    assert wrong_fields(api.post("scheduled-calls/recurring", body)) == {field: "required"}


def test_all_that_is_wrong_is_named_at_once(api: Api) -> None:
    body = {"phone_number": "john", "timezone": "Mars", "colour": None, "agent_idd": "x"}
    told = wrong_fields(api.post("scheduled-calls", body))
    assert told == {
        "agent_id": "required",
        "scheduled_time": "required",
        "phone_number": "invalid",
        "timezone": "unknown_timezone",
        "colour": "unknown_field",
        "agent_idd": "unknown_field",
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"agent_idd": "x"}, "did you mean agent_id?"),
        ({"timezone": "america/new york"}, "America/New_York"),
        ({"timezone": "Berlin"}, "Europe/Berlin"),
        ({"scheduled_time": "2020-01-01 10:00"}, "in America/New_York it is "),
        ({"phone_number": "212 555 0123"}, "+12125550123"),
        ({"webhook_url": "http://example.com/"}, "https://"),
        ({"retry_policy": {"max_retries": 11}}, "from 0 to 10"),
    ],
)
def test_the_message_says_what_would_be_right(api: Api, fields: dict[str, Any], words: str) -> None:
    told = problem(api.post("scheduled-calls", one_time(**fields)), 400)
    assert words in told["errors"][0]["message"]


@pytest.mark.parametrize("value", ["nul \x00", "half \ud800", "half " + chr(0xDFFF)])
@pytest.mark.parametrize("field", [*TEXTS, "scheduled_time", "unknown"])
def test_nul_and_half_characters_are_refused_wherever_they_are(
    api: Api, field: str, value: str
) -> None:
    for body in (one_time(**{field: value}), one_time(metadata={"a": [value]}), {value: 1}):
        problem(api.raw("scheduled-calls", json.dumps(body).encode()), 400)


@pytest.mark.parametrize("field", ["customer_context", "metadata", "retry_policy", "unknown"])
def test_deep_nesting_is_refused(api: Api, field: str) -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    told = problem(api.post("scheduled-calls", one_time(**{field: {"x": deep}})), 400)
    assert "nested deeper than 32 levels" in told["detail"]
