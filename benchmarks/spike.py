"""So many one-time calls are due at the same second: how late is each, and what does it cost?"""

from collections.abc import Iterator, Sequence

from benchmarks.contestants import Contestant
from benchmarks.options import Options
from benchmarks.ours import Ours
from benchmarks.peers.registry import PEERS
from benchmarks.race import Case, measure
from benchmarks.report import Row
from benchmarks.stage import Stage
from devtools.console import Stopped, say

DELAYS = (0, 100)
FAST = 50_000
#: everybody is asked the second one; the others would take the slow ones half an hour
PLAN = ((1_000, 0), (10_000, 0), (10_000, 100), (FAST, 0))


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """All cases."""
    plan = [spike(count, delay, only_fast=(count, delay) != PLAN[1]) for count, delay in PLAN]
    if options.quick or options.count:
        plan = [spike(options.count or 300, delay) for delay in DELAYS]
    yield from take_turns(stage, options, plan)


def spike(count: int, delay_ms: int, *, only_fast: bool = False) -> Case:
    """A case of this scenario."""
    text = f"{count:,} at once, {delay_ms} ms"
    return Case("spike", count, delay_ms, text, only_fast=only_fast)


def take_turns(stage: Stage, options: Options, cases: Sequence[Case]) -> Iterator[Row]:
    """Contestants take turns, so that a disturbance meets all of them.

    A peer that cannot run is named and not asked again; the others go on.
    """
    contestants: list[Contestant] = [Ours(), *(PEERS[name] for name in options.peers)]
    for case in cases:
        asked = [one for one in contestants if may(one, case)]
        for number in range(options.runs):
            for contestant in list(asked):
                try:
                    yield measure(stage, contestant, case, number, options.workers)
                except Stopped as stopped:
                    asked.remove(contestant)
                    contestants.remove(contestant)
                    failure = f"{contestant.name} could not run: {stopped}"
                    yield Row(case.scenario, case.text, contestant.name, number, {}, {}, [failure])


def may(contestant: Contestant, case: Case) -> bool:
    """Whether a contestant is asked; if not because of its slowness, that is said."""
    if case.scenario not in contestant.scenarios:
        return False
    most = contestant.most[case.delay_ms > 0]
    if case.only_fast and most < FAST:
        return False
    if case.count > most:
        say(f"  {case.text}: without {contestant.name}, which is asked for {most:,} at the most")
    return case.count <= most
