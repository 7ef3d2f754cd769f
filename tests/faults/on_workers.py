"""Scenarios that strike the product's own processes: workers, beats, and their sessions.

Each gets a stage, a count of faults and a nemesis, and returns what was to ring.
"""

import signal
import time
from collections.abc import Callable, Sequence

from tests.faults.checker import Wanted, last, read_log
from tests.faults.nemesis import Nemesis
from tests.faults.stage import FREEZE, LEASE, Stage

#: calls at one instant: they are claimed together, and while the first one is on its way, the
#: others are still to be sent
BURST = 20
FEW, MOST_ROUNDS = 12, 6


def kill_after_accept(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """kill -9 after the call service's log line, before or in the middle of its answer."""
    stage.make_ready(workers=2)
    cycle = ["kill_after_log", "kill_after_log", "kill_in_answer", "kill_before_log"]

    def play(missing: int) -> list[Wanted]:
        kills = [cycle[number % 4] for number in range(missing)]
        kills[9::10] = ["kill_whole_after_log"] * len(kills[9::10])
        return _at_instants(stage, kills, 1.0)

    return _until_struck(stage, count, "kill", ("log", "half"), play)


def kill_before_post(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """kill -9 at TCP accept, before a byte of the request is read: claimed, and nothing rang."""
    stage.make_ready(workers=2)

    def play(missing: int) -> list[Wanted]:
        wanted = stage.schedule(["plain"] * (BURST * missing), 1.0 * missing, burst=BURST)
        stage.until(min(one.at or 0 for one in wanted) - 0.2)
        left = missing

        def kill_next() -> None:
            nonlocal left
            if left > 0:
                stage.at_accept("kill", 1)
                left -= 1

        stage.until(last(wanted) + 1, kill_next, (1.0, 1.0))
        return wanted

    return _until_struck(stage, count, "kill", ("accept",), play)


def random_kills(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """Three workers, ten occurrences for each kill -9, at any moment."""
    stage.make_ready(workers=3)
    wanted = stage.schedule(["slow"] * (10 * count), 0.45 * count)
    stage.until(min(one.at or 0 for one in wanted))
    stage.until(last(wanted), nemesis.kill_a_worker, (0.3, 0.5))
    while nemesis.done["kills"] < count:
        nemesis.kill_a_worker()
        stage.until(time.time() + 0.1)
    return wanted


def stop_three_leases(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """SIGSTOP while it dials, for three leases: after the log line, or at TCP accept."""
    stage.make_ready(workers=3)
    stops = ["stop_before_answer", "plain", "stop_without_answer", "plain"]
    others = ["plain"] * (BURST - 1)

    def play(missing: int) -> list[Wanted]:
        burst = [word for n in range(missing) for word in (stops[n % 4], *others)]
        wanted = stage.schedule(burst, 2.0 * missing, burst=BURST)
        for number in range(1, missing, 2):  # every other one at TCP accept
            stage.until((wanted[BURST * number].at or 0) - 0.2)
            stage.at_accept("stop", 1)
        stage.until(last(wanted) + FREEZE)
        stage.at_accept("stop", 0)
        return wanted

    return _until_struck(stage, count, "stop", ("accept", "log", "half"), play)


def terminate_lock_sessions(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The sessions that prove workers alive are cut, while a worker is frozen or none is."""
    stage.make_ready(workers=3)
    wanted = stage.schedule(["slow"] * max(30, 5 * count), max(6.0, 0.8 * count))

    def cut() -> None:
        nemesis.thaw()
        if stage.random.random() < 0.3:
            nemesis.cut_sessions_of_frozen(stage.random.uniform(0.5, 1.5 * LEASE))
        else:
            nemesis.cut_sessions()

    stage.until(min(one.at or 0 for one in wanted))
    stage.until(last(wanted), cut, (0.4, 1.2))
    while nemesis.done["terminations"] < count:
        cut()
        stage.until(time.time() + 0.5)
    nemesis.thaw(all_of_them=True)
    return wanted


def two_beats_three_workers(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """Every-minute crons for so many minutes; one beat is frozen, the other killed."""
    stage.make_ready(workers=3, beats=2)
    if time.time() % 60 > 45:  # all of them must begin with the same minute
        stage.until(time.time() + 60 - time.time() % 60 + 1)
    wanted = stage.schedule_recurring(30, "* * * * *", count)
    nemesis.freeze(stage.system.processes["beat-0"].pid, min(60, 30 * count))
    end = max(max(one.occurrences()) for one in wanted) + 2
    killed = time.time() + 75
    while time.time() < end:
        stage.until(min(end, time.time() + 1))
        nemesis.thaw()
        if time.time() > killed:
            nemesis.kill_beat("beat-1")
            killed = end
    nemesis.thaw(all_of_them=True)
    return wanted


def beat_killed_after_fire(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """kill -9 of beat as soon as the execution's row is there: before its bell rings, or after."""
    stage.make_ready(workers=1)
    wanted = stage.schedule(["plain"] * count, 5.0 * count)
    for one in wanted:
        stage.until((one.at or 0) - 0.3)
        while not stage.query(
            "SELECT 1 FROM executions_execution WHERE scheduled_call_id = %s", one.schedule_id
        ):
            if time.time() > (one.at or 0) + 10:
                break
        time.sleep(stage.random.uniform(0, 0.05))
        nemesis.kill_beat()
        stage.look_after()
    return wanted


def rolling_sigterm(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """Workers and beat are asked to end, one after the other, while they dial."""
    stage.make_ready(workers=2)
    wanted = stage.schedule(["slow"] * (60 * count), 6.0 * count)
    stage.until(min(one.at or 0 for one in wanted) + 0.5)
    for number in range(count):
        for name in (f"worker-{number % 2}", "beat-0"):
            process = stage.system.processes[name]
            process.send_signal(signal.SIGTERM)
            end = time.time() + 40
            while process.poll() is None and time.time() < end:
                time.sleep(0.02)
            nemesis.done["other_faults"] += 1
        stage.until(time.time() + 2)
    stage.until(last(wanted))
    return wanted


def _until_struck(
    stage: Stage,
    count: int,
    fault: str,
    where: Sequence[str],
    play: Callable[[int], list[Wanted]],
) -> list[Wanted]:
    """Plays until so many processes were struck there: one that is just dead cannot be struck.

    Of a few faults one is to strike.
    """
    wanted = play(count)
    for _ in range(MOST_ROUNDS if count > FEW else 1):
        struck = sum(
            event["event"].startswith(fault) and event["where"] in where
            for event in read_log(stage.log, stage.log_start)
            if "where" in event
        )
        missing = count - struck
        if missing <= 0 or (struck and count <= FEW):
            break
        wanted += play(missing)
    return wanted


def _at_instants(stage: Stage, faults: Sequence[str], gap: float) -> list[Wanted]:
    """Each fault with a plain call beside it, which the same worker may be dialing."""
    behaviours = [word for fault in faults for word in (fault, "plain")]
    wanted = stage.schedule(behaviours, gap * len(faults), burst=2)
    stage.until(last(wanted))
    return wanted
