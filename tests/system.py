"""The whole product as real processes: web, worker and beat on a database of their own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import dj_database_url
import psycopg2
import redis
import requests
from psycopg2 import sql

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
#: a ring that is on time is this late at most, on a machine that has other things to do
ON_TIME = timedelta(seconds=5)


def eventually(look: Callable[[], T], seconds: float = 20.0, what: str = "") -> T:
    """The first true answer of `look`, asked again and again for at most so many seconds."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what or look} (last: {found!r})")
        time.sleep(0.05)
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class System:
    """Processes, their environment and their logs. Each kind may be started several times."""

    environment: dict[str, str]
    folder: Path
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    token: str = ""

    @property
    def url(self) -> str:
        """The web process's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Starts a Python module's command under a name; its output goes to `name`.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def start_web(self, *, wait: bool = True) -> None:
        """Starts gunicorn; waits until it is ready."""
        bind = f"127.0.0.1:{self.port}"
        self.start(
            "web", "gunicorn", "-b", bind, "-w", "1", "--threads", "4", "--no-control-socket",
            "scheduler_project.wsgi",
        )  # fmt: skip
        if wait:
            eventually(lambda: self.answers("/readyz"), 60, "web is ready")

    def start_all(self) -> None:
        """Starts web, one worker and one beat side by side and waits until all are ready."""
        self.start_web(wait=False)
        self.start_worker(wait=False)
        self.start_beat(wait=False)
        eventually(lambda: self.answers("/readyz"), 60, "web is ready")
        eventually(lambda: self.sessions("dialing") >= 2, 60, "the worker is ready")
        eventually(lambda: self.sessions("beat-leader") >= 1, 60, "beat is ready")

    def start_worker(
        self, name: str = "worker", concurrency: int = 2, *, wait: bool = True
    ) -> None:
        """Starts a Celery worker for all queues; waits until its children could dial."""
        since = datetime.now(UTC)
        self.start(
            name, "celery", "-A", "scheduler_project", "worker", "-n", name,
            "--concurrency", str(concurrency), "--without-gossip", "--without-mingle",
        )  # fmt: skip
        if wait:
            eventually(lambda: self.sessions("dialing", since) >= concurrency, 60, "worker")

    def sessions(self, application: str, since: datetime = ALWAYS) -> int:
        """How many database sessions of that name this system has that began after `since`.

        Those of a process that was killed a moment ago may still be among the older ones.
        """
        url = self.environment["DATABASE_URL"]
        with connected(url, "postgres") as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = %s AND backend_start >= %s",
                [application, dj_database_url.parse(url)["NAME"], since],
            )
            return int(cursor.fetchone()[0])

    def start_beat(self, name: str = "beat", *, wait: bool = True) -> None:
        """Starts celery beat with this project's scheduler class; waits for its first tick."""
        since = datetime.now(UTC)
        pidfile = str(self.folder / f"{name}.pid")
        self.start(name, "celery", "-A", "scheduler_project", "beat", "--pidfile", pidfile)
        if wait:
            eventually(lambda: self.sessions("beat-leader", since) >= 1, 60, "beat")

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Signals a process and all its children; waits for it when the signal ends it."""
        process = self.processes[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        if how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            process.wait(30)
            (self.folder / f"{name}.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Ends everything."""
        for name in self.processes:
            self.kill(name)

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with 200."""
        try:
            return requests.get(self.url + path, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def manage(self, *arguments: str) -> str:
        """The output of a manage.py command."""
        command = [sys.executable, "manage.py", *arguments]
        ran = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def api(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        """The JSON of an API call made with the token; checks the status when it is given."""
        answer = requests.request(
            method,
            f"{self.url}/api/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        if status is not None:
            assert answer.status_code == status, answer.text
        return answer.json()

    def history(self, schedule_id: str) -> list[dict[str, Any]]:
        """The history rows of a scheduled call."""
        rows: list[dict[str, Any]] = self.api("GET", f"scheduled-calls/{schedule_id}/history")[
            "executions"
        ]
        return rows

    def wait_for_status(self, schedule_id: str, status: str, seconds: float = 30) -> dict[str, Any]:
        """The last history row once it has that status."""

        def look() -> dict[str, Any] | None:
            rows = self.history(schedule_id)
            return rows[-1] if rows and rows[-1]["status"] == status else None

        found = eventually(look, seconds, f"{schedule_id} is {status}")
        assert found is not None
        return found

    def logs(self) -> str:
        """All that the processes wrote."""
        return "\n".join(
            f"== {file.name}\n{file.read_text(errors='replace')}"
            for file in sorted(self.folder.glob("*.log"))
        )


@contextlib.contextmanager
def connected(url: str, database: str) -> Iterator[Any]:
    """An autocommitting cursor on another database of the same server."""
    found = dj_database_url.parse(url)
    connection = psycopg2.connect(
        dbname=database,
        user=found["USER"] or None,
        password=found["PASSWORD"] or None,
        host=found["HOST"] or None,
        port=found["PORT"] or None,
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def with_database(url: str, name: str) -> str:
    """The same database URL with another database name."""
    base, question, query = url.partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}{question}{query}"


def with_redis_database(url: str, number: int) -> str:
    """The same Redis URL with another database number."""
    if "virtual_host=" in url:
        return re.sub(r"virtual_host=\d+", f"virtual_host={number}", url)
    if url.startswith("redis+socket"):
        return f"{url}?virtual_host={number}"
    return re.sub(r"(redis://[^/]+)(/\d*)?", rf"\1/{number}", url)


def redis_client(url: str) -> redis.Redis:
    """A client for an address as Celery reads it."""
    socket_path, _, query = url.removeprefix("redis+socket://").partition("?")
    if url.startswith("redis+socket"):
        url = f"unix://{socket_path}?db={query.removeprefix('virtual_host=') or 0}"
    return redis.Redis.from_url(url, socket_timeout=5)


def make_database(url: str, name: str, template: str | None = None) -> None:
    """Makes a database anew, as a copy of the template when one is given."""
    with connected(url, "postgres") as cursor:
        drop_database(cursor, name)
        copied = (
            sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        )
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copied)


def drop_database(cursor: Any, name: str) -> None:
    """Drops a database, whoever is still connected."""
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
