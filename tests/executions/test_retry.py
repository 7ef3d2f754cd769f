"""When a failed attempt is tried again, and when not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.retry import LONGEST_DELAY, next_attempt_at, resend_delay

ENDED = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
OUTCOMES = ["timeout", "no_answer", "busy", "failed", "voicemail", "provider_error"]
policies = st.fixed_dictionaries(
    {
        "max_retries": st.integers(0, 10),
        "retry_delay": st.integers(1, 86_400),
        "exponential_backoff": st.booleans(),
        "retry_on": st.lists(st.sampled_from(OUTCOMES), unique=True),
    }
)


def policy(**fields: object) -> dict[str, object]:
    """The seed's policy."""
    return {
        "max_retries": 3,
        "retry_delay": 300,
        "exponential_backoff": False,
        "retry_on": ["timeout", "no_answer", "busy"],
        **fields,
    }


def test_without_a_policy_nothing_is_tried_again() -> None:
    assert next_attempt_at(None, "busy", 1, ENDED, 0) is None


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        ("busy", True),
        ("no_answer", True),
        ("timeout", True),
        ("failed", False),
        ("rejected", False),
    ],
)
def test_only_the_outcomes_that_are_named_are_tried_again(outcome: str, again: bool) -> None:
    assert (next_attempt_at(policy(), outcome, 1, ENDED, 0) is not None) is again


def test_max_retries_counts_the_retries_after_the_first_attempt() -> None:
    waits = [next_attempt_at(policy(max_retries=2), "busy", made, ENDED, 0) for made in (1, 2, 3)]
    assert [wait is not None for wait in waits] == [True, True, False]


def test_the_delay_counts_from_the_end_of_the_failed_attempt() -> None:
    assert next_attempt_at(policy(), "busy", 1, ENDED, 0.5) == ENDED + timedelta(seconds=300)


def test_an_exponential_delay_doubles_up_to_a_day() -> None:
    doubling = policy(exponential_backoff=True, max_retries=10)
    waits = [next_attempt_at(doubling, "busy", made, ENDED, 0) for made in range(1, 11)]
    seconds = [(at - ENDED).total_seconds() for at in waits if at]
    assert seconds == [300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, LONGEST_DELAY]


@given(policies, st.sampled_from(OUTCOMES), st.integers(1, 12), st.floats(0, 0.999))
def test_a_retry_is_never_early_and_never_more_than_a_tenth_late(
    given_policy: dict[str, object], outcome: str, made: int, chance: float
) -> None:
    at = next_attempt_at(given_policy, outcome, made, ENDED, chance)
    plain = next_attempt_at(given_policy, outcome, made, ENDED, 0)
    if at is None or plain is None:
        assert at is plain
        assert outcome not in given_policy["retry_on"] or made > given_policy["max_retries"]  # type: ignore[operator]
        return
    wait = (at - ENDED).total_seconds()
    shortest = (plain - ENDED).total_seconds()
    assert 1 <= shortest <= LONGEST_DELAY
    assert shortest - 1e-5 <= wait <= shortest * 1.1 + 1e-5


@given(st.integers(0, 32_000), st.one_of(st.none(), st.floats(0, 300)))
def test_a_resend_waits_a_second_at_least_and_honours_retry_after(
    resends: int, retry_after: float | None
) -> None:
    delay = resend_delay(resends, retry_after)
    assert max(1.0, retry_after or 0) <= delay <= max(60.0, retry_after or 0)
