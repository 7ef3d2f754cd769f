"""The database's clock is set back, or forward in the middle of a call: each call rings once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.faked_stage import FakedStage, faked_stage

NUMBER = "+12025550102"
HOUR = timedelta(hours=1)


def at(day: int, hour: int) -> datetime:
    """An instant in February 2026."""
    return datetime(2026, 2, day, hour, tzinfo=UTC)


@pytest.fixture(scope="module")
def stage(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FakedStage]:
    """All processes, on a faked morning."""
    with faked_stage(template_database, worker_id, tmp_path_factory) as made:
        made.clock.move_to(at(2, 8))
        made.system.start_all()
        yield made


def witness(stage: FakedStage, instant: datetime) -> tuple[str, datetime]:
    """A one-time call: when it has rung, beat has seen to all that was due by then."""
    return stage.schedule(NUMBER, scheduled_time=instant.isoformat()), instant


def test_an_hour_that_comes_again_rings_nothing_again(stage: FakedStage) -> None:
    daily = stage.schedule(NUMBER, cron_expression="0 9 * * *")
    once, _ = witness(stage, at(2, 9))
    stage.pass_by(at(2, 9), {(daily, at(2, 9)), (once, at(2, 9))})

    stage.clock.move_to(at(2, 8))
    for verb in ("pause", "resume"):  # its next time is looked for anew
        stage.system.api("POST", f"scheduled-calls/{daily}/{verb}", {}, status=200)
    stage.pass_by(at(2, 9), {witness(stage, at(2, 9))})
    assert len(stage.rings_of(daily)) == len(stage.rings_of(once)) == 1
    assert stage.call(daily)["next_run_at"] == "2026-02-03T09:00:00Z"

    stage.pass_by(at(3, 9), {(daily, at(3, 9))})
    assert len(stage.rings_of(daily)) == 2
    stage.system.api("DELETE", f"scheduled-calls/{daily}", status=200)


def test_a_call_being_placed_while_its_lease_jumps_by_is_let_alone(stage: FakedStage) -> None:
    slow = stage.schedule(NUMBER, agent_id="slow", scheduled_time=at(5, 9).isoformat())
    beside = witness(stage, at(5, 9) + HOUR)
    stage.clock.move_to(at(5, 9))
    stage.eventually(lambda: len(stage.rings_of(slow)) == 1, "it rings, and no answer has come yet")
    (open_,) = stage.past(slow)
    assert open_["status"] == "dialing"

    stage.pass_by(beside[1], {beside})
    assert len(stage.rings_of(slow)) == 1
    (row,) = stage.past(slow)
    assert (row["status"], row["call_id"]) == ("completed", stage.rings_of(slow)[0].call_id)
    assert stage.clock.query(
        "SELECT count(*) FROM executions_attempt WHERE unknown_since IS NOT NULL OR resends > 0"
    ) == [(0,)]
