"""Starts the embedded servers that the developer has not replaced with addresses of their own."""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools import environment, leftovers, places
from devtools.console import say, step
from devtools.postgres import Postgres
from devtools.supervisor import Supervisor
from devtools.valkey import Valkey

THROW_AWAY = "scheduler-test-"
JUST_BEGUN = 10.0  # seconds


def start_servers(supervisor: Supervisor, home: Path, durable: bool = True) -> tuple[str, str]:
    """Addresses of a database and a broker: the developer's, or of servers started here."""
    database, broker = environment.given("DATABASE_URL"), environment.given("REDIS_URL")
    if database is None:
        postgres = Postgres(home, durable)
        with step(f"PostgreSQL {postgres.version}"):
            postgres.initialise()
            supervisor.start(postgres.program())
        database = postgres.url
    if broker is None:
        with step("Valkey"):
            valkey = Valkey(home)
            supervisor.start(valkey.program())
        broker = valkey.url
    return database, broker


@contextmanager
def throw_away_servers(durable: bool = False) -> Iterator[tuple[Supervisor, dict[str, str]]]:
    """Fresh servers in a temporary directory and an environment to use them; then removed."""
    sweep()
    home = Path(tempfile.mkdtemp(prefix=THROW_AWAY))
    try:
        with locked(home), Supervisor(home) as supervisor:
            addresses = start_servers(supervisor, home, durable)
            yield supervisor, environment.for_tests(*addresses) | faults_servers()
    finally:
        places.forget(home)


def faults_servers() -> dict[str, str]:
    """Whose servers the fault tests use: the developer's, when both were set before ours were."""
    both = environment.given("DATABASE_URL") and environment.given("REDIS_URL")
    return {"FAULTS_SERVERS": environment.given("FAULTS_SERVERS") or ("given" if both else "own")}


def sweep() -> None:
    """Removes what test runs left that were killed: nobody holds their lock any more."""
    for home in Path(tempfile.gettempdir()).glob(f"{THROW_AWAY}*"):
        found = home.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        # a run that has just begun may not hold its lock yet
        if not ours or time.time() - found.st_mtime < JUST_BEGUN:
            continue
        with (home / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            say("removing what an earlier test run left behind")
            leftovers.end(home / leftovers.RECORD)
            places.forget(home)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Holds the directory's lock, as long as this process lives at the most."""
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
