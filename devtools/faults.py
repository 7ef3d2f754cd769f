"""`dev.py faults`: breaks everything that can break, again and again, and counts rings."""

import argparse
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.console import Stopped, say

if TYPE_CHECKING:
    from tests.faults.checker import Verdict

COLUMNS = (
    "scenario", "kills", "stops", "terminations", "other_faults", "wanted", "rings", "doubled",
    "lost", "early", "unexplained", "unknown", "ever_unknown", "resent", "late_p50", "late_p99",
    "late_max", "recovery_max", "seconds",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """1 when anything rang twice, too early or not at all; prints the seed, to play it again."""
    if sys.platform != "linux":
        raise Stopped("faults are done to processes found in /proc, which only Linux has.")
    from tests.faults.scenarios import SCENARIOS, play
    from tests.faults.stage import raised

    chosen = parsed(arguments, list(SCENARIOS))
    names, seed = chosen.scenarios or list(SCENARIOS), chosen.seed
    until = time.monotonic() + 60 * chosen.minutes
    verdicts: list[Verdict] = []
    say(f"seed {seed}")
    while not verdicts or (chosen.minutes and time.monotonic() < until):
        with raised(seed, chosen.logs) as stage:
            for name in names:
                full = SCENARIOS[name].full
                count = chosen.count or (SCENARIOS[name].short if chosen.short else full)
                if chosen.minutes and verdicts and time.monotonic() > until:
                    break
                verdicts.append(play(stage, name, seed, count))
                say(verdicts[-1].line())
        seed += 1
    say(table(verdicts))
    return 0 if all(verdict.ok for verdict in verdicts) else 1


def parsed(arguments: list[str], names: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="dev.py faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="begin again until they are over")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--short", action="store_true", help="few faults of each kind")
    parser.add_argument("--count", type=int, help="so many faults in each scenario")
    parser.add_argument("--logs", type=Path, help="a directory that keeps all logs")
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(names))
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.scenarios) - set(names):
        raise Stopped(f"there is no scenario {', '.join(sorted(unknown))}: {', '.join(names)}")
    if chosen.logs:
        chosen.logs = chosen.logs.resolve()
        chosen.logs.mkdir(parents=True, exist_ok=True)
    return chosen


def table(verdicts: "list[Verdict]") -> str:
    """Raw counts, one line a scenario."""
    lines = [[name.replace("_", " ") for name in COLUMNS]]
    lines += [[str(getattr(verdict, name)) for name in COLUMNS] for verdict in verdicts]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    marks = ["", *("ok" if verdict.ok else "FAILED" for verdict in verdicts)]
    return "\n".join(
        "  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)) + f"  {mark}"
        for line, mark in zip(lines, marks, strict=True)
    )
