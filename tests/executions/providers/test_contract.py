"""What every adapter does, whichever call service it speaks to. A new adapter joins ADAPTERS."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.providers.base import (
    Absent,
    Accepted,
    CallProvider,
    ForgedCallback,
    HttpResponse,
    Lookup,
    NoLookup,
    Refused,
    Report,
    TryLater,
    Unsure,
)
from executions.providers.registry import provider_named
from executions.providers.sandbox import SandboxProvider
from executions.states import Outcome
from tests.executions.providers.make import ANOTHER, ATTEMPT, NOON, a_call, a_ref, a_service, answer

UNDER_WAY = {"queued", "ringing", "in_progress"}
KNOWN = UNDER_WAY | set(Outcome.values)


@dataclass(frozen=True)
class Adapter:
    """An adapter, and how its service writes the answers that the contract speaks of."""

    provider: CallProvider
    accepted: HttpResponse
    refused: HttpResponse
    found: HttpResponse
    found_another: HttpResponse
    none_found: HttpResponse
    fetched: Callable[[object], HttpResponse]


def the_protocol(provider: CallProvider) -> Adapter:
    """An adapter that speaks our own JSON protocol."""
    call = {"call_id": "call_1", "attempt_id": str(ATTEMPT), "status": "in_progress"}
    return Adapter(
        provider,
        accepted=answer(201, {"call_id": "call_1"}),
        refused=answer(422, {"error": "agent unknown"}),
        found=answer(200, {"calls": [call]}),
        found_another=answer(200, {"calls": [call | {"attempt_id": str(ANOTHER)}]}),
        none_found=answer(200, {"calls": []}),
        fetched=lambda status: answer(200, call | {"status": status}),
    )


ADAPTERS = {
    "http": the_protocol(a_service()),
    "sandbox": the_protocol(SandboxProvider(speed=1.0)),
}


@pytest.fixture(params=list(ADAPTERS.values()), ids=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Each adapter in turn."""
    found: Adapter = request.param
    return found


every_adapter = st.sampled_from(list(ADAPTERS.values()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    ["call_id", "attempt_id", "status", "duration", "error", "details", "calls", "transcript"]
)
json_answers = st.dictionaries(fields, json_values | st.sampled_from([str(ATTEMPT), "busy"]))
bodies = st.binary(max_size=200) | (json_values | json_answers).map(
    lambda value: json.dumps(value).encode()
)
responses = st.builds(
    HttpResponse,
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["retry-after", "date", "location"]), st.text(max_size=40)),
    bodies,
)


def test_the_request_carries_our_id_a_body_and_a_deadline(adapter: Adapter) -> None:
    request = adapter.provider.request(a_call())
    assert request.method == "POST"
    assert str(ATTEMPT) in request.body.decode()
    assert request.deadline == adapter.provider.capabilities.deadline > 0


def test_the_same_attempt_makes_the_same_request(adapter: Adapter) -> None:
    assert adapter.provider.request(a_call()) == adapter.provider.request(a_call())


def test_a_call_id_in_a_2xx_is_a_call(adapter: Adapter) -> None:
    assert adapter.provider.read(adapter.accepted) == Accepted("call_1")


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"<html>", b"{}", b"[]", b"null", b'{"call_id": ""}', b"\xff\xfe"]
)
def test_a_2xx_without_a_call_id_leaves_it_open(adapter: Adapter, body: bytes) -> None:
    assert isinstance(adapter.provider.read(answer(200, body)), Unsure)


@pytest.mark.parametrize("status", [100, 301, 302, 307, 408, 409, 500, 502, 503, 504, 599])
def test_an_answer_that_may_come_after_the_dialing_leaves_it_open(
    adapter: Adapter, status: int
) -> None:
    assert isinstance(adapter.provider.read(answer(status, {"error": "x"})), Unsure)


def test_no_room_now_is_another_try_later(adapter: Adapter) -> None:
    late = adapter.provider.read(answer(429, headers={"retry-after": "7"}))
    assert isinstance(late, TryLater)
    assert late.retry_after == 7


def test_a_refusal_has_an_outcome_and_a_sentence(adapter: Adapter) -> None:
    refused = adapter.provider.read(adapter.refused)
    assert refused == Refused(Outcome.PROVIDER_ERROR, "agent unknown")


