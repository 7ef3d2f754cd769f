"""After a quiet night PostgreSQL expects nothing to be open; nine o'clock must not pay for that."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection

from executions import dialing, ending, opening, outcomes
from tests.executions.conftest import START, Story

pytestmark = pytest.mark.django_db
IDS = "{00000000-0000-7000-8000-000000000001}"
GIVEN = {
    "ids": IDS, "fresh": IDS, "missed": "{}", "now": START, "lease_until": START, "worker": 1,
    "provider": "sandbox", "open": ["pending", "dialing"], "calls": IDS,
    "attempts": IDS, "keys": "{1}", "next": "{NULL}", "next_ids": "{NULL}", "catch_up": "1 s",
}  # fmt: skip


def plan(statement: str, given: Mapping[str, Any]) -> str:
    """How PostgreSQL would carry it out, by the statistics it has now."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", given)
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    "statement",
    [ending._CLOSE, outcomes._READ_ALL, dialing.T1, opening._OPEN],
    ids=["close", "outcome", "T1", "open"],
)
def test_what_is_open_of_a_call_is_looked_up_by_the_call(story: Story, statement: str) -> None:
    for _ in range(3):
        story.call()
    for claimed in story.dial():
        story.ended(claimed)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_execution, scheduled_calls_scheduledcall")
    found = plan(statement, GIVEN)
    looks = [line for line in found.split("\n") if "executions_execution" in line]
    assert "SubPlan" in found
    joined = [line for line in found.split("\n") if "Anti Join" in line or "Semi Join" in line]
    assert len(joined) <= found.count("stopswitch"), (found, looks)
