"""`dev.py faults`: breaks everything that can break, again and again, and counts rings."""

import argparse
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from devtools import mutants
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
    if "--mutants" in arguments:
        return mutants.main([word for word in arguments if word != "--mutants"])
    from tests.faults.scenarios import SCENARIOS, playable
    from tests.faults.servers import KINDS, kind_of_servers

    chosen = parsed(arguments, list(SCENARIOS), KINDS)
    kind, seed = chosen.servers or kind_of_servers(), chosen.seed
    names, left_out = playable(chosen.scenarios or SCENARIOS, kind)
    say(f"seed {seed}, servers: {kind}")
    if left_out:
        say(f"left out, as they harm servers that were not started here: {', '.join(left_out)}")
    if not names:
        raise Stopped("nothing is left to play; `--servers system` starts the system's servers.")
    until = time.monotonic() + 60 * chosen.minutes
    verdicts: list[Verdict] = []
    while not verdicts or time.monotonic() < until:
        for verdict in played(names, seed, kind, chosen):
            verdicts.append(verdict)
            if chosen.minutes and time.monotonic() > until:
                break
        seed += 1
    say(table(verdicts))
    return 0 if all(verdict.ok for verdict in verdicts) else 1


def played(
    names: list[str], seed: int, kind: str, chosen: argparse.Namespace
) -> "Iterator[Verdict]":
    """The verdicts, each as soon as it is known: printed, and written where they are kept."""
    from tests.faults.raised import raised
    from tests.faults.scenarios import SCENARIOS, play

    with raised(seed, chosen.logs, kind) as stage:
        say(stage.servers.versions())
        for name in names:
            known = SCENARIOS[name]
            count = chosen.count or (known.short if chosen.short else known.full)
            verdict = play(stage, name, seed, count)
            say(verdict.line())
            if chosen.json:
                with chosen.json.open("a", encoding="utf-8") as file:
                    file.write(verdict.line() + "\n")
            yield verdict


def parsed(arguments: list[str], names: list[str], kinds: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="dev.py faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="begin again until they are over")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--short", action="store_true", help="few faults of each kind")
    parser.add_argument("--count", type=int, help="so many faults in each scenario")
    parser.add_argument("--logs", type=Path, help="a directory that keeps all logs")
    parser.add_argument(
        "--mutants",
        action="store_true",
        help="instead: break the protocol in a copy, one rule at a time, and see who goes red "
        "(names after it choose some of tests/faults/mutants.py)",
    )
    parser.add_argument("--json", type=Path, help="a file that gets each verdict as a line of JSON")
    parser.add_argument(
        "--servers",
        choices=kinds,
        help="own: the wheels', or the system's; system: the system's; given: at DATABASE_URL and "
        "REDIS_URL, in a database of the run's own and without harm to them (default: "
        "FAULTS_SERVERS; else given when both addresses are set; else own)",
    )
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(names))
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.scenarios) - set(names):
        raise Stopped(f"there is no scenario {', '.join(sorted(unknown))}: {', '.join(names)}")
    if chosen.json:
        chosen.json = chosen.json.resolve()
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
