"""Scenarios that strike PostgreSQL and Redis, which must have been started here for that."""

import signal
import time
from collections.abc import Callable

from tests.faults.checker import Wanted, last
from tests.faults.nemesis import Nemesis
from tests.faults.poison import bell_for_nobody
from tests.faults.stage import LEASE, Stage

#: seconds that a database is out of order: longer than a lease
AWAY = LEASE + 1.5


def flushall(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """FLUSHALL every 5 s (every second in the short form) under load."""
    stage.make_ready(workers=2)
    gap = 5.0 if count > 10 else 1.0
    wanted = stage.schedule(["slow"] * int(10 * gap * count), gap * count)
    stage.until(min(one.at or 0 for one in wanted))
    stage.until(last(wanted), nemesis.empty_broker, (gap * 0.8, gap))
    while nemesis.done["other_faults"] < count:
        nemesis.empty_broker()
        stage.until(time.time() + gap / 2)
    return wanted


def redis_down(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The broker is killed and stays away for so many seconds."""
    return _while_away(stage, count, lambda: nemesis.broker_away(count))


def redis_restart(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The broker is killed in the midst of many messages and is back at once, again and again."""
    stage.make_ready(workers=2)
    wanted = stage.schedule(["slow"] * (10 * count), 2.5 * count)
    stage.until(min(one.at or 0 for one in wanted))
    for _ in range(count):
        with stage.servers.client() as client:
            client.lpush("calls", *(bell_for_nobody() for _ in range(100)))
        stage.until(time.time() + stage.random.uniform(0.0, 0.05))
        nemesis.broker_away(0)
        stage.until(time.time() + stage.random.uniform(1.5, 2.5))
    stage.until(last(wanted))
    return wanted


def redis_frozen(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The broker is frozen for so many seconds."""
    return _while_away(stage, count, lambda: nemesis.broker_frozen(count))


def redis_full(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The broker takes nothing new for so many seconds."""
    return _while_away(stage, count, lambda: nemesis.broker_full(count))


def postgres_restart(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The database is restarted under load, in turn fast and immediately."""
    stage.make_ready(workers=2)
    wanted = stage.schedule(["slow"] * (30 * count), 6.0 * count)
    stage.until(min(one.at or 0 for one in wanted) + 0.5)
    for number in range(count):
        nemesis.restart_postgres((signal.SIGQUIT, signal.SIGINT)[number % 2])
        stage.until(time.time() + stage.random.uniform(3, 5))
    stage.until(last(wanted))
    return wanted


def postgres_frozen(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The database's processes are frozen for longer than a lease, under load."""
    stage.make_ready(workers=2)
    return now_and_then(stage, count, lambda number: nemesis.postgres_frozen(AWAY))


def now_and_then(stage: Stage, count: int, harm: Callable[[int], None]) -> list[Wanted]:
    """So many faults, numbered, under load; all processes must be ready."""
    wanted = stage.schedule(["slow"] * int(5 * (AWAY + 3) * count), (AWAY + 3) * count)
    stage.until(min(one.at or 0 for one in wanted) + 0.5)
    for number in range(count):
        harm(number)
        stage.until(time.time() + stage.random.uniform(2, 4))
    stage.until(last(wanted))
    return wanted


def _while_away(stage: Stage, seconds: int, harm: Callable[[], None]) -> list[Wanted]:
    stage.make_ready(workers=2)
    over = seconds + min(20.0, 4.0 + seconds)
    wanted = stage.schedule(["plain"] * int(over * 4), over)
    stage.until(min(one.at or 0 for one in wanted) + 2)
    harm()
    stage.until(last(wanted))
    return wanted
