"""So many cron schedules, in ten zones, come due in one minute: until all rang and moved on."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.options import Options
from benchmarks.race import Case
from benchmarks.report import Row
from benchmarks.spike import take_turns
from benchmarks.stage import Stage


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """All cases; `next_open_s` is when no schedule's next run lay in the past any more."""
    counts = [10_000, 100_000]
    if options.quick:
        counts = [300]
    if options.count:
        counts = [options.count]
    cases = [Case("recurring", count, 0, f"{count:,} crons in one minute") for count in counts]
    # each run waits for a whole minute to begin
    fewer = replace(options, runs=options.long_runs)
    yield from take_turns(stage, fewer, cases)
