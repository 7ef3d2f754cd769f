"""The sandbox's numbers, by time; the time is passed in."""

from dataclasses import replace

import pytest

from executions.providers.base import (
    Accepted,
    Answer,
    ForgedCallback,
    Lookup,
    LostError,
    NoLookup,
    Refused,
    Report,
)
from executions.providers.sandbox import Sandbox, SandboxProvider
from executions.states import Outcome
from tests.executions.providers.make import ATTEMPT, NOON, a_call, a_ref

START = NOON.timestamp()
ORDINARY = "+4915112345678"


def magic(last: int) -> str:
    """One of the sandbox's own numbers."""
    return f"+150055500{last:02}"


def place(number: str, attempt: int = 1, speed: float = 1.0) -> Answer:
    """Dials at START."""
    provider = SandboxProvider(speed)
    request = provider.request(a_call(phone_number=number, number=attempt))
    return provider.read(Sandbox(speed).answer(request, START))


def state(number: str, elapsed: float, attempt: int = 1, speed: float = 1.0) -> Report:
    """What a fetch reports so many seconds after the call was placed."""
    placed = place(number, attempt, speed)
    assert isinstance(placed, Accepted)
    provider, ref = SandboxProvider(speed), a_ref(call_id=placed.call_id)
    request = provider.fetch(ref)
    assert request is not None
    report = provider.read_fetched(ref, Sandbox(speed).answer(request, START + elapsed))
    assert isinstance(report, Report)
    return report


def look_up(number: str, elapsed: float, attempt: int = 1) -> Lookup:
    """What a lookup by our attempt id says so many seconds after the attempt began."""
    provider = SandboxProvider(1.0)
    ref = a_ref(call_id=None, phone_number=number, number=attempt)
    request = provider.find(ref)
    assert request is not None
    return provider.read_found(ref, Sandbox(1.0).answer(request, START + elapsed))


@pytest.mark.parametrize(
    ("elapsed", "status", "duration"),
    [(0.0, "ringing", None), (0.99, "ringing", None), (1.01, "in_progress", None),
     (2.99, "in_progress", None), (3.01, "completed", 2), (9999.0, "completed", 2)],
)  # fmt: skip
def test_an_ordinary_number_rings_talks_and_completes(
    elapsed: float, status: str, duration: int | None
) -> None:
    report = state(ORDINARY, elapsed)
    assert (report.status, report.duration) == (status, duration)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [(1, "busy"), (2, "no_answer"), (3, "failed"), (4, "timeout"), (5, "voicemail")],
)
def test_the_unlucky_numbers_end_after_ringing(last: int, outcome: str) -> None:
    assert state(magic(last), 0.99).status == "ringing"
    ended = state(magic(last), 1.01)
    assert (ended.status, ended.duration) == (outcome, 0)


@pytest.mark.parametrize(("last", "outcome"), [(6, "invalid_number"), (10, "provider_error")])
def test_two_numbers_are_refused_at_once(last: int, outcome: str) -> None:
    said = place(magic(last))
    assert isinstance(said, Refused)
    assert said.outcome == Outcome(outcome)


def test_007_is_busy_first_and_then_completes() -> None:
    assert state(magic(7), 5.0, attempt=1).status == "busy"
    assert state(magic(7), 5.0, attempt=2).status == "completed"
    assert state(magic(7), 5.0, attempt=3).status == "completed"


def test_008_loses_the_answer_but_is_found() -> None:
    with pytest.raises(LostError):
        place(magic(8))
    talking, over = look_up(magic(8), 2.0), look_up(magic(8), 4.0)
    assert isinstance(talking, Report)
    assert isinstance(over, Report)
    assert (talking.status, talking.attempt_id) == ("in_progress", ATTEMPT)
    assert (over.status, over.duration) == ("completed", 2)
    assert talking.call_id == over.call_id


def test_a_call_found_by_our_id_can_then_be_fetched() -> None:
    found = look_up(magic(8), 2.0)
    assert isinstance(found, Report)
    provider, ref = SandboxProvider(1.0), a_ref(call_id=found.call_id)
    request = provider.fetch(ref)
    assert request is not None
    fetched = provider.read_fetched(ref, Sandbox(1.0).answer(request, START + 2.0))
    assert isinstance(fetched, Report)
    assert replace(fetched, raw={}) == replace(found, raw={})


def test_009_loses_the_answer_and_cannot_be_looked_up() -> None:
    with pytest.raises(LostError):
        place(magic(9))
    assert look_up(magic(9), 10.0) == NoLookup()


@pytest.mark.parametrize(
    ("speed", "duration"), [(0.5, 4), (1.0, 2), (3.0, 1), (10.0, 1), (1000.0, 1)]
)
def test_speed_divides_ringing_and_talking(speed: float, duration: int) -> None:
    assert state(ORDINARY, 0.9 / speed, speed=speed).status == "ringing"
    ended = state(ORDINARY, 3.0 / speed + 0.002, speed=speed)
    assert (ended.status, ended.duration) == ("completed", duration)


def test_the_first_poll_finds_the_call_over() -> None:
    for speed in (0.5, 1.0, 20.0):
        first_poll = SandboxProvider(speed).capabilities.first_poll_seconds
        assert state(ORDINARY, first_poll, speed=speed).status == "completed"


def test_the_call_id_tells_no_phone_number() -> None:
    placed = place(ORDINARY)
    assert isinstance(placed, Accepted)
    assert ORDINARY.removeprefix("+") not in placed.call_id
    assert len(placed.call_id) <= 255


@pytest.mark.parametrize(
    "call_id", ["call_1", "sandbox-", "sandbox-x-y-z", f"sandbox-{ATTEMPT}-1-levitating"]
)
def test_a_call_id_of_another_service_is_not_known(call_id: str) -> None:
    provider, ref = SandboxProvider(1.0), a_ref(call_id=call_id)
    request = provider.fetch(ref)
    assert request is not None
    assert provider.read_fetched(ref, Sandbox(1.0).answer(request, START)) == NoLookup()


def test_nobody_calls_back_for_the_sandbox() -> None:
    with pytest.raises(ForgedCallback):
        SandboxProvider(1.0).read_callback({}, b"{}", "https://x/", NOON)
