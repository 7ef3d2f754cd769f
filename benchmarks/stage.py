"""Servers, databases and processes of one benchmark: PostgreSQL with fsync on, a Valkey, all ours.

What was not started here is neither measured nor ended from here.
"""

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis

from benchmarks.service import Service
from devtools import environment, identity, places
from devtools.console import Stopped, last_lines, output_of, say
from devtools.postgres import SUPERUSER, Postgres
from devtools.program import Child
from devtools.servers import THROW_AWAY, locked, sweep
from devtools.supervisor import Supervisor
from devtools.valkey import Valkey
from tests.system import connected, make_database

ROOT = places.ROOT
SHOWN = (
    "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections",
    "max_wal_size", "wal_sync_method", "autovacuum",
)  # fmt: skip


@dataclass
class Stage:
    """Must be used from the main thread, whose end is the children's end."""

    home: Path
    postgres: Child
    valkey: Child
    server: Postgres
    socket: Path
    service: Service
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    #: the same for all processes, or they would not believe each other's sessions
    secrets: dict[str, str] = field(default_factory=environment.new_secrets)

    def url(self, database: str) -> str:
        """The address of a database."""
        host = quote(str(self.server.sockets), safe="")
        return f"postgres://{SUPERUSER}@{host}:5432/{database}"

    def fresh(self, database: str, template: str | None = None) -> None:
        """An empty database, or a copy of another, and an empty Valkey."""
        make_database(self.url("postgres"), database, template)
        client = redis.Redis(unix_socket_path=str(self.socket))
        client.flushall()
        client.close()

    @property
    def broker(self) -> str:
        """Valkey's address as Celery reads it."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    def environment(self, database: str) -> dict[str, str]:
        """What the product's processes are told."""
        fresh = environment.for_tests(self.url(database), self.broker)
        found = environment.for_processes(fresh | self.secrets)
        found.pop("DATABASE_DIRECT_URL", None)
        return found

    def addresses(self, database: str) -> dict[str, str]:
        """What peers are told: the servers as libpq, Celery and ioredis read them; nothing else."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {
            "REDIS_URL": self.broker,
            "PYTHONUNBUFFERED": "1",
            "PGHOST": str(self.server.sockets),
            "PGPORT": "5432",
            "PGUSER": SUPERUSER,
            "PGDATABASE": database,
            "REDIS_SOCKET": str(self.socket),
        }

    def query(self, database: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with connected(self.url(database), database) as cursor:
            cursor.execute(statement, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return found

    def start(
        self, name: str, command: list[str], env: Mapping[str, str], cwd: Path = ROOT
    ) -> None:
        """Starts a process that dies with this one; it writes to `name`.log."""
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                identity.launched(command),
                cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def run(
        self, command: list[str], env: Mapping[str, str], cwd: Path = ROOT, given: str = ""
    ) -> str:
        """What a command prints; raises Stopped with its last lines when it fails."""
        done = subprocess.run(
            identity.launched(command), cwd=cwd, env=dict(env), input=given,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise Stopped(f"{' '.join(command)[:120]} failed:\n{said}")
        return done.stdout

    def log(self, name: str) -> Path:
        """Where a process writes to."""
        return self.home / f"{name}.log"

    def until(self, look: Callable[[], Any], seconds: float, what: str) -> Any:
        """The first true answer of `look`; raises Stopped when time is over or a process ended."""
        end = time.monotonic() + seconds
        while not (found := look()):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise Stopped(f"{name} has ended. It said:\n{last_lines(self.log(name), 15)}")
            if time.monotonic() > end:
                logs = "\n".join(f"{n}:\n{last_lines(self.log(n))}" for n in self.processes)
                raise Stopped(f"not within {seconds:.0f} s: {what}\n{logs}")
            time.sleep(0.1)
        return found

    def groups(self) -> dict[str, list[int]]:
        """The first process of everything that is measured."""
        return {
            "processes": [process.pid for process in self.processes.values()],
            "postgres": [self.postgres.process.pid],
            "redis": [self.valkey.process.pid],
        }

    def end_processes(self) -> None:
        """Ends what `start` started; nothing is kept, so nothing needs to be ended gently."""
        for name in list(self.processes):
            self.end(name)

    def end(self, name: str) -> None:
        """Ends one of them, with all that it forked."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def described(self) -> dict[str, Any]:
        """The machine, versions and the servers' settings."""
        names = ", ".join(f"current_setting('{name}')" for name in SHOWN)
        values = self.query("postgres", f"SELECT {names}")[0]
        model = (output_of(["sh", "-c", "grep -m1 'model name' /proc/cpuinfo"]) or "?").split(":")[
            -1
        ]
        return {
            "machine": f"{os.cpu_count()} cores, {model.strip()}, {platform.platform()}",
            "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB",
            "python": sys.version.split()[0],
            "postgres": f"{self.query('postgres', 'SHOW server_version')[0][0]}, "
            + ", ".join(f"{name}={value}" for name, value in zip(SHOWN, values, strict=True))
            + ", Unix socket",
            "redis": (output_of([str(Valkey(self.home).binary), "--version"]) or "?").strip()
            + ", nothing saved, Unix socket",
        }


@contextmanager
def raised() -> Iterator[Stage]:
    """A stage with servers of its own; all of it is gone afterwards."""
    sweep()
    home = Path(tempfile.mkdtemp(prefix=THROW_AWAY))
    try:
        with locked(home), Supervisor(home) as supervisor:
            postgres, valkey = Postgres(home, durable=True), Valkey(home)
            postgres.initialise()
            supervisor.start(postgres.program())
            supervisor.start(valkey.program())
            one, other = supervisor.children
            with Service.started(home) as service:
                stage = Stage(home, one, other, postgres, valkey.socket, service)
                try:
                    yield stage
                finally:
                    stage.end_processes()
    finally:
        places.forget(home)
        say("  servers stopped, nothing left behind")
