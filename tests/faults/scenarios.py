"""The scenarios by name: how much harm each does in the tests and in the long run."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.faults import on_api, on_clock, on_servers, on_service, on_workers, poisoned
from tests.faults.checker import Verdict, Wanted
from tests.faults.nemesis import Nemesis
from tests.faults.stage import Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story; the counts are of faults: few for the tests, all for the long run."""

    play: Callable[[Stage, int, Nemesis], list[Wanted]]
    short: int
    full: int
    #: whether it harms the servers, which must have been started here for that
    harms_servers: bool = False


SCENARIOS = {
    "kill_after_accept": Scenario(on_workers.kill_after_accept, 12, 200),
    "kill_before_post": Scenario(on_workers.kill_before_post, 8, 200),
    "random_kills": Scenario(on_workers.random_kills, 15, 200),
    "stop_three_leases": Scenario(on_workers.stop_three_leases, 4, 100),
    "terminate_lock_sessions": Scenario(on_workers.terminate_lock_sessions, 8, 100),
    "two_beats_three_workers": Scenario(on_workers.two_beats_three_workers, 1, 10),
    "beat_killed_after_fire": Scenario(on_workers.beat_killed_after_fire, 2, 50),
    "rolling_sigterm": Scenario(on_workers.rolling_sigterm, 1, 20),
    "call_service_misbehaves": Scenario(on_service.call_service_misbehaves, 2, 100),
    "poisoned_messages": Scenario(poisoned.poisoned_messages, 1, 10),
    "clock_jumps": Scenario(on_clock.clock_jumps, 1, 10),
    "flushall": Scenario(on_servers.flushall, 5, 12, True),
    "redis_down": Scenario(on_servers.redis_down, 5, 30, True),
    "redis_restart": Scenario(on_servers.redis_restart, 5, 50, True),
    "redis_frozen": Scenario(on_servers.redis_frozen, 5, 60, True),
    "redis_full": Scenario(on_servers.redis_full, 5, 30, True),
    "api_without_broker": Scenario(on_api.api_without_broker, 2, 6, True),
    "postgres_restart": Scenario(on_servers.postgres_restart, 2, 20, True),
    "postgres_read_only": Scenario(on_api.postgres_read_only, 2, 10, True),
    "postgres_frozen": Scenario(on_servers.postgres_frozen, 1, 10, True),
}


def playable(names: Iterable[str], kind: str) -> tuple[list[str], list[str]]:
    """Those of the scenarios that may be played on servers of that kind, and the others."""
    may = {name: kind != "given" or not SCENARIOS[name].harms_servers for name in names}
    return [name for name in may if may[name]], [name for name in may if not may[name]]


def play(stage: Stage, name: str, seed: int, count: int) -> Verdict:
    """Plays one scenario with its own chance; the same seed draws the same harm."""
    begin = time.time()
    stage.random.seed(f"{seed} {name}")
    nemesis = Nemesis(stage)
    wanted = SCENARIOS[name].play(stage, count, nemesis)
    stage.settle(wanted)
    verdict = stage.verdict(name, seed, wanted)
    for fault, times in nemesis.done.items():
        setattr(verdict, fault, getattr(verdict, fault) + times)
    verdict.complaints += nemesis.complaints
    struck = verdict.kills + verdict.stops + verdict.terminations + verdict.other_faults
    if not struck and count > on_workers.FEW:  # a busy machine may be too slow to aim at a few
        verdict.complaints.append("nothing was struck: the scenario proves nothing")
    if name == "rolling_sigterm" and verdict.ever_unknown:
        verdict.complaints.append("a worker that was asked to end left a call unknown")
    # Celery gives a worker up whose child is killed while it starts; rolling_sigterm asks to end.
    if not verdict.kills and name != "rolling_sigterm":
        verdict.complaints += [f"{who} ended with exit code {code}" for who, code in stage.ended]
    verdict.seconds = round(time.time() - begin, 1)
    return verdict
