"""The servers of a run: started here, or somebody's, used by address and left as they were found.

Faults are done to servers that were started here only; `Servers` knows no others to strike.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from devtools.console import Stopped
from devtools.environment import given
from devtools.postgres import Postgres
from devtools.program import Child
from devtools.servers import faults_servers
from devtools.supervisor import Supervisor
from devtools.valkey import Valkey
from tests.system import (
    connected,
    drop_database,
    make_database,
    redis_client,
    with_database,
    with_redis_database,
)

#: own: the wheels' servers, or the system's; system: never the wheels'; given: at DATABASE_URL and
#: REDIS_URL
KINDS = ("own", "system", "given")
OURS = "taken-by-a-fault-run"


@dataclass
class Servers:
    """Two addresses, and the children behind them when they are ours."""

    database: str
    broker: str
    supervisor: Supervisor
    own_postgres: Child | None = None
    own_valkey: Child | None = None

    @property
    def ours(self) -> bool:
        """Whether they were started here and may be struck."""
        return self.own_postgres is not None and self.own_valkey is not None

    @property
    def postgres(self) -> Child:
        """The database server; AssertionError when it is not ours to strike."""
        assert self.own_postgres is not None, "no harm is done to servers that were given"
        return self.own_postgres

    @property
    def valkey(self) -> Child:
        """The broker; AssertionError when it is not ours to strike."""
        assert self.own_valkey is not None, "no harm is done to servers that were given"
        return self.own_valkey

    def client(self) -> redis.Redis:
        """A client of the broker's database of this run."""
        return redis_client(self.broker)

    def versions(self) -> str:
        """What they are, in words."""
        with connected(self.database, "postgres") as cursor:
            cursor.execute("SHOW server_version")
            database = cursor.fetchone()[0].split()[0]
        with self.client() as client:
            said = client.info("server")
        name = "Valkey" if "valkey_version" in said else "Redis"
        version = said.get("valkey_version") or said["redis_version"]
        return f"PostgreSQL {database}, {name} {version}"


def kind_of_servers() -> str:
    """FAULTS_SERVERS; else `given` when both addresses are set, and else `own`."""
    kind = faults_servers()["FAULTS_SERVERS"]
    if kind not in KINDS:
        raise Stopped(f"FAULTS_SERVERS is {kind!r}; write one of {', '.join(KINDS)}.")
    return kind


@contextmanager
def servers_of(kind: str, home: Path, supervisor: Supervisor) -> Iterator[Servers]:
    """The servers of that kind; what was made on given ones is removed afterwards."""
    if kind == "given":
        with _given(supervisor) as found:
            yield found
        return
    postgres = Postgres(home, durable=True, system=kind == "system")
    valkey = Valkey(home, system=kind == "system")
    postgres.initialise()
    supervisor.start(postgres.program())
    supervisor.start(valkey.program())
    yield Servers(postgres.url, valkey.url, supervisor, *supervisor.children)


@contextmanager
def _given(supervisor: Supervisor) -> Iterator[Servers]:
    database, broker = given("DATABASE_URL"), given("REDIS_URL")
    if not (database and broker):
        raise Stopped("set DATABASE_URL and REDIS_URL, or let the run start servers of its own.")
    name = f"faults_{os.getpid()}_{secrets.token_hex(4)}"
    with _empty_database(broker) as url:
        make_database(database, name)
        try:
            yield Servers(with_database(database, name), url, supervisor)
        finally:
            with connected(database, "postgres") as cursor:
                drop_database(cursor, name)


@contextmanager
def _empty_database(broker: str) -> Iterator[str]:
    """The address of a Redis database that held nothing, and holds nothing afterwards."""
    for number in range(15, 0, -1):
        url = with_redis_database(broker, number)
        client = redis_client(url)
        # the mark keeps two runs apart; a database that holds more than it is somebody's
        if client.set(OURS, "1", nx=True, ex=86_400):
            if client.dbsize() == 1:
                try:
                    yield url
                finally:
                    client.flushdb()
                return
            client.delete(OURS)
    raise Stopped("REDIS_URL's server has no empty database among its numbers 1 to 15.")
