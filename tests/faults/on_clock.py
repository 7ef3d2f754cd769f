"""Scenario: the clock that everything goes by jumps under load, back and forward."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.faults.checker import Wanted, last
from tests.faults.clock import FakedClock
from tests.faults.nemesis import END_SESSIONS, Nemesis
from tests.faults.stage import Stage
from tests.system import eventually

#: together less than a call may be late
BACK, FORWARD, AGAIN = -120.0, 600.0, 300.0
#: what may be under way when the clock jumps: each rings once when nothing jumps
UNDER_WAY = (
    "slow", "plain", "500_after", "timeout_after", "500_before", "kill_after_log", "lookup_lags"
)  # fmt: skip


def clock_jumps(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """So many rounds under load: back, which must double nothing, and twice forward, which makes
    late what the jump passes over; no later here than a call may be.
    """
    stage.make_ready(workers=2)
    wanted: list[Wanted] = []
    with _jumping_clock(stage) as clock:
        for _ in range(count):
            later = stage.schedule(UNDER_WAY * 4, 8.0, ahead=FORWARD + BACK + 20)
            soon = stage.schedule(UNDER_WAY * 4, 8.0)
            wanted += [*soon, *later]
            stage.until(_real(stage, soon[0].at or 0) + stage.random.uniform(2, 5))
            _jump(stage, nemesis, clock, BACK)
            stage.until(time.time() + 3)
            _jump(stage, nemesis, clock, FORWARD)
            stage.until(_real(stage, later[0].at or 0) + stage.random.uniform(2, 6))
            _jump(stage, nemesis, clock, AGAIN)
            stage.until(_real(stage, last(later)) + 1)
        stage.settle(wanted)
    return wanted


def _real(stage: Stage, shown: float) -> float:
    """When the jumping clock shows that instant, unless it jumps again."""
    return shown - stage.now() + time.time()


def _jump(stage: Stage, nemesis: Nemesis, clock: FakedClock, seconds: float) -> None:
    clock.move_to(datetime.fromtimestamp(stage.now() + seconds, UTC))
    nemesis.done["other_faults"] += 1


@contextmanager
def _jumping_clock(stage: Stage) -> Iterator[FakedClock]:
    """A clock that can be set, for all sessions; afterwards PostgreSQL's own again."""
    clock = FakedClock(stage.system.environment["DATABASE_URL"])
    clock.install()
    clock.move_to(datetime.now(UTC))
    stage.query(END_SESSIONS)
    stage.moves = clock.moves
    eventually(lambda: stage.system.sessions("beat-leader") >= 1, 60, "beat is back")
    try:
        yield clock
    finally:
        clock.remove()
        stage.query(END_SESSIONS)
