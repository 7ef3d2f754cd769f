"""Opened by beat and then claimed, or opened and claimed at once: the rows are the same."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from executions.dialing import Claim
from executions.dispatch import open_due
from executions.opening import open_and_claim
from executions.session import DialSession
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import WORKER, Story

TABLES = ("scheduled_calls_scheduledcall", "executions_execution", "executions_attempt")
#: made anew by whoever opens
GENERATED = {"executions_execution": {"opened"}, "executions_attempt": {"id"}}
CRONS = ("* * * * *", "*/5 * * * *", "0 13 * * *", "30 12 1 3 *", "0 13 * * MON")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
VALUES: tuple[Any, ...] = (
    {}, {"a": 1}, {"quote": "\"'\\", "percent": "%s %(now)s %%", "braces": "{},{"},
    {"name": "Zoë 😀", "none": None, "deep": [{"x": [1.5, True]}]}, {"empty": ""},
)  # fmt: skip
MANY = 80
Rows = dict[str, list[dict[str, Any]]]


def make(story: Story, chance: random.Random) -> ScheduledCall:
    """Some call that is due within an hour or so."""
    fields: dict[str, Any] = {
        "agent_id": chance.choice(["agent-123", "агент", "a'b\\"]),
        "customer_context": chance.choice(VALUES),
        "metadata": chance.choice(VALUES),
        "timezone": chance.choice(ZONES),
        "retry_policy": {"max_retries": chance.randrange(3), "retry_delay": 60},
    }
    if chance.random() < 0.5:
        call = story.call(chance.choice([0, 1, 60, 3599, 3600]), **fields)
    else:
        limit = chance.choice([None, 1, 2, 5])
        call = story.recurring(chance.choice(CRONS), max_occurrences=limit, **fields)
    if chance.random() < 0.2:
        services.update(story.owner, call.id, {"phone_number": "+4930555000"})
    return call


def rows(cursor: Any) -> Rows:
    """All rows, all columns but those that are made anew."""
    found: Rows = {}
    for table in TABLES:
        cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")  # noqa: S608  own constants
        made = [json.loads(row[0]) for row in cursor.fetchall()]
        left_out = GENERATED.get(table, set())
        kept = [{k: v for k, v in row.items() if k not in left_out} for row in made]
        found[table] = sorted(kept, key=lambda row: str(row.get("execution_id", row.get("id"))))
    return found


def requests(claims: list[Claim]) -> list[dict[str, Any]]:
    """What is to be dialed, but for the attempts' ids."""
    asked = [asdict(claim.request) for claim in claims]
    for one in asked:
        assert str(one.pop("attempt_id")) in one.pop("callback_url")
    return sorted(asked, key=lambda one: str(one["execution_id"]))


@contextmanager
def taken_back() -> Iterator[Any]:
    """A cursor in a transaction that is rolled back."""
    with transaction.atomic(), connection.cursor() as cursor:
        yield cursor
        transaction.set_rollback(True)


def _by_beat_and_claim(story: Story, ids: list[UUID]) -> tuple[Rows, list[dict[str, Any]]]:
    with taken_back() as cursor:
        claims = story.claim(open_due(story.now, len(ids)).calls)
        return rows(cursor), requests(claims)


@pytest.mark.django_db
@pytest.mark.parametrize("late", [0, 7, 61, 899, 901, 7200])
def test_whatever_is_due_however_late_the_rows_are_the_same(story: Story, late: int) -> None:
    chance = random.Random(late)
    calls = [make(story, chance) for _ in range(MANY)]
    story.wait(hours=1, seconds=late)
    expected = _by_beat_and_claim(story, [call.id for call in calls])
    with taken_back() as cursor:
        claims = story.place_due(*calls)
        assert (rows(cursor), requests(claims)) == expected
    assert len(expected[1]) > 5, "too few rang: it proves little"


@pytest.mark.django_db
def test_the_second_time_too(story: Story) -> None:
    chance = random.Random(2)
    calls = [make(story, chance) for _ in range(MANY)]
    for _ in range(3):
        story.wait(minutes=61)
        expected = _by_beat_and_claim(story, [call.id for call in calls])
        with taken_back() as cursor:
            assert (requests(story.place_due(*calls)), rows(cursor)) == expected[::-1]
        for claimed in story.place_due(*calls):
            story.ended(claimed)


class TakenBack(Exception):
    """So that nothing is committed."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [1, 3])
def test_prepared_statements_write_the_same_however_often_they_are_executed(
    story: Story, times: int
) -> None:
    chance = random.Random(3)
    calls = [make(story, chance) for _ in range(MANY)]
    # no cron has two occurrences until then, so that nothing is left
    story.wait(seconds=60)
    ids = [call.id for call in calls]
    expected = _by_beat_and_claim(story, ids)
    session = DialSession()
    try:
        for _ in range(times):
            assert _taken_back(session, lambda cursor: _by_worker(cursor, story, ids)) == expected
    finally:
        session.close()
    assert len(expected[1]) > 20, "too few rang: it proves little"


def _by_worker(cursor: Any, story: Story, ids: list[UUID]) -> tuple[Rows, list[dict[str, Any]]]:
    now = story.now
    claims, left = open_and_claim(cursor, ids, worker=WORKER, provider="sandbox", now=now)
    assert left == []
    return rows(cursor), requests(claims)


def _taken_back(session: DialSession, step: Callable[[Any], Any]) -> Any:
    result = None
    try:
        with session.transaction() as cursor:
            result = step(cursor)
            raise TakenBack
    except TakenBack:
        return result
