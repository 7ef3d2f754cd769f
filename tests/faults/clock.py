"""A clock that can be set: it stands in the database, where the product asks what time it is.

The product knows one clock, PostgreSQL's `clock_timestamp()`. In a schema that stands in front of
`pg_catalog` on the database's search path there is a function of that name, which adds what a
one-row table says. So the product runs unchanged, and all its processes are moved at once.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2 import sql

from tests.system import connected

#: seconds and not days: adding days to an instant would depend on the session's zone
INSTALL = """
CREATE SCHEMA faked;
CREATE TABLE faked.shift (seconds float8 NOT NULL);
INSERT INTO faked.shift VALUES (0);
CREATE FUNCTION faked.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT pg_catalog.clock_timestamp() + make_interval(secs => (SELECT seconds FROM faked.shift))
$$;
"""
MOVE = """
UPDATE faked.shift SET seconds = extract(epoch FROM %s::timestamptz - pg_catalog.clock_timestamp())
RETURNING seconds
"""


@dataclass
class FakedClock:
    """The clock of one database. It goes on by itself; `move_to` sets it."""

    database_url: str
    #: (seconds since 1970 when it was moved, seconds that it is ahead since then)
    moves: list[tuple[float, float]] = field(default_factory=list)

    def install(self) -> None:
        """Puts it in front of PostgreSQL's own, for the sessions that are opened from now on."""
        name = self.database_url.partition("?")[0].rpartition("/")[2]
        with connected(self.database_url, name) as cursor:
            cursor.execute(INSTALL)
            cursor.execute(
                sql.SQL("ALTER DATABASE {} SET search_path = faked, pg_catalog, public").format(
                    sql.Identifier(name)
                )
            )

    def remove(self) -> None:
        """PostgreSQL's own again, for the sessions that are opened from now on."""
        name = self.database_url.partition("?")[0].rpartition("/")[2]
        with connected(self.database_url, name) as cursor:
            cursor.execute(
                sql.SQL("ALTER DATABASE {} RESET search_path").format(sql.Identifier(name))
            )
            cursor.execute("DROP SCHEMA faked CASCADE")

    def move_to(self, instant: datetime) -> None:
        """Sets it to an aware instant."""
        begin = time.time()
        ((ahead,),) = self.query(MOVE, instant)
        self.moves.append((begin, float(ahead)))

    def now(self) -> datetime:
        """What it shows, as the product reads it, in UTC."""
        ((instant,),) = self.query("SELECT clock_timestamp()")
        assert isinstance(instant, datetime)
        return instant.astimezone(UTC)

    def shown_at(self, real: float) -> datetime:
        """What it showed at that second since 1970, in UTC."""
        ahead = [ahead for moved, ahead in self.moves if moved <= real][-1]
        return datetime.fromtimestamp(real, UTC) + timedelta(seconds=ahead)

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement on the clock's database."""
        name = self.database_url.partition("?")[0].rpartition("/")[2]
        with connected(self.database_url, name) as cursor:
            cursor.execute(statement, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
