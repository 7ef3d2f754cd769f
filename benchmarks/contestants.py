"""Whoever is measured: how it is made ready, given its calls and started. The same for all."""

from dataclasses import dataclass
from typing import Protocol

from benchmarks.stage import Stage


@dataclass(frozen=True)
class Task:
    """So many calls, numbered from 0, all due at the same second.

    `scenario` is `spike` (one-time calls) or `recurring` (cron schedules that come due at `due`).
    """

    scenario: str
    run: str
    count: int
    #: seconds since 1970, a whole number
    due: int
    #: the call service's address for this run, and after how many milliseconds it answers
    url: str
    delay_ms: int
    workers: int = 2
    #: seconds over which they come due instead, in the order of their numbers
    spread: float = 0.0

    def due_of(self, number: int) -> float:
        """When a call is due, seconds since 1970."""
        return self.due + self.spread * number / self.count


class Contestant(Protocol):
    """The product, or a peer."""

    name: str
    #: what somebody needs to judge whether the comparison is fair
    settings: str
    #: the most calls that it is asked for, by a call service that answers at once and by one that
    #: takes its time: with more it would take too long
    most: tuple[int, int]
    #: calls a second that `load` stores at the least
    load_rate: float
    scenarios: tuple[str, ...]
    #: seconds after the due second at which it is stopped, done or not
    longest: float

    def prepare(self, stage: Stage) -> None:
        """Installs what it needs and makes a database to copy from; raises Stopped."""

    def load(self, stage: Stage, task: Task, database: str) -> None:
        """Stores the calls."""

    def start(self, stage: Stage, task: Task, database: str) -> None:
        """Starts its processes and waits until they are ready."""

    def unfinished(self, stage: Stage, task: Task, database: str) -> int | None:
        """How many calls its own records do not show as done; None when it keeps none."""

    def next_are_open(self, stage: Stage, task: Task, database: str) -> bool | None:
        """Whether every recurring call has its next time; None when it cannot be asked."""
