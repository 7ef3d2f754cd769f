"""Runs become a table: medians over the runs, and our median divided by each peer's."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.rings import median

OURS = "ours"


@dataclass
class Row:
    """One run of one contestant. `values` are the numbers that the table compares."""

    scenario: str
    case: str
    contestant: str
    run: int
    values: dict[str, float]
    #: what explains them
    more: dict[str, Any] = field(default_factory=dict)
    #: sentences that make the comparison fail
    failures: list[str] = field(default_factory=list)

    def line(self) -> str:
        """As one line of JSON; what is not a number is null there."""
        return json.dumps(asdict(self), default=str, allow_nan=True).replace("NaN", "null")


def medians(rows: Iterable[Row]) -> dict[str, float]:
    """The median of each value."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.values.items():
            values.setdefault(name, []).append(value)
    return {name: median(several) for name, several in values.items()}


def ratio(ours: float, peer: float) -> float:
    """Ours divided by the peer's; nan where that says nothing."""
    if math.isnan(ours) or math.isnan(peer) or peer == 0:
        return math.nan
    return ours / peer


def shown(value: float) -> str:
    """Three digits that count."""
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """Each scenario's cases, with their contestants and ratios."""
    parts = []
    for scenario in dict.fromkeys(row.scenario for row in rows):
        cases: dict[str, list[Row]] = {}
        for row in rows:
            if row.scenario == scenario:
                cases.setdefault(row.case, []).append(row)
        alone = all(row.contestant == OURS for case in cases.values() for row in case)
        same = len({tuple(row.values) for case in cases.values() for row in case}) == 1
        if alone and same:
            parts.append(short_table(scenario, cases))
        else:
            parts += [case_table(case) for case in cases.values()]
    return "\n\n".join(parts)


def short_table(scenario: str, cases: dict[str, list[Row]]) -> str:
    """A line a case, where nobody but us was measured."""
    columns = list(next(iter(cases.values()))[0].values)
    lines = [[scenario, "runs", *(column.replace("_", " ") for column in columns)]]
    for case, rows in cases.items():
        found = medians(rows)
        lines.append([case, str(len(rows)), *(shown(found[column]) for column in columns)])
    return aligned(lines)


def case_table(rows: Sequence[Row]) -> str:
    """One case."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.contestant, []).append(row)
    found = {name: medians(several) for name, several in by_name.items()}
    columns = list(dict.fromkeys(name for values in found.values() for name in values))
    title = f"{rows[0].scenario}: {rows[0].case}"
    lines = [[title, "runs", *(column.replace("_", " ") for column in columns)]]
    for name, values in found.items():
        numbers = [shown(values.get(column, math.nan)) for column in columns]
        lines.append([name, str(len(by_name[name])), *numbers])
    for name in found:
        if name != OURS and OURS in found:
            ratios = [
                ratio(found[OURS].get(column, math.nan), found[name].get(column, math.nan))
                for column in columns
            ]
            lines.append([f"ours / {name}", "", *(shown(one) for one in ratios)])
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            word.rjust(width) if place else word.ljust(width)
            for place, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
