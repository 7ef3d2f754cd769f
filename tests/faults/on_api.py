"""Scenarios seen from the API: what it answers, and how soon, while something is away."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.faults.checker import Wanted, instant, last
from tests.faults.nemesis import Nemesis
from tests.faults.on_servers import AWAY, now_and_then
from tests.faults.poison import bell_for_nobody
from tests.faults.stage import Stage

#: seconds within which the API answers, whatever is away
QUICK = 4.5
#: takes connections from nobody: deliveries are written, so that there is a bell to ring
NOWHERE = "http://127.0.0.1:1/hook"
CALLS = 3
#: more than all processes and threads that might answer
BELLS = 12
RUNS = """
SELECT scheduled_call_id::text, extract(epoch FROM scheduled_for)::float8, status
FROM executions_execution WHERE scheduled_call_id = ANY(%s::uuid[]) AND trigger = 'manual'
"""


class Caller:
    """A client of the API that notes what took too long or was not done."""

    def __init__(self, stage: Stage, nemesis: Nemesis) -> None:
        self.stage = stage
        self.nemesis = nemesis
        self.wanted: list[Wanted] = []
        self.slowest = 0.0

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of the answer; complains unless it has that status and comes soon."""
        begin = time.monotonic()
        answer = requests.request(
            method,
            f"{self.stage.system.url}/api/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.stage.system.token}"},
            timeout=60,
        )
        took = time.monotonic() - begin
        self.slowest = max(self.slowest, took)
        if answer.status_code != status or took > QUICK:
            self.nemesis.complaints.append(
                f"{method} {path} was answered {answer.status_code} after {took:.1f} s"
            )
        return answer.json()

    def schedule(self, ahead: float, status: int = 201) -> str:
        """Schedules a call so many seconds ahead; its id, if it is to be scheduled."""
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=ahead)
        body = {"agent_id": "plain", "phone_number": "+12025550177", "webhook_url": NOWHERE}
        body["scheduled_time"] = at.isoformat()
        made = self.ask("POST", "scheduled-calls", body, status)
        if status != 201:
            return ""
        if ahead < 3600:
            self.wanted.append(
                Wanted(made["id"], "plain", instant(made["created_at"]), at=at.timestamp())
            )
        return str(made["id"])


def api_without_broker(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The broker is killed, then frozen, and calls are made, scheduled, paused and cancelled."""
    stage.make_ready(workers=2, web=True)
    caller = Caller(stage, nemesis)
    for number in range(count):
        tomorrow = [caller.schedule(86_400) for _ in range(2 * CALLS)]

        def meanwhile(tomorrow: list[str] = tomorrow) -> None:
            for id_ in tomorrow[:CALLS]:
                caller.ask("POST", f"scheduled-calls/{id_}/pause", {})
                caller.ask("POST", f"scheduled-calls/{id_}/execute", None, 202)
                caller.schedule(3)
            for id_ in tomorrow[CALLS:]:
                caller.ask("DELETE", f"scheduled-calls/{id_}")

        (nemesis.broker_frozen if number % 2 else nemesis.broker_away)(5.0, meanwhile)
        _expect_runs(stage, caller, tomorrow[:CALLS])
    stage.until(last(caller.wanted) + 1)
    return caller.wanted


def postgres_read_only(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """The database takes no changes for some seconds, in turn for all and for new sessions.

    Meanwhile the API says so, and bells are rung, so that every process opens a session that stays
    read-only; afterwards all must find out.
    """
    stage.make_ready(workers=2, web=True)
    caller = Caller(stage, nemesis)

    def meanwhile() -> None:
        with stage.servers.client() as client:
            client.lpush("calls", *(bell_for_nobody() for _ in range(BELLS)))
        for _ in range(BELLS):
            caller.schedule(1, 503)

    def harm(number: int) -> None:
        nemesis.read_only(AWAY, sessions=number % 2 == 1, meanwhile=meanwhile)
        for _ in range(BELLS):
            caller.schedule(2)

    return now_and_then(stage, count, harm) + caller.wanted


def _expect_runs(stage: Stage, caller: Caller, ids: list[str]) -> None:
    """The runs by hand are wanted too; the calls themselves are called off when they have rung."""
    end = time.time() + 30
    while time.time() < end and any(row[2] != "completed" for row in stage.query(RUNS, ids)):
        stage.until(time.time() + 0.2)
    for id_, at, _ in stage.query(RUNS, ids):
        caller.wanted.append(Wanted(id_, "plain", at, at=at))
    for id_ in ids:
        caller.ask("DELETE", f"scheduled-calls/{id_}")
