"""Where time is played with: all processes, a call service in its own, and a clock that is set."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.call_service import SECRET, TOKEN
from tests.faults.checker import OPEN, read_log
from tests.faults.clock import FakedClock
from tests.faults.service_process import Timing, end_service, start_service
from tests.system import System, eventually, free_port
from tests.system_fixtures import systems

#: the clock is set this much before an instant, and then left to pass it
LEAD = timedelta(seconds=0.2)
UNDER_WAY = """
SELECT (SELECT count(*) FROM executions_execution WHERE status = ANY(%s))
    + (SELECT count(*) FROM webhooks_delivery WHERE status IN ('pending', 'sending'))
"""
#: a schedule and the instant that it was rung for
Slot = tuple[str, datetime]


@dataclass(frozen=True)
class Ring:
    """A line of the call service's log, with what the faked clock showed then."""

    schedule_id: str
    scheduled_for: datetime
    at: datetime
    call_id: str

    @property
    def late(self) -> timedelta:
        """How long after its time it rang; negative when it was early."""
        return self.at - self.scheduled_for


@dataclass
class FakedStage:
    """A system whose clock is set by its test, and the log of the service that it dials."""

    system: System
    clock: FakedClock
    log: Path

    def rings(self) -> list[Ring]:
        """All that rang, in order."""
        return [
            Ring(
                line["schedule_id"],
                datetime.fromisoformat(line["scheduled_time"]),
                self.clock.shown_at(line["at"]),
                line["call_id"],
            )
            for line in read_log(self.log)
            if line["event"] == "ring"
        ]

    def rings_of(self, schedule_id: str) -> list[Ring]:
        """What rang for one scheduled call, in order."""
        return [ring for ring in self.rings() if ring.schedule_id == schedule_id]

    def pass_by(self, instant: datetime, due: set[Slot]) -> None:
        """Lets the clock pass an instant, until what is due then has rung and has ended."""
        self.clock.move_to(instant - LEAD)
        self.eventually(lambda: due <= self._rung(), f"what is due at {instant} rings: {due}")
        self.settle()

    def settle(self) -> None:
        """Waits until no execution is under way, and no webhook.

        One that is being sent while the clock leaps is sent again: its lease seems to be over.
        """
        self.eventually(
            lambda: self.clock.query(UNDER_WAY, list(OPEN)) == [(0,)], "nothing is open any more"
        )

    def _rung(self) -> set[Slot]:
        return {(ring.schedule_id, ring.scheduled_for) for ring in self.rings()}

    def eventually(self, look: Callable[[], bool], what: str) -> None:
        """As `tests.system.eventually`; all logs are told when it does not happen."""
        try:
            eventually(look, 20, what)
        except AssertionError as error:
            told = (
                f"{error}\n{self.clock.now()}: {self.rings()[-20:]}\n{self.system.logs()[-20_000:]}"
            )
            raise AssertionError(told) from None

    def schedule(self, number: str, **fields: Any) -> str:
        """The id of a new scheduled call; with a `cron_expression` it is a recurring one."""
        path = "scheduled-calls/recurring" if "cron_expression" in fields else "scheduled-calls"
        body = {"agent_id": "plain", "phone_number": number, **fields}
        return str(self.system.api("POST", path, body, status=201)["id"])

    def call(self, schedule_id: str) -> Any:
        """The scheduled call as the API shows it."""
        return self.system.api("GET", f"scheduled-calls/{schedule_id}", status=200)

    def past(self, schedule_id: str) -> list[dict[str, Any]]:
        """The history without the occurrence that is to come, oldest first."""
        rows = self.system.api("GET", f"scheduled-calls/{schedule_id}/history?limit=200")
        return [row for row in rows["executions"] if row["status"] != "pending"]


@contextmanager
def faked_stage(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FakedStage]:
    """A system with a faked clock, of which nothing is started yet but the call service."""
    folder = tmp_path_factory.mktemp("faked")
    with systems(template_database, worker_id, folder) as (make, _):
        system = make(
            SCHEDULER_CALL_PROVIDER="http",
            SCHEDULER_HTTP_CALL_URL=f"http://127.0.0.1:{free_port()}",
            SCHEDULER_HTTP_CALL_TOKEN=TOKEN,
            SCHEDULER_HTTP_CALL_SECRET=SECRET,
        )
        clock = FakedClock(system.environment["DATABASE_URL"])
        clock.install()
        log = folder / "calls.jsonl"
        service = start_service(system.environment, log, Timing(10, 120, 0), "none")
        try:
            yield FakedStage(system, clock, log)
        finally:
            end_service(service)
