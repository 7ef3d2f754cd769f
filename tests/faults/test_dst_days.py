"""On the days on which clocks change, every call rings once per local slot, as its preview said.

All processes run; the database's clock is moved through each day from one instant to the next. The
call service's log is the judge. `FAULTS_WHOLE_DAYS=1` walks through every quarter of an hour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.faults.dst_days import WALKS, Day
from tests.faults.faked_stage import FakedStage, Slot, faked_stage
from tests.system import ON_TIME

_numbers = count(2_025_550_000)


@pytest.fixture(scope="module")
def stage(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FakedStage]:
    """All processes, in the morning of the eve of the first day."""
    with faked_stage(template_database, worker_id, tmp_path_factory) as made:
        (first, *_) = WALKS.values()
        made.clock.move_to(first[0].begin - timedelta(hours=18))
        made.system.start_all()
        yield made


@dataclass(frozen=True)
class Planned:
    """A recurring call, when it must ring on its day, and what its preview said."""

    id: str
    cron: str
    day: Day
    wanted: list[str]
    preview: list[dict[str, str]]

    @property
    def instants(self) -> list[datetime]:
        """When it must ring."""
        return [datetime.fromisoformat(local) for local in self.wanted]


@pytest.mark.parametrize("days", WALKS.values(), ids=WALKS.keys())
def test_a_day_on_which_clocks_change(stage: FakedStage, days: Sequence[Day]) -> None:
    # after the last quarter of an hour of the day before
    stage.clock.move_to(min(day.begin for day in days) - timedelta(minutes=10))
    plans = [plan(stage, day, cron) for day in days for cron in day.crons()]
    # when this last one has rung, all that beat found due that day has rung too
    last = max(day.end for day in days) - timedelta(minutes=1)
    curfew = stage.schedule(number(), scheduled_time=last.isoformat())

    due: set[Slot] = {(one.id, at) for one in plans for at in one.instants} | {(curfew, last)}
    for instant in sorted({at for _, at in due}):
        stage.pass_by(instant, {slot for slot in due if slot[1] == instant})

    for one in plans:
        judge(stage, one)
        stage.system.api("DELETE", f"scheduled-calls/{one.id}", status=200)


def plan(stage: FakedStage, day: Day, cron: str) -> Planned:
    """Schedules the cron for the day, after its preview; one occurrence more is looked at."""
    wanted = day.local_times(cron)
    fields: dict[str, Any] = {"cron_expression": cron, "timezone": day.zone}
    body = {"agent_id": "plain", "phone_number": number(), **fields, "count": len(wanted) + 1}
    preview = stage.system.api("POST", "scheduled-calls/preview", body, status=200)
    made = stage.schedule(number(), **fields)
    return Planned(made, cron, day, wanted, preview["occurrences"])


def number() -> str:
    """A phone number of its own for each call."""
    return f"+1{next(_numbers)}"


def judge(stage: FakedStage, one: Planned) -> None:
    """Compares what was wanted with the preview, with what rang, and with the history."""
    name = f"{one.cron} in {one.day.zone} on {one.day.date}"
    *shown, after = one.preview
    assert [local(row["scheduled_time"]) + row["utc_offset"] for row in shown] == one.wanted, name
    assert datetime.fromisoformat(after["scheduled_time_utc"]) >= one.day.end, name

    rings = stage.rings_of(one.id)
    assert [ring.scheduled_for for ring in rings] == one.instants, name
    assert all(timedelta() <= ring.late < ON_TIME for ring in rings), (name, rings)

    past = stage.past(one.id)
    assert [row["status"] for row in past] == ["completed"] * len(rings), name
    assert [row["call_id"] for row in past] == [ring.call_id for ring in rings], name
    assert [local(row["scheduled_time"]) for row in past] == [at[:16] for at in one.wanted], name


def local(shown: str) -> str:
    """`2027-03-14 03:00:00` as `2027-03-14T03:00`."""
    return shown.replace(" ", "T")[:16]
