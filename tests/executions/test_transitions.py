"""Whatever becomes known, at whatever moment: only the moves of the tables are made."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from executions.findings import ENDED, NOT_SENT, NOTHING, PROGRESS, UNKNOWN, Finding
from executions.states import ATTEMPT_MOVES, EXECUTION_MOVES, AttemptStatus, ExecutionStatus
from executions.transitions import change, lands, may_ring_again

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
#: the status of an execution while its attempt has this one
BESIDE = {"dialing": "dialing", "waiting": "retrying", "in_progress": "in_progress"}
FINDINGS: list[dict[str, Any]] = [
    {"kind": PROGRESS, "call_id": "call-1"},
    {"kind": PROGRESS},
    *({"kind": ENDED, "outcome": outcome} for outcome in ("completed", "busy", "invalid_number")),
    {"kind": NOT_SENT, "error": "refused"},
    {"kind": UNKNOWN, "error": "timeout"},
    {"kind": NOTHING},
]
#: columns that `outcomes.py` does not read when nothing of a batch may ring again
LEFT_OUT = (
    "scheduled_for", "expires_at", "next_run_at", "retry_policy", "another", "outdated",
)  # fmt: skip
STORIES: list[dict[str, Any]] = [
    {},
    {"retry_policy": '{"max_retries": 1, "retry_delay": 60, "exponential_backoff": false,'
     ' "retry_on": ["busy"]}'},
    {"call_status": "cancelled"},
    {"another": True},
    {"expires_at": NOW - timedelta(seconds=1)},
]  # fmt: skip


def row_of(status: str, **columns: Any) -> dict[str, Any]:
    """The row of an attempt with that status, held by worker 7, as `outcomes.py` reads it."""
    attempt = dict.fromkeys(
        ["call_id", "outcome", "error", "duration", "details", "lease_until", "look_at"]
    )
    attempt |= {"id": uuid4(), "status": status, "worker": 7, "looks": 0, "resends": 0}
    attempt |= {"unknown_since": None, "ended_at": None}
    execution = dict.fromkeys(
        ["duration", "error", "reason", "details", "due_at", "ring_at", "ended_at"]
    )
    return {
        **{f"a_{name}": value for name, value in attempt.items()},
        **{f"e_{name}": value for name, value in execution.items()},
        "execution_id": uuid4(),
        "execution_status": BESIDE.get(status, "unknown"),
        "execution_call_id": None,
        "started": False,
        "attempt_count": 1,
        "expires_at": NOW + timedelta(seconds=900),
        "scheduled_for": NOW - timedelta(seconds=5),
        "call_status": "active",
        "next_run_at": None,
        "retry_policy": None,
        "another": False,
        "outdated": False,
        **columns,
    }


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("worker", [7, 8, None])
@pytest.mark.parametrize("known", FINDINGS)
@pytest.mark.parametrize("status", ["dialing", "waiting", "in_progress", "unknown"])
def test_every_change_is_a_move_of_the_tables(
    status: str, known: dict[str, Any], worker: int | None, story: dict[str, Any]
) -> None:
    row = row_of(status, **story)
    finding = Finding(row["a_id"], worker=worker, **known)
    if not may_ring_again(finding):
        for column in LEFT_OUT:
            del row[column]
    if not lands(row, finding):
        return
    made = change(row, finding, NOW, 900, 0.5)
    after = AttemptStatus(made.attempt["status"])
    assert after == status or after in ATTEMPT_MOVES[AttemptStatus(status)]
    if made.execution is not None:
        before = ExecutionStatus(row["execution_status"])
        became = ExecutionStatus(made.execution["status"])
        assert became == before or became in EXECUTION_MOVES[before]


@pytest.mark.parametrize("known", FINDINGS)
def test_nothing_lands_on_what_is_over(known: dict[str, Any]) -> None:
    row = row_of("ended")
    assert not lands(row, Finding(row["a_id"], **known))
    assert not lands(row, Finding(row["a_id"], worker=7, **known))
