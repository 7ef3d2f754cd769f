"""New calls are written, each with its clocked row: one in one statement, many by COPY."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django_celery_beat.models import ClockedSchedule

from scheduled_calls.crontabs import crontab_ids
from scheduled_calls.drafts import COLUMNS, UNSET, Draft
from scheduled_calls.models import ScheduledCall
from scheduled_calls.structures import JsonObject, as_json

_CALLS = ScheduledCall._meta.db_table
_CLOCKED = ClockedSchedule._meta.db_table
_PLAIN = [name for name in COLUMNS if name != "clocked_id"]
# One statement is a transaction of its own: no BEGIN, no COMMIT, no second trip to the database.
# A clocked row is private to its call, a recurring call has none.
_INSERT = f"""
WITH clocked AS (
  INSERT INTO {_CLOCKED} (clocked_time)
  SELECT %(at)s::timestamptz WHERE %(at)s IS NOT NULL RETURNING id
)
INSERT INTO {_CALLS} ({", ".join(_PLAIN)}, clocked_id)
VALUES ({", ".join(f"%({name})s" for name in _PLAIN)}, (SELECT id FROM clocked))
RETURNING clocked_id
"""  # noqa: S608  own constants
_DRAW_IDS = (
    f"SELECT nextval(pg_get_serial_sequence('{_CLOCKED}', 'id')) FROM generate_series(1, %s)"  # noqa: S608
)
_COPY_CLOCKED = f"COPY {_CLOCKED} (id, clocked_time) FROM STDIN"
_COPY_CALLS = f"COPY {_CALLS} ({', '.join(COLUMNS)}) FROM STDIN"
#: what COPY's text format gives a meaning of its own
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def store(draft: Draft) -> None:
    """Writes one call and fills in the id of its clocked or crontab row."""
    _find_crontabs([draft])
    columns = draft.columns
    values = {name: _parameter(columns[name]) for name in _PLAIN}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {**values, "at": draft.at})
        columns["clocked_id"] = cursor.fetchone()[0]


@contextmanager
def storing() -> Iterator[Callable[[Sequence[Draft]], None]]:
    """One transaction for many calls: `with storing() as store_some:`, some after some.

    `store_some` fills in the ids of clocked and crontab rows and comes back while PostgreSQL is
    still writing; what goes wrong there is raised by the next one, or at the end of the block.
    """
    with transaction.atomic(), connection.cursor() as cursor, ThreadPoolExecutor(1) as beside:
        writer = _Writer(cursor, beside)
        yield writer.store_some
        writer.wait()


class _Writer:
    """Writes over one connection, in a thread beside the one that reads the next calls."""

    def __init__(self, cursor: Any, beside: ThreadPoolExecutor) -> None:
        self._cursor, self._beside = cursor, beside
        self._written: Future[None] | None = None

    def store_some(self, drafts: Sequence[Draft]) -> None:
        self.wait()  # the connection is free, and not more than one lot is in memory as text
        if not drafts:
            return
        _find_crontabs(drafts)
        timed = [draft for draft in drafts if draft.at is not None]
        self._cursor.execute(_DRAW_IDS, [len(timed)])
        for draft, (pk,) in zip(timed, self._cursor.fetchall(), strict=True):
            draft.columns["clocked_id"] = pk
        clocked = [f"{draft.columns['clocked_id']}\t{draft.at}\n" for draft in timed]
        texts = "".join(clocked).encode(), "".join(map(_call_line, drafts)).encode()
        self._written = self._beside.submit(_copy, self._cursor, *texts)

    def wait(self) -> None:
        """Until all is written; raises what PostgreSQL said against it."""
        written, self._written = self._written, None
        if written is not None:
            with connection.wrap_database_errors:
                written.result()


def _find_crontabs(drafts: Sequence[Draft]) -> None:
    ids = crontab_ids({draft.rhythm for draft in drafts if draft.rhythm is not None})
    for draft in drafts:
        if draft.rhythm is not None:
            draft.columns["crontab_id"] = ids[draft.rhythm]


def _parameter(value: Any) -> Any:
    return as_json(value) if isinstance(value, dict | list) else value


def _copy(cursor: Any, clocked: bytes, calls: bytes) -> None:
    """Rows by PostgreSQL's COPY: no parameters to quote, no plan, one write for many rows."""
    for statement, text in ((_COPY_CLOCKED, clocked), (_COPY_CALLS, calls)):
        # In one piece: psycopg2 lets go of the interpreter while it sends and waits, and must
        # queue for it before each next one.
        cursor.copy_expert(statement, io.BytesIO(text), len(text) + 1)


def _copied(value: Any) -> str:
    """A value in COPY's text format."""
    kind = next((kind for kind in _COPIED if isinstance(value, kind)), int)
    return _COPIED[kind](value)


def _text(value: str) -> str:
    return value.translate(_ESCAPES) if _SPECIAL.search(value) else value


def _json(value: Any) -> str:
    text = as_json(value)
    return text.replace("\\", "\\\\") if "\\" in text else text  # it holds no line ends


@lru_cache(maxsize=64)  # one "now" is that of all
def _stamp(value: datetime) -> str:
    return value.isoformat()


_COPIED: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "\\N",
    str: _text,
    dict: _json,
    list: _json,
    JsonObject: _json,
    datetime: _stamp,
    UUID: str,
    int: str,
}
#: what most calls leave unset, of all columns behind the first: name, value and text
_UNSET_LINE = [(name, UNSET[name], _copied(UNSET[name])) for name in COLUMNS[1:]]


def _call_line(draft: Draft) -> str:
    """A call in COPY's text format."""
    columns = draft.columns
    rest = [
        text if (value := columns[name]) is unset else _COPIED.get(type(value), _copied)(value)
        for name, unset, text in _UNSET_LINE
    ]
    return "\t".join((draft.name, *rest)) + "\n"
