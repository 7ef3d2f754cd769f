"""One contestant makes so many calls that are due at the same second: one run, measured."""

import itertools
import math
import os
import time
from dataclasses import dataclass

from benchmarks.contestants import Contestant, Task
from benchmarks.cpu import Watch
from benchmarks.report import OURS, Row
from benchmarks.rings import by_number, judge, percentile
from benchmarks.stage import Stage
from devtools.console import Stopped, say

DATABASE = "bench"
#: seconds that a contestant's processes may need to start, until it is known better
STARTING = 14.0
#: seconds between being ready and the due second, at the least
QUIET = 1.5
#: no ring for so many seconds: what has not rung by now is lost
PATIENCE = 20.0
#: after the last ring: what is written later belongs to the cost
SETTLING = 2.0
PERIOD = 0.2
_runs = itertools.count()
_needed: dict[tuple[str, "Case"], float] = {}


@dataclass(frozen=True)
class Case:
    """What is asked of everybody alike."""

    scenario: str
    count: int
    delay_ms: int
    text: str
    spread: float = 0.0
    #: whether only those are asked who are quick enough for 50,000
    only_fast: bool = False


def measure(stage: Stage, contestant: Contestant, case: Case, number: int, workers: int) -> Row:
    """One run; tried again with more time when the contestant was not ready in time."""
    contestant.prepare(stage)
    lead = first_lead(contestant, case)
    for _ in range(4):
        run = f"{case.scenario}-{contestant.name}-{next(_runs)}"
        due = due_after(lead, case.scenario)
        url = stage.service.url(run, case.delay_ms)
        task = Task(case.scenario, run, case.count, due, url, case.delay_ms, workers, case.spread)
        begin = time.time()
        try:
            get_ready(stage, contestant, task)
            needed = _needed[contestant.name, case] = time.time() - begin
            if time.time() < due - QUIET:
                return played(stage, contestant, task, case, number)
        finally:
            stage.end_processes()
        lead = 1.5 * needed + 5
        say(f"  {contestant.name} was ready after {needed:.0f} s only: again, with more time")
    raise Stopped("it could not be loaded and started in time.")


def first_lead(contestant: Contestant, case: Case) -> float:
    """Seconds to grant: by what this case took before, else by what smaller ones took."""
    if known := _needed.get((contestant.name, case)):
        return 1.2 * known + 3
    guess = STARTING + 1.2 * case.count / contestant.load_rate
    others = (seconds for (name, _), seconds in _needed.items() if name == contestant.name)
    return max(guess, *(1.1 * seconds + 3 for seconds in others), 0.0)


def due_after(lead: float, scenario: str) -> int:
    """The second at which all is due; cron knows whole minutes only."""
    whole = 60 if scenario == "recurring" else 1
    return math.ceil((time.time() + lead) / whole) * whole


def get_ready(stage: Stage, contestant: Contestant, task: Task) -> None:
    """Load and start; the database is tidied as it would be after an ordinary day."""
    contestant.load(stage, task, DATABASE)
    stage.query(DATABASE, "VACUUM (ANALYZE)")
    stage.query(DATABASE, "CHECKPOINT")
    contestant.start(stage, task, DATABASE)


def played(stage: Stage, contestant: Contestant, task: Task, case: Case, number: int) -> Row:
    """Wait for the second, watch, judge."""
    time.sleep(max(0.0, task.due - 1.0 - time.time()))
    count_before, service_before = stage.service.count()
    with Watch(stage.groups()) as watch:
        begin = time.monotonic()
        heard, moved_on = wait_for_rings(stage, contestant, task, count_before)
        time.sleep(SETTLING)
        seconds = time.monotonic() - begin
    service = stage.service.count()[1] - service_before
    if heard == 0:
        raise Stopped("it made no call at all.")
    values = figures(stage.service.log(task.run), task, watch)
    if case.scenario == "recurring":
        values["next_open_s"] = moved_on
    more = {
        "cpu_ms": {name: 1000 * used / heard for name, used in watch.used.items()},
        "memory_mib": {name: peak / 2**20 for name, peak in watch.peak.items()},
        "call_service_share": service / seconds / (os.cpu_count() or 1),
        "settings": contestant.settings,
    }
    row = Row(case.scenario, case.text, contestant.name, number, values, more)
    if contestant.name == OURS:
        row.failures += faults(values, contestant.unfinished(stage, task, DATABASE))
    return row


def wait_for_rings(
    stage: Stage, contestant: Contestant, task: Task, before: int
) -> tuple[int, float]:
    """Until all have rung and moved on, or nothing happened for a while.

    How many rang, and after how many seconds the next occurrences were open (nan: not known).
    """
    heard, last, said, moved_on = 0, float(task.due), time.time(), math.nan
    while True:
        time.sleep(PERIOD)
        now, count = time.time(), stage.service.count()[0] - before
        if count > heard or now < task.due:
            heard, last = count, max(now, task.due)
        waits = task.scenario == "recurring" and math.isnan(moved_on)
        open_ = contestant.next_are_open(stage, task, DATABASE) if waits and heard else None
        if open_:
            moved_on = now - task.due
        if heard >= task.count and open_ is not False:
            return heard, moved_on
        if now > last + PATIENCE or now > task.due + contestant.longest:
            say(f"    stopped: {heard} of {task.count} after {now - task.due:.0f} s")
            return heard, moved_on
        if now - said > 10 and now > task.due:
            say(f"    {heard} of {task.count} after {now - task.due:.0f} s")
            said = now


def faults(values: dict[str, float], unfinished: int | None) -> list[str]:
    """What must not happen to a call of ours, in sentences."""
    counts = {name: values[name] for name in ("lost", "duplicates", "strange", "early")}
    counts["not completed in the database"] = unfinished or 0
    return [f"ours: {count:.0f} calls {name}" for name, count in counts.items() if count]


def figures(log: bytes, task: Task, watch: Watch) -> dict[str, float]:
    """What the call service heard, and what it cost."""
    verdict = judge(by_number(log), {number: task.due_of(number) for number in range(task.count)})
    rang = max(verdict.wanted - verdict.lost, 1)
    return {
        "calls_per_s": rang / max(verdict.last - task.due, 0.001),
        **{f"late_p{p}": percentile(verdict.lateness, p) for p in (50, 95, 99)},
        "late_max": percentile(verdict.lateness, 100),
        "cpu_ms_per_call": 1000 * sum(watch.used.values()) / rang,
        "memory_mib": sum(watch.peak.values()) / 2**20,
        "lost": verdict.lost,
        "duplicates": verdict.duplicates,
        "strange": verdict.strange,
        "early": verdict.early,
    }
