"""The JSON protocol: what is sent, and what each answer, lookup and callback means."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from executions.providers.base import (
    Accepted,
    ForgedCallback,
    HttpResponse,
    NoLookup,
    Refused,
    Report,
    TryLater,
    Unsure,
)
from executions.providers.http import STATUSES, HttpProvider
from executions.states import Outcome
from scheduler_project.env import SchedulerSettings
from tests.executions.providers.make import (
    ANOTHER,
    ATTEMPT,
    NOON,
    SECRET,
    a_call,
    a_ref,
    a_service,
    answer,
    signed,
)

SERVICE = a_service()
URL = "https://scheduler.example/api/providers/http/callback/1/t"


def test_the_call_is_posted_with_its_key_and_token() -> None:
    request = SERVICE.request(a_call(scheduled_time=NOON.astimezone(timezone(timedelta(hours=5)))))
    assert (request.method, request.url) == ("POST", "https://calls.example/v1/calls")
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Idempotency-Key"] == str(ATTEMPT)
    assert json.loads(request.body) == {
        "attempt_id": str(ATTEMPT),
        "execution_id": str(a_call().execution_id),
        "schedule_id": str(a_call().schedule_id),
        "agent_id": "agent_42",
        "phone_number": "+15551234567",
        "customer_context": {"name": "Zoë"},
        "metadata": {"campaign": "spring"},
        "scheduled_time": "2027-02-01T12:00:00Z",
        "callback_url": a_call().callback_url,
    }


@pytest.mark.parametrize("number", [0.1, 2**53 + 1, 2**64, -(10**40)], ids=str)
def test_numbers_of_any_size_are_sent_as_they_were_given(number: float) -> None:
    body = SERVICE.request(a_call(metadata={"ü": number})).body
    sent = json.loads(body)
    assert (sent["metadata"], sent["attempt_id"]) == ({"ü": number}, str(ATTEMPT))


@pytest.mark.parametrize(
    ("call_id", "path"),
    [("call_1", "call_1"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("../x", "..%2Fx"), ("ü", "%C3%BC")],
)
def test_a_call_id_stays_one_segment_of_the_path(call_id: str, path: str) -> None:
    fetch, hang_up = SERVICE.fetch(a_ref(call_id=call_id)), SERVICE.hang_up(a_ref(call_id=call_id))
    assert fetch is not None
    assert hang_up is not None
    assert (fetch.method, fetch.url) == ("GET", f"https://calls.example/v1/calls/{path}")
    assert (hang_up.method, hang_up.url) == ("DELETE", fetch.url)


def test_a_final_status_in_the_answer_ends_the_call_at_once() -> None:
    body = {"call_id": "c", "status": "busy", "duration": 0, "error": "line busy"}
    assert SERVICE.read(answer(200, body)) == Accepted("c", "busy", 0, None, "line busy")


def test_a_word_that_the_answer_should_not_hold_says_nothing() -> None:
    assert SERVICE.read(answer(200, {"call_id": "c", "status": "unknown"})) == Accepted("c")
    assert SERVICE.read(answer(200, {"call_id": "c", "status": "BUSY"})) == Accepted("c")


@pytest.mark.parametrize(
    "call_id",
    [None, "", "  ", 7, True, ["c"], {"id": 1}, "c" * 256, "c\x00", "c\n", "\ud800", ".", ".."],
    ids=repr,
)
def test_a_call_id_that_names_nothing_leaves_it_open(call_id: object) -> None:
    assert isinstance(SERVICE.read(answer(200, {"call_id": call_id})), Unsure)


def test_the_longest_call_id_has_255_characters() -> None:
    assert SERVICE.read(answer(200, {"call_id": "c" * 255})) == Accepted("c" * 255)


@pytest.mark.parametrize(
    ("told", "kept"),
    [(12, 12), (12.2, 13), (0, 0), (604_800, 604_800), (-1, None), (604_801, None), (1e308, None),
     (10**30, None), (True, None), ("12", None), ([], None), (None, None)],
)  # fmt: skip
def test_durations_are_whole_seconds_of_at_most_a_week(told: object, kept: int | None) -> None:
    said = SERVICE.read(answer(200, {"call_id": "c", "duration": told}))
    assert said == Accepted("c", duration=kept)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000])
def test_numbers_beyond_all_bounds_are_no_durations(number: bytes) -> None:
    said = SERVICE.read(answer(200, b'{"call_id": "c", "duration": ' + number + b"}"))
    assert isinstance(said, Unsure) or said == Accepted("c")


def test_nesting_without_end_is_garbage() -> None:
    deep = b'{"call_id": "c", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    said = SERVICE.read(answer(200, deep))
    assert isinstance(said, Unsure) or said == Accepted("c")


def test_an_answer_of_more_than_64_kib_is_none() -> None:
    body = json.dumps({"call_id": "c"}).encode()
    whole, longer = body.ljust(65_536), body.ljust(65_537)
    assert SERVICE.read(answer(200, whole)) == Accepted("c")
    assert isinstance(SERVICE.read(answer(200, longer)), Unsure)


def test_only_known_details_are_kept_and_long_ones_cut() -> None:
    told = {"summary": "s" * 40_000, "cost": 0.12, "internal": "x", "answered_by": None}
    said = SERVICE.read(answer(200, {"call_id": "c", "details": told, "ended_reason": "hangup"}))
    assert isinstance(said, Accepted)
    assert said.details == {"summary": "s" * 32_768, "cost": 0.12, "ended_reason": "hangup"}


def test_a_transcript_may_be_a_list_of_turns() -> None:
    turns = [{"role": "agent", "text": "Hello\x00"}]
    said = SERVICE.read(answer(200, {"call_id": "c", "transcript": turns}))
    assert isinstance(said, Accepted)
    assert said.details == {"transcript": [{"role": "agent", "text": "Hello\ufffd"}]}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 422, 451])
def test_a_clean_4xx_is_a_refusal(status: int) -> None:
    said = SERVICE.read(answer(status, b"<html>"))
    assert said == Refused(Outcome.PROVIDER_ERROR, f"The call service answered {status}.")


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("invalid_number", "invalid_number"), ("rejected", "rejected"), ("busy", "provider_error"),
     ("completed", "provider_error"), ("nonsense", "provider_error"), (7, "provider_error")],
)  # fmt: skip
def test_a_refusal_may_say_that_the_number_is_to_blame(word: object, outcome: str) -> None:
    assert SERVICE.read(answer(422, {"status": word, "error": "no"})) == Refused(
        Outcome(outcome), "no"
    )


def test_a_refusal_that_names_a_call_contradicts_itself() -> None:
    assert isinstance(SERVICE.read(answer(400, {"call_id": "c", "error": "x"})), Unsure)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0", 0), ("7", 7), (" 7 ", 7), ("300", 300), ("301", 300), ("9" * 5000, 300), ("-1", None),
     ("1.5", None), ("", None), ("soon", None), ("\u0667", None), ("1e3", None),
     ("Mon, 01 Feb 2027 12:00:10 GMT", 10), ("Mon, 01 Feb 2027 11:00:00 GMT", 0),
     ("Mon, 01 Feb 2038 12:00:00 GMT", 300), ("Mon, 99 Feb 2027 12:00:00 GMT", None)],
)  # fmt: skip
def test_retry_after_is_believed_up_to_five_minutes(written: str, seconds: float | None) -> None:
    headers = {"retry-after": written, "date": "Mon, 01 Feb 2027 12:00:00 GMT"}
    said = SERVICE.read(answer(429, headers=headers))
    assert isinstance(said, TryLater)
    assert said.retry_after == seconds


def test_a_date_to_retry_at_needs_the_services_own_date() -> None:
    said = SERVICE.read(answer(429, headers={"retry-after": "Mon, 01 Feb 2027 12:00:10 GMT"}))
    assert isinstance(said, TryLater)
    assert said.retry_after is None


def test_503_is_open_even_with_retry_after() -> None:
    assert isinstance(SERVICE.read(answer(503, headers={"retry-after": "5"})), Unsure)


@pytest.mark.parametrize(("word", "ours"), STATUSES.items())
def test_each_word_of_the_protocol_is_one_of_ours(word: str, ours: str) -> None:
    assert ours in {"queued", "ringing", "in_progress"} | set(Outcome.values) - {"unknown"}
    report = SERVICE.read_fetched(a_ref(), answer(200, {"call_id": "call_1", "status": word}))
    assert isinstance(report, Report)
    assert report.status == ours


def test_our_entry_is_picked_from_several() -> None:
    calls = [
        "garbage",
        {"call_id": "c0", "attempt_id": str(ANOTHER), "status": "busy"},
        {"call_id": "c1", "attempt_id": str(ATTEMPT).upper(), "status": "completed", "duration": 9},
    ]
    report = SERVICE.read_found(a_ref(), answer(200, {"calls": calls}))
    assert isinstance(report, Report)
    assert (report.call_id, report.status, report.duration) == ("c1", "completed", 9)


@pytest.mark.parametrize(
    "response",
    [answer(200, b""), answer(200, []), answer(200, {}), answer(200, {"calls": None}),
     answer(200, {"calls": {}}), answer(200, {"calls": ["x"]}), answer(204), answer(302),
     answer(401), answer(429), answer(500, {"calls": []}), answer(503, {"calls": []}),
     answer(206, {"calls": []})],
)  # fmt: skip
def test_only_an_empty_list_is_believed_to_be_empty(response: HttpResponse) -> None:
    assert isinstance(SERVICE.read_found(a_ref(), response), Unsure)


@pytest.mark.parametrize(
    "body",
    [{"call_id": "other", "status": "busy"}, {"status": "busy"}, {"call_id": None}, [], None,
     {"call_id": "call_1", "attempt_id": str(ANOTHER), "status": "busy"}],
)  # fmt: skip
def test_another_call_is_no_answer_to_a_fetch(body: object) -> None:
    assert isinstance(SERVICE.read_fetched(a_ref(), answer(200, body)), Unsure)


def test_a_call_that_was_accepted_is_never_absent() -> None:
    assert SERVICE.read_fetched(a_ref(), answer(404)) == NoLookup()
    assert isinstance(SERVICE.read_fetched(a_ref(), answer(410)), Unsure)


EVENT: dict[str, Any] = {
    "event_id": "ev_1",
    "call_id": "call_1",
    "attempt_id": str(ATTEMPT),
    "status": "completed",
    "duration": 42,
    "error": None,
    "timestamp": "2027-02-01T12:00:00Z",
}


def read_callback(body: object, **how: Any) -> list[Report]:
    """What the adapter reads at noon from a callback signed as told."""
    headers, raw = signed(body, **how)
    return SERVICE.read_callback(headers, raw, URL, NOON)


def test_a_signed_callback_is_read() -> None:
    assert read_callback(EVENT) == [
        Report("call_1", ATTEMPT, "completed", 42, event_id="ev_1", raw=EVENT)
    ]


def test_headers_may_be_written_in_any_case() -> None:
    headers, raw = signed(EVENT)
    shouted = {name.upper(): value for name, value in headers.items()}
    assert SERVICE.read_callback(shouted, raw, URL, NOON)[0].event_id == "ev_1"


@pytest.mark.parametrize("missing", [None, ""])
def test_without_an_event_id_the_message_id_names_the_event(missing: object) -> None:
    assert read_callback(EVENT | {"event_id": missing})[0].event_id == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_a_callback_from_another_time_is_forged(seconds: int) -> None:
    with pytest.raises(ForgedCallback):
        read_callback(EVENT, at=NOON + timedelta(seconds=seconds))


def test_a_callback_of_five_minutes_ago_is_believed() -> None:
    assert read_callback(EVENT, at=NOON - timedelta(seconds=300))


def test_another_secret_is_forged() -> None:
    with pytest.raises(ForgedCallback):
        read_callback(EVENT, secret="whsec_" + "A" * 44)


def test_one_changed_byte_is_forged() -> None:
    headers, raw = signed(EVENT)
    with pytest.raises(ForgedCallback):
        SERVICE.read_callback(headers, raw.replace(b"42", b"43"), URL, NOON)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_forged(name: str) -> None:
    headers, raw = signed(EVENT)
    del headers[name]
    with pytest.raises(ForgedCallback, match=name):
        SERVICE.read_callback(headers, raw, URL, NOON)


def test_without_a_secret_every_callback_is_forged() -> None:
    headers, raw = signed(EVENT)
    with pytest.raises(ForgedCallback):
        a_service(secret="").read_callback(headers, raw, URL, NOON)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", {}, {"status": None}, {"status": 7},
     EVENT | {"event_id": 7}, EVENT | {"event_id": "e" * 256}, EVENT | {"event_id": "e\x00"}],
)  # fmt: skip
def test_a_signed_callback_without_sense_gets_a_sentence(body: object) -> None:
    with pytest.raises(ValueError, match=r"^The callback"):
        read_callback(body)


def test_what_a_callback_says_wrongly_is_left_out() -> None:
    odd = {"status": "ended", "call_id": 7, "attempt_id": "x", "duration": -1, "error": {"a": 1}}
    assert read_callback(odd) == [Report(None, None, "unknown", event_id="msg_1", raw=odd)]


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"http_call_url": ""}, "URL"), ({"http_call_url": "calls.example"}, "URL"),
     ({"http_call_url": "ftp://calls.example"}, "URL"), ({"http_call_url": "https://"}, "URL"),
     ({"http_call_url": "https://u:p@calls.example"}, "URL"),
     ({"http_call_url": "https://calls.example/?a=b"}, "URL"),
     ({"http_call_url": "https://calls.example:99999"}, "URL"),
     ({"http_call_url": "https://[::1"}, "URL"),
     ({"http_call_token": "a\nb"}, "TOKEN"), ({"http_call_token": "ü"}, "TOKEN"),
     ({"http_call_secret": "whsec_short"}, "SECRET")],
)  # fmt: skip
def test_settings_that_cannot_work_stop_the_start(changes: dict[str, Any], name: str) -> None:
    right = SchedulerSettings(
        http_call_url="https://calls.example", http_call_token="t", http_call_secret=SECRET
    )
    assert HttpProvider.from_settings(right).capabilities.settle_seconds == 120
    with pytest.raises(ImproperlyConfigured, match=f"SCHEDULER_HTTP_CALL_{name}"):
        HttpProvider.from_settings(replace(right, **changes))


def test_now_is_the_only_clock() -> None:
    headers, raw = signed(EVENT, at=datetime(2031, 1, 1, tzinfo=UTC))
    assert SERVICE.read_callback(headers, raw, URL, datetime(2031, 1, 1, tzinfo=UTC))
