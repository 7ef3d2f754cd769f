"""What the call service heard is compared with what was wanted: lateness, losses, duplicates."""

import json
import math
import statistics
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ring:
    """One request: when (seconds since 1970), for which call."""

    at: float
    key: Hashable


@dataclass
class Verdict:
    """Counts, and the lateness in seconds of each call's first ring, sorted."""

    wanted: int
    rings: int
    lost: int
    duplicates: int
    #: rings for calls that nobody wanted
    strange: int
    #: calls that rang before their time
    early: int
    lateness: list[float] = field(default_factory=list)
    #: seconds since 1970; 0 when nothing rang
    last: float = 0.0


def entries(log: bytes) -> Iterable[tuple[float, str, Any]]:
    """Time, path and body of each line of the call service's log."""
    for line in log.splitlines():
        entry = json.loads(line)
        yield entry["at"], entry["path"], json.loads(entry["body"] or "null")


def by_number(log: bytes) -> list[Ring]:
    """Rings named by `metadata.n` of their bodies."""
    return [Ring(at, body["metadata"]["n"]) for at, _, body in entries(log)]


def judge(rings: Sequence[Ring], due: Mapping[Any, float]) -> Verdict:
    """`due`: every call that is to ring once, and when (seconds since 1970)."""
    times = Counter(ring.key for ring in rings)
    first: dict[Hashable, float] = {}
    for ring in rings:
        first[ring.key] = min(ring.at, first.get(ring.key, math.inf))
    lateness = sorted(at - due[key] for key, at in first.items() if key in due)
    return Verdict(
        wanted=len(due),
        rings=len(rings),
        lost=sum(key not in times for key in due),
        duplicates=sum(count - 1 for key, count in times.items() if key in due),
        strange=sum(count for key, count in times.items() if key not in due),
        early=sum(late < 0 for late in lateness),
        lateness=lateness,
        last=max((ring.at for ring in rings), default=0.0),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the sorted values that so many percent of them do not exceed; nan if none."""
    if not values:
        return math.nan
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def median(values: Iterable[float]) -> float:
    """The middle one, or nan."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else math.nan
