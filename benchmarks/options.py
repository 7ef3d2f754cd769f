"""What to measure: scenarios, peers, how often, how many; from the command line."""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.registry import PEERS
from devtools.console import Stopped

SCENARIOS = ("spike", "recurring", "webhooks", "standing", "create", "reads")


@dataclass(frozen=True)
class Options:
    """`count` None: the scenario's own numbers."""

    scenarios: list[str]
    peers: list[str]
    runs: int
    #: of scenarios that take minutes each: one, unless more are asked for
    long_runs: int
    count: int | None
    workers: int
    quick: bool
    json: Path | None


def parsed(arguments: Sequence[str]) -> Options:
    """The command line; Stopped when it names what is not there."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS))
    parser.add_argument("--peers", default="all", help=f"all, none, or of {', '.join(PEERS)}")
    parser.add_argument("--runs", type=int, help="how often each is measured (3; with --quick 1)")
    parser.add_argument("--count", type=int, help="instead of the scenario's own numbers")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of everyone")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it work at all?")
    parser.add_argument("--json", type=Path, help="a file that gets one JSON object a run")
    given = parser.parse_args(arguments)
    peers = {"all": list(PEERS), "none": []}.get(given.peers, given.peers.split(","))
    refuse("scenario", given.scenarios, SCENARIOS)
    refuse("peer", peers, PEERS)
    runs = given.runs or (1 if given.quick else 3)
    if min(runs, given.workers, given.count or 1) < 1:
        raise Stopped("--runs, --workers and --count are at least 1.")
    chosen = given.scenarios or list(SCENARIOS)
    return Options(
        chosen, peers, runs, given.runs or 1, given.count, given.workers, given.quick, given.json
    )


def refuse(kind: str, given: Sequence[str], known: Collection[str]) -> None:
    """Stopped for the first name that is not known."""
    for name in given:
        if name not in known:
            raise Stopped(f"there is no {kind} {name!r}; there are: {', '.join(known)}")
