"""Statements that a session sends again and again are read and planned by PostgreSQL only once."""

import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import connection, cursor

from executions import rows

#: more than a worker child has; what was not used for long makes room
MOST_PREPARED = 100
#: a plan is made anew after this long: tables that were small grow, and nine o'clock comes at once
PLANNED_AGAIN_SECONDS = 0.5
_NAMED = re.compile(r"%\((\w+)\)s|%%")


class PreparingConnection(connection):  # type: ignore[misc]
    """A connection that remembers what it has prepared. Straight to PostgreSQL, past any pooler."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: the EXECUTE for each statement's text, the one used last at the end
        self.prepared: OrderedDict[str, str] = OrderedDict()
        self.count = 0
        self.planned_at = time.monotonic()


class PreparingCursor(cursor):  # type: ignore[misc]
    """Executes what has named parameters as a prepared statement; all else as it is.

    The first execution prepares it. A plan is kept for whatever values come later: ask PostgreSQL
    for generic plans (`plan_cache_mode`), or the first five are planned each for itself.
    """

    def execute(self, sql: str, parameters: Any = None) -> None:
        """As psycopg2's."""
        if not isinstance(parameters, Mapping):
            super().execute(sql, parameters)
            return
        now = time.monotonic()
        if now - self.connection.planned_at > PLANNED_AGAIN_SECONDS:
            super().execute("DISCARD PLANS")
            self.connection.planned_at = now
        known = self.connection.prepared
        execution = known.get(sql)
        if execution is None:
            execution = known[sql] = self._prepare(sql)
            if len(known) > MOST_PREPARED:
                _, oldest = known.popitem(last=False)
                super().execute(f"DEALLOCATE {oldest.partition('(')[0].removeprefix('EXECUTE ')}")
        else:
            known.move_to_end(sql)
        super().execute(execution, {name: _untyped(one) for name, one in parameters.items()})

    def _prepare(self, sql: str) -> str:
        """Prepares the statement; returns what executes it, with the same named parameters."""
        numbers: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            name = found[1]
            return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

        text = _NAMED.sub(numbered, sql)
        self.connection.count += 1
        name = f"hot_{self.connection.count}"
        super().execute(f"PREPARE {name} AS {text}")
        return f"EXECUTE {name}" + (
            f"({', '.join(f'%({n})s' for n in numbers)})" if numbers else ""
        )


def _untyped(value: Any) -> Any:
    """A list as the text of an array: `ARRAY['…']` would be one of text, whatever is expected."""
    return rows.array(value) if isinstance(value, list) else value
