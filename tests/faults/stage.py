"""Where the faults happen: servers, workers, beats and a call service of this run's own.

Faults are done to children of this process only, never to an address: what was not started here
cannot be touched from here.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg2

from devtools import identity
from tests.faults.checker import ROWS, Verdict, Wanted, instant, judge, read_log, recovery
from tests.faults.poison import bell_for_nobody
from tests.faults.servers import Servers
from tests.faults.service_process import Timing, start_service
from tests.faults.victims import group_of
from tests.system import ROOT, System, connected, eventually

LEASE, DEADLINE, SETTLE = 3.0, 1.0, 2.0
#: how long the call service freezes a worker: three leases, and a little
FREEZE = 3 * LEASE + 0.5
#: seconds after the faults within which every call must have ended
GRACE = 75.0
CONCURRENCY = 2
#: whose calls these are
OWNER = "faults"
OPEN_ROWS = """
SELECT count(*) FROM scheduled_calls_scheduledcall s WHERE s.id = ANY(%s::uuid[]) AND (
    s.next_run_at IS NOT NULL OR EXISTS (SELECT FROM executions_execution e WHERE
        e.scheduled_call_id = s.id
        AND e.status IN ('pending', 'dialing', 'in_progress', 'retrying', 'unknown')))
"""


class OwnSystem(System):
    """A system whose processes end with this one, even when this one is killed."""

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Starts a Python module's command under a name; its output goes to `name`.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                identity.launched([sys.executable, "-m", *command]),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process


@dataclass
class Stage:
    """Everything that a scenario plays with. Must be used from the main thread."""

    servers: Servers
    system: OwnSystem
    run: str
    random: random.Random
    concurrency: int = CONCURRENCY
    service: subprocess.Popen[str] | None = None
    #: the names of the processes that must be alive
    cast: list[str] = field(default_factory=list)
    #: begin and end of each fault, seconds since 1970
    faults: list[tuple[float, float]] = field(default_factory=list)
    #: since when (seconds since 1970) the product's clock is how many seconds ahead
    moves: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    log_start: int = 0
    #: who of the cast has ended, with its exit code; each was started again
    ended: list[tuple[str, int]] = field(default_factory=list)

    def now(self) -> float:
        """What the product's clock shows, in seconds since 1970."""
        return time.time() + self.moves[-1][1]

    def shown(self, at: float) -> float:
        """What it showed then; just after a jump, the later of what it showed before and after."""
        ahead = [move for since, move in self.moves if since <= at]
        recent = [move for since, move in self.moves if at - LEASE < since <= at]
        before = ahead[-len(recent) - 1 : -len(recent)] if recent else []
        return at + max([*ahead[-1:], *recent, *before], default=0.0)

    @property
    def log(self) -> Path:
        """The call service's log."""
        return self.system.folder / "calls.log"

    def start_service(self) -> None:
        """Starts the call service; it ends with its input, hence with this process."""
        timing = Timing(DEADLINE, SETTLE, FREEZE)
        self.service = start_service(self.system.environment, self.log, timing, self.run)

    def at_accept(self, fault: str, times: int) -> None:
        """Lets the call service strike the next so many processes that connect to it."""
        assert self.service
        assert self.service.stdin
        assert self.service.stdout
        self.service.stdin.write(json.dumps({"do": fault, "times": times}) + "\n")
        self.service.stdin.flush()
        assert self.service.stdout.readline() == "done\n"

    def start(self, name: str) -> None:
        """Starts a worker, a beat or the web process by its name, without waiting."""
        kind = name.partition("-")[0]
        if kind == "web":
            self.system.start_web(wait=False)
        elif kind == "beat":
            self.system.start(name, "celery", "-A", "scheduler_project", "beat", "--pidfile=")
        else:
            self.system.start_worker(name, self.concurrency, wait=False)

    def make_ready(self, workers: int = 1, beats: int = 1, *, web: bool = False) -> None:
        """Starts what is missing and waits until it is ready; ends beats that are too many.

        More workers than asked for may be left from the scenario before.
        """
        wanted = [f"worker-{number}" for number in range(workers)]
        wanted += [f"beat-{number}" for number in range(beats)] + ["web"] * web
        for name in [name for name in self.cast if name.startswith("beat")]:
            if name not in wanted:
                self.cast.remove(name)
                self.system.kill(name)
                del self.system.processes[name]
        self.look_after()
        missing = [name for name in wanted if name not in self.cast]
        for name in missing:
            self.start(name)
        self.cast += missing
        eventually(self._all_can_dial, 60, "workers are ready")
        eventually(lambda: self.system.sessions("beat-leader") >= beats, 60, "beats are ready")
        if web:
            eventually(lambda: self.system.answers("/readyz"), 60, "web is ready")
        self.faults, self.log_start, self.ended = [], self.log.stat().st_size, []
        self.moves = [(0.0, 0.0)]

    def look_after(self) -> None:
        """Starts again whoever of the cast has ended."""
        for name in self.cast:
            code = self.system.processes[name].poll()
            if code is not None:
                self.system.kill(name)  # the rest of its group, if any
                self.start(name)
                self.ended.append((name, code))

    def workers(self) -> list[int]:
        """The process ids of the workers, in the order of their names."""
        names = sorted(name for name in self.cast if name.startswith("worker"))
        return [self.system.processes[name].pid for name in names]

    def _all_can_dial(self) -> bool:
        """Whether every worker has all its children, and they their sessions; looks after all.

        One that was killed a moment ago may have a session still, and no children any more. And a
        child whose session was cut opens another when there is something to do: all are rung.
        """
        self.look_after()
        workers = self.workers()
        if any(len(group_of(pid)) < self.concurrency for pid in workers):
            return False
        children = len(workers) * self.concurrency
        if self.system.sessions("dialing") >= children:
            return True
        with self.servers.client() as client:
            client.lpush("calls", *(bell_for_nobody() for _ in range(children)))
        return False

    def schedule(
        self,
        behaviours: Sequence[str],
        over: float,
        burst: int = 1,
        more: dict[str, str] | None = None,
        ahead: float = 0.0,
    ) -> list[Wanted]:
        """One-time calls, `burst` at the same instant, spread over so many seconds.

        The scheduler keeps whole seconds, so several bursts may meet. `more`: other fields;
        `ahead`: seconds by which all are later than soon.
        """
        begin = int(self.now() + 3.0 + len(behaviours) * 0.004 + ahead)
        gap = over * burst / max(1, len(behaviours))
        times = [begin + int(gap * (number // burst)) for number in range(len(behaviours))]
        bodies = [
            {
                **(more or {}),
                "agent_id": behaviour,
                "phone_number": f"+1202{self.random.randrange(10**7):07}",
                "scheduled_time": datetime.fromtimestamp(at, UTC).isoformat(),
            }
            for behaviour, at in zip(behaviours, times, strict=True)
        ]
        made = self.load([("one_time", body) for body in bodies])
        return [
            Wanted(id_, body["agent_id"], instant(since), at=instant(body["scheduled_time"]))
            for (id_, since), body in zip(made, bodies, strict=True)
        ]

    def schedule_recurring(self, count: int, cron: str, times: int) -> list[Wanted]:
        """So many recurring calls, each to ring so many times."""
        body = {"agent_id": "plain", "cron_expression": cron, "max_occurrences": times}
        bodies = [{**body, "phone_number": f"+1202666{number:04}"} for number in range(count)]
        made = self.load([("recurring", body) for body in bodies])
        return [Wanted(id_, "plain", instant(s), cron=cron, times=times) for id_, s in made]

    def load(self, bodies: Sequence[tuple[str, dict[str, Any]]]) -> list[list[str]]:
        """Ids and times of creation of calls made from (`one_time` or `recurring`, body)."""
        ran = subprocess.run(
            [sys.executable, "-m", "tests.faults.load"],
            input=json.dumps(bodies),
            cwd=ROOT,
            env=self.system.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        made: list[list[str]] = json.loads(ran.stdout)
        return made

    def until(
        self, end: float, act: Callable[[], None] | None = None, gap: tuple[float, float] = (1, 1)
    ) -> None:
        """Until that second since 1970: revives the dead, and acts after gaps drawn at random."""
        due = time.time() + self.random.uniform(*gap)
        while time.time() < end:
            self.look_after()
            if act is not None and time.time() >= due:
                act()
                due = time.time() + self.random.uniform(*gap)
            time.sleep(0.02)

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Notes when a fault began and ended."""
        begin = time.time()
        yield
        self.faults.append((begin, time.time()))

    def cursor(self) -> AbstractContextManager[Any]:
        """An autocommitting cursor on the system's database, in a session of its own."""
        url = self.system.environment["DATABASE_URL"]
        return connected(url, dj_database_url.parse(url)["NAME"])

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement on the system's database."""
        with self.cursor() as cursor:
            cursor.execute(statement, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def settle(self, wanted: Sequence[Wanted], grace: float = GRACE) -> None:
        """Waits until nothing of it is open any more, or the time of grace is over."""
        ids = [one.schedule_id for one in wanted]
        last = max((max(one.occurrences()) for one in wanted), default=time.time())
        end = max(last - self.moves[-1][1], time.time()) + grace
        while time.time() < end:
            self.until(time.time() + 0.3)
            with suppress(psycopg2.Error):
                if self.query(OPEN_ROWS, ids)[0][0] == 0:
                    return

    def verdict(self, name: str, seed: int, wanted: Sequence[Wanted]) -> Verdict:
        """The checker's word on a scenario that has settled."""
        rows = self.query(ROWS, [one.schedule_id for one in wanted])
        log = read_log(self.log, self.log_start)
        log = [{**event, "at": self.shown(event["at"])} for event in log]
        verdict = judge(Verdict(name, seed), wanted, log, rows)
        rang = [
            (instant(ring["scheduled_time"]), ring["at"]) for ring in log if ring["event"] == "ring"
        ]
        verdict.recovery_max, verdict.cleared_max = recovery(self.faults, rang)
        return verdict
