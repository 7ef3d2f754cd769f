"""When a failed message is sent again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.retry import SCHEDULE, asked_for, next_attempt_at

NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)


def after(failures: int, chance: float = 1.0, retry_after: str = "") -> timedelta | None:
    at = next_attempt_at(failures, retry_after, NOW, lambda: chance)
    return None if at is None else at - NOW


def test_the_steps_are_the_published_ones() -> None:
    steps = [after(failures) for failures in range(1, 8)]
    assert steps == [
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=10),
    ]


def test_after_the_last_step_it_is_given_up() -> None:
    assert after(len(SCHEDULE) + 1) is None


@given(failures=st.integers(1, 7), chance=st.floats(0, 1))
def test_jitter_stays_between_at_once_and_the_step(failures: int, chance: float) -> None:
    wait = after(failures, chance)
    assert wait is not None
    assert timedelta(0) <= wait <= timedelta(seconds=SCHEDULE[failures - 1])


def test_a_longer_retry_after_is_honoured_a_shorter_one_is_not() -> None:
    assert after(1, retry_after="120") == timedelta(minutes=2)
    assert after(2, retry_after="1") == timedelta(minutes=5)


def test_a_date_is_understood() -> None:
    assert after(1, retry_after="Mon, 01 Feb 2027 12:10:00 GMT") == timedelta(minutes=10)
    assert after(1, retry_after="Mon, 01 Feb 2027 11:00:00 GMT") == timedelta(seconds=5)


@pytest.mark.parametrize("text", ["9999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_retry_after_beyond_ten_hours_is_cut(text: str) -> None:
    assert after(1, retry_after=text) == timedelta(hours=10)


@given(st.text(max_size=40))
def test_a_retry_after_of_any_kind_is_no_error(text: str) -> None:
    assert asked_for(text, NOW) >= 0