def test_a_call_is_found_by_our_id(adapter: Adapter) -> None:
    request = adapter.provider.find(a_ref(call_id=None))
    assert request is not None
    assert str(ATTEMPT) in request.url + request.body.decode()
    found = adapter.provider.read_found(a_ref(call_id=None), adapter.found)
    assert isinstance(found, Report)
    assert (found.call_id, found.attempt_id, found.status) == ("call_1", ATTEMPT, "in_progress")


def test_no_call_found_is_absence(adapter: Adapter) -> None:
    assert adapter.provider.read_found(a_ref(), adapter.none_found) == Absent()


def test_somebody_elses_call_is_no_finding(adapter: Adapter) -> None:
    assert isinstance(adapter.provider.read_found(a_ref(), adapter.found_another), Unsure)


def test_a_lookup_that_is_not_offered_says_so(adapter: Adapter) -> None:
    for status in (404, 405, 501):
        assert adapter.provider.read_found(a_ref(), answer(status)) == NoLookup()


def test_without_a_call_id_there_is_nothing_to_fetch_or_to_hang_up(adapter: Adapter) -> None:
    assert adapter.provider.fetch(a_ref(call_id=None)) is None
    assert adapter.provider.hang_up(a_ref(call_id=None)) is None


def test_a_word_that_we_do_not_know_is_unknown_and_kept(adapter: Adapter) -> None:
    report = adapter.provider.read_fetched(a_ref(), adapter.fetched("levitating"))
    assert isinstance(report, Report)
    assert report.status == "unknown"
    assert report.raw["status"] == "levitating"


@pytest.mark.parametrize("status", [None, 7, True, ["busy"], {"busy": 1}])
def test_a_status_that_is_no_word_is_unknown(adapter: Adapter, status: object) -> None:
    report = adapter.provider.read_fetched(a_ref(), adapter.fetched(status))
    assert isinstance(report, Report)
    assert report.status == "unknown"


def test_an_unsigned_callback_is_forged(adapter: Adapter) -> None:
    with pytest.raises(ForgedCallback):
        adapter.provider.read_callback({}, b'{"status": "completed"}', "https://x/", NOON)


@given(
    adapter=every_adapter,
    headers=st.dictionaries(
        st.sampled_from(["Webhook-Id", "webhook-timestamp", "webhook-signature"]), st.text()
    ),
    body=st.binary(max_size=100),
)
def test_whatever_is_not_signed_is_forged(
    adapter: Adapter, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(ForgedCallback):
        adapter.provider.read_callback(headers, body, "https://x/", datetime.now(UTC))


@given(adapter=every_adapter, response=responses)
def test_no_answer_to_a_call_can_break_an_adapter(adapter: Adapter, response: HttpResponse) -> None:
    said = adapter.provider.read(response)
    if isinstance(said, Accepted):
        assert 200 <= response.status < 300
        assert 1 <= len(said.call_id) <= 255
        assert said.call_id.isprintable()
        assert said.status is None or said.status in KNOWN - {"unknown"}
        assert said.duration is None or 0 <= said.duration <= 604_800
        assert_storable([said.details, said.error])


@given(adapter=every_adapter, response=responses)
def test_no_answer_to_a_question_can_break_an_adapter(
    adapter: Adapter, response: HttpResponse
) -> None:
    assert_sound(adapter.provider.read_found(a_ref(), response))
    assert_sound(adapter.provider.read_fetched(a_ref(), response))


def assert_sound(said: Lookup) -> None:
    """A report is about our attempt, in our words, and can be stored."""
    if isinstance(said, Report):
        assert said.attempt_id in (ATTEMPT, None)
        assert said.status in KNOWN
        assert_storable([said.raw, said.details, said.error])


def assert_storable(value: Any) -> None:
    """PostgreSQL's jsonb takes it: no NUL, no lone surrogate, no NaN or infinity."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode()


def test_polls_come_ever_later_but_never_too_late(adapter: Adapter) -> None:
    capabilities = adapter.provider.capabilities
    waits = [capabilities.poll_after(polls) for polls in (0, 1, 2, 50, 10_000)]
    assert waits[0] == capabilities.first_poll_seconds
    assert waits[1] == 2 * waits[0]
    assert waits == sorted(waits)
    assert waits[-1] == capabilities.poll_limit_seconds


def test_it_is_found_by_its_name(settings: Any, adapter: Adapter) -> None:
    settings.SCHEDULER = with_a_call_service(settings.SCHEDULER)
    assert type(provider_named(adapter.provider.name)) is type(adapter.provider)


def with_a_call_service(rules: Any) -> Any:
    """The settings with all that the adapters need."""
    return replace(rules, http_call_url="https://calls.example/v1")
