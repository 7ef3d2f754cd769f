"""Does the harm: kills, freezes, cuts, empties and restarts what the stage has started.

Whom and when is drawn from the stage's seeded chance, so a run can be played again.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable

from devtools.program import Child
from tests.faults.stage import Stage
from tests.faults.victims import children_of, group_of, strike
from tests.system import eventually

TERMINATE = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity WHERE application_name = 'dialing'
    AND datname = current_database() ORDER BY random() LIMIT %s) sessions
"""
END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
RELOAD = "SELECT pg_reload_conf()"
ALL = 10_000


class Nemesis:
    """Counts what it did; each method is one fault."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.chance = stage.random
        self.done: Counter[str] = Counter()
        #: what a scenario saw going wrong, in sentences
        self.complaints: list[str] = []
        self._frozen: list[tuple[float, int]] = []

    def worker_children(self) -> list[int]:
        """The processes that dial, of all workers that live."""
        return [
            pid
            for name, process in self.stage.system.processes.items()
            if name.startswith("worker") and process.poll() is None
            for pid in group_of(process.pid)
        ]

    def kill_a_worker(self, whole: float = 0.1) -> None:
        """kill -9 of a worker's child, or, so often, of a whole worker."""
        if self.chance.random() < whole:
            names = [name for name in self.stage.cast if name.startswith("worker")]
            self.stage.system.kill(self.chance.choice(names))
            self.done["kills"] += 1
        elif children := self.worker_children():
            self.done["kills"] += strike(self.chance.choice(children), signal.SIGKILL)

    def kill_beat(self, name: str = "beat-0") -> None:
        """kill -9 of a beat; the stage starts it again."""
        self.stage.system.kill(name)
        self.done["kills"] += 1

    def freeze(self, pid: int, seconds: float) -> None:
        """SIGSTOP now; `thaw` lets it go on when its time is over."""
        if strike(pid, signal.SIGSTOP):
            self.done["stops"] += 1
            self._frozen.append((time.time() + seconds, pid))

    def thaw(self, *, all_of_them: bool = False) -> None:
        """SIGCONT for those whose time is over."""
        over = [one for one in self._frozen if all_of_them or one[0] <= time.time()]
        for one in over:
            strike(one[1], signal.SIGCONT)
            self._frozen.remove(one)

    def cut_sessions(self, count: int = 1) -> None:
        """Terminates sessions that prove workers alive."""
        self.done["terminations"] += self.stage.query(TERMINATE, count)[0][0]

    def cut_sessions_of_frozen(self, seconds: float) -> None:
        """Freezes a worker's child, then terminates all sessions, its own among them."""
        if children := self.worker_children():
            self.freeze(self.chance.choice(children), seconds)
            self.cut_sessions(ALL)

    def empty_broker(self) -> None:
        """FLUSHALL."""
        with self.stage.fault():
            assert self.stage.servers.ours
            with self.stage.servers.client() as client:
                client.flushall()
        self.done["other_faults"] += 1

    def broker_away(self, seconds: float, meanwhile: Callable[[], None] | None = None) -> None:
        """kill -9 of the broker; after so many seconds it is back, empty."""
        with self.stage.fault():
            self.stage.servers.valkey.kill_group()
            self.stage.servers.valkey.process.wait()
            if meanwhile is not None:
                meanwhile()
            self.stage.until(time.time() + seconds)
            start_again(self.stage.servers.valkey)
        self.done["other_faults"] += 1

    def broker_frozen(self, seconds: float, meanwhile: Callable[[], None] | None = None) -> None:
        """SIGSTOP of the broker: it takes connections and says nothing."""
        with self.stage.fault():
            os.kill(self.stage.servers.valkey.process.pid, signal.SIGSTOP)
            if meanwhile is not None:
                meanwhile()
            self.stage.until(time.time() + seconds)
            os.kill(self.stage.servers.valkey.process.pid, signal.SIGCONT)
        self.done["other_faults"] += 1

    def restart_postgres(self, how: signal.Signals) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one; then it is started."""
        with self.stage.fault():
            os.kill(self.stage.servers.postgres.process.pid, how)
            self.stage.servers.postgres.process.wait(60)
            start_again(self.stage.servers.postgres)
        self.stage.servers.supervisor.write_record()
        self.done["other_faults"] += 1

    def broker_full(self, seconds: float) -> None:
        """The broker takes no more: every command that would need memory is refused."""
        with self.stage.fault(), self.stage.servers.client() as client:
            assert self.stage.servers.ours
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
            self.stage.until(time.time() + seconds)
            client.config_set("maxmemory", 0)
        self.done["other_faults"] += 1

    def read_only(
        self, seconds: float, *, sessions: bool, meanwhile: Callable[[], None] | None = None
    ) -> None:
        """The database takes no changes; `sessions`: those opened meanwhile stay so afterwards."""
        assert self.stage.servers.ours
        with self.stage.fault(), self.stage.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")  # for this session alone
            cursor.execute("SELECT current_database()")
            whose = f'DATABASE "{cursor.fetchone()[0]}"' if sessions else "SYSTEM"
            cursor.execute(f"ALTER {whose} SET default_transaction_read_only = on")
            cursor.execute(END_SESSIONS if sessions else RELOAD)
            if meanwhile is not None:
                meanwhile()
            self.stage.until(time.time() + seconds)
            cursor.execute(f"ALTER {whose} RESET default_transaction_read_only")
            cursor.execute(RELOAD)
        self.done["other_faults"] += 1

    def postgres_frozen(self, seconds: float) -> None:
        """SIGSTOP of every process of PostgreSQL but the one that takes new connections."""
        postmaster = self.stage.servers.postgres.process.pid
        with self.stage.fault():
            frozen = [pid for pid in children_of(postmaster) if strike(pid, signal.SIGSTOP)]
            try:
                self.stage.until(time.time() + seconds)
            finally:
                for pid in frozen:
                    strike(pid, signal.SIGCONT)
        self.done["stops"] += len(frozen)
        self.done["other_faults"] += 1


def start_again(server: Child) -> None:
    """Starts a server of ours again and waits until it answers."""
    server.start()
    eventually(server.program.is_up, 60, f"{server.program.name} is back")
