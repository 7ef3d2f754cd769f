"""A pause that ends on a day on which clocks change ends at the instant that its wall clock names.

Europe/London   back,    2024-10-27   02:00+01 to 01:00+00 at 01:00 UTC
Europe/London   forward, 2025-03-30   01:00+00 to 02:00+01 at 01:00 UTC
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.faked_stage import FakedStage, faked_stage

ZONE = "Europe/London"
HALF_HOURLY = {"cron_expression": "*/30 * * * *", "timezone": ZONE}
NUMBER = "+12025550101"


@pytest.fixture(scope="module")
def stage(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FakedStage]:
    """All processes, on the faked eve of the first day."""
    with faked_stage(template_database, worker_id, tmp_path_factory) as made:
        made.clock.move_to(datetime(2024, 10, 26, 12, tzinfo=UTC))
        made.system.start_all()
        yield made


def pause(stage: FakedStage, schedule_id: str, **body: str) -> Any:
    """When the pause ends by itself, as the API says."""
    path = f"scheduled-calls/{schedule_id}/pause"
    return stage.system.api("POST", path, body, status=200)["paused_until"]


def rang(stage: FakedStage, schedule_id: str) -> list[datetime]:
    """The instants that a scheduled call was rung for; its history holds these and no other."""
    instants = [ring.scheduled_for for ring in stage.rings_of(schedule_id)]
    told = [datetime.fromisoformat(row["scheduled_time_utc"]) for row in stage.past(schedule_id)]
    assert told == instants
    return instants


def test_a_pause_until_a_time_that_comes_twice_ends_on_the_first_pass(stage: FakedStage) -> None:
    def at(hour: int, minute: int = 0) -> datetime:
        return datetime(2024, 10, 27, hour, minute, tzinfo=UTC)

    stage.clock.move_to(datetime(2024, 10, 26, 23, 10, tzinfo=UTC))
    paused = stage.schedule(NUMBER, **HALF_HOURLY)
    assert pause(stage, paused, until="2024-10-27 01:30:00") == "2024-10-27T00:30:00Z"

    # 01:30 and 01:00 and 01:30 again by the clock
    for instant in (at(0, 30), at(1), at(1, 30)):
        stage.pass_by(instant, {(paused, instant)})
    assert rang(stage, paused) == [at(0, 30), at(1), at(1, 30)]
    stage.system.api("DELETE", f"scheduled-calls/{paused}", status=200)


def test_a_pause_over_the_gap_makes_nothing_up_and_lets_a_one_time_call_be_missed(
    stage: FakedStage,
) -> None:
    def at(hour: int, minute: int = 0) -> datetime:
        return datetime(2025, 3, 30, hour, minute, tzinfo=UTC)

    stage.clock.move_to(at(0, 10))
    into_gap = stage.schedule(NUMBER, **HALF_HOURLY)
    assert pause(stage, into_gap, until="2025-03-30 01:30:00") == "2025-03-30T01:00:00Z"
    past_gap = stage.schedule(NUMBER, **HALF_HOURLY)
    assert pause(stage, past_gap, until="2025-03-30 02:15:00") == "2025-03-30T01:15:00Z"
    once = stage.schedule(NUMBER, scheduled_time="2025-03-30 01:30:00", timezone=ZONE)
    assert pause(stage, once) is None

    stage.pass_by(at(1), {(into_gap, at(1))})
    stage.eventually(lambda: stage.call(once)["status"] == "missed", "its time went by")
    stage.pass_by(at(1, 30), {(into_gap, at(1, 30)), (past_gap, at(1, 30))})

    assert rang(stage, into_gap) == [at(1), at(1, 30)]
    assert rang(stage, past_gap) == [at(1, 30)]
    assert stage.rings_of(once) == []
    (row,) = stage.past(once)
    assert (row["status"], row["reason"]) == ("missed", "paused")
    assert row["scheduled_time"] == "2025-03-30 02:00:00"
    stage.system.api("POST", f"scheduled-calls/{once}/resume", {}, status=409)
