"""The tables of moves: every state can be reached, a final one is left by nothing."""

from collections.abc import Mapping
from typing import TypeVar

import pytest
from django.db import IntegrityError, connection, transaction

from executions.models import Execution
from executions.states import (
    ATTEMPT_MOVES,
    EXECUTION_MOVES,
    FINAL,
    OPEN,
    AttemptStatus,
    ExecutionStatus,
)
from tests.executions.conftest import Story, only

State = TypeVar("State")


def test_every_execution_state_is_reached_from_pending() -> None:
    # missed and skipped may also be the state in which a row is opened
    assert _reached(EXECUTION_MOVES, ExecutionStatus.PENDING) == set(ExecutionStatus)


def test_every_attempt_state_is_reached_from_dialing() -> None:
    assert _reached(ATTEMPT_MOVES, AttemptStatus.DIALING) == set(AttemptStatus)


def test_a_final_state_has_no_exit_and_an_open_one_has() -> None:
    assert all(not EXECUTION_MOVES[state] for state in FINAL)
    assert all(EXECUTION_MOVES[state] for state in OPEN)
    assert not ATTEMPT_MOVES[AttemptStatus.ENDED]


@pytest.mark.parametrize("status", sorted(set(ExecutionStatus) - {ExecutionStatus.COMPLETED}))
def test_the_database_itself_refuses_to_leave_a_final_state(story: Story, status: str) -> None:
    call = story.call()
    story.ended(story.dial()[0])
    assert only(call).status == "completed"

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE executions_execution SET status = %s", [status])

    assert only(call).status == "completed"


def test_the_database_refuses_a_second_open_attempt(story: Story) -> None:
    call = story.call()
    story.dial()
    attempt = only(call).attempts.get()
    attempt.pk, attempt.number = None, 2

    with pytest.raises(IntegrityError), transaction.atomic():
        type(attempt).objects.bulk_create([attempt])


def test_the_database_refuses_a_second_waiting_execution_of_a_call(story: Story) -> None:
    call = story.call()
    story.beat()
    execution = only(call)
    row = Execution.objects.filter(pk=execution.pk).values().get()
    row |= {"id": call.id, "occurrence_key": "another", "opened": call.id}

    with pytest.raises(IntegrityError), transaction.atomic():
        Execution.objects.create(**row)


def _reached(moves: Mapping[State, frozenset[State]], start: State) -> set[State]:
    seen, fresh = {start}, {start}
    while fresh:
        fresh = {target for state in fresh for target in moves[state]} - seen
        seen |= fresh
    return seen
