"""One run of the benchmarks, from the command line to the table."""

import importlib
import time
from collections.abc import Iterator
from typing import IO

from benchmarks import options, report
from benchmarks.contestants import Contestant
from benchmarks.options import Options
from benchmarks.ours import Ours
from benchmarks.peers.registry import PEERS
from benchmarks.stage import Stage, raised
from devtools.console import Stopped, say


def run(arguments: list[str]) -> int:
    """1 when anything failed; each failure is named at the end."""
    chosen = options.parsed(arguments)
    begin = time.monotonic()
    lines = chosen.json.open("w", encoding="utf-8") if chosen.json else None
    rows: list[report.Row] = []
    with raised() as stage:
        introduce(stage, chosen)
        try:
            for row in played(stage, chosen):
                rows.append(row)
                note(row, lines)
        except KeyboardInterrupt:
            say("stopped; what was measured until now:")
        finally:
            if lines:
                lines.close()
    say()
    say(report.table(rows))
    say(f"\n{time.monotonic() - begin:.0f} s in all")
    failures = [failure for row in rows for failure in row.failures]
    for failure in failures:
        say(f"FAILED: {failure}")
    return 1 if failures else 0


def played(stage: Stage, chosen: Options) -> Iterator[report.Row]:
    """The rows of all scenarios, as they come."""
    for name in chosen.scenarios:
        say(f"{name}:")
        begin = time.monotonic()
        try:
            yield from importlib.import_module(f"benchmarks.{name}").play(stage, chosen)
        except Stopped as stopped:
            yield report.Row(name, "", report.OURS, 0, {}, {}, [f"{name}: {stopped}"])
        finally:
            stage.end_processes()
        say(f"  {name}: {time.monotonic() - begin:.0f} s")


def introduce(stage: Stage, chosen: Options) -> None:
    """The machine, the servers, everyone's settings, and what the judge itself can do."""
    for name, text in stage.described().items():
        say(f"  {name}: {text}")
    contestants: list[Contestant] = [Ours(), *(PEERS[name] for name in chosen.peers)]
    for contestant in contestants:
        say(f"  {contestant.name}: {contestant.settings}")
    rate, cost = stage.service.ceiling()
    say(f"  call service: {rate:,.0f} answers/s at most, {cost * 1e6:.0f} µs of CPU each")


def note(row: report.Row, lines: IO[str] | None) -> None:
    """One line for whoever waits, and one of JSON."""
    numbers = ", ".join(
        f"{name.replace('_', ' ')} {report.shown(value)}" for name, value in row.values.items()
    )
    say(f"  {row.case}, {row.contestant}, run {row.run}: {numbers or 'failed'}")
    for failure in row.failures:
        say(f"  FAILED: {failure}")
    if lines:
        lines.write(row.line() + "\n")
        lines.flush()
