"""New calls are written, each with its clocked row: one in one statement, many by COPY."""

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django_celery_beat.models import ClockedSchedule

from scheduled_calls.crontabs import crontab_ids
from scheduled_calls.drafts import COLUMNS, UNSET, Draft
from scheduled_calls.models import ScheduledCall
from scheduled_calls.structures import as_json

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


def store_all(drafts: Sequence[Draft]) -> None:
    """Writes the calls, all or none, and fills in the ids of their clocked and crontab rows."""
    if len(drafts) < 2:
        for draft in drafts:
            store(draft)
        return
    _find_crontabs(drafts)
    with transaction.atomic(), connection.cursor() as cursor:
        timed = [draft for draft in drafts if draft.at is not None]
        cursor.execute(_DRAW_IDS, [len(timed)])
        for draft, (pk,) in zip(timed, cursor.fetchall(), strict=True):
            draft.columns["clocked_id"] = pk
        clocked = (f"{draft.columns['clocked_id']}\t{draft.at}" for draft in timed)
        _copy(cursor, _CLOCKED, ("id", "clocked_time"), clocked)
        _copy(cursor, _CALLS, COLUMNS, map(_call_line, drafts))


def _find_crontabs(drafts: Sequence[Draft]) -> None:
    """Before the transaction, so that the lock on new crontab rows is let go of at once."""
    ids = crontab_ids({draft.rhythm for draft in drafts if draft.rhythm is not None})
    for draft in drafts:
        if draft.rhythm is not None:
            draft.columns["crontab_id"] = ids[draft.rhythm]


def _parameter(value: Any) -> Any:
    return as_json(value) if isinstance(value, dict | list) else value


def _copy(cursor: Any, table: str, names: Sequence[str], lines: Iterable[str]) -> None:
    """Rows by PostgreSQL's COPY: no parameters to quote, no plan, one write for many rows."""
    text = io.StringIO("".join(f"{line}\n" for line in lines))
    with connection.wrap_database_errors:
        cursor.copy_expert(f"COPY {table} ({', '.join(names)}) FROM STDIN", text)


def _copied(value: Any) -> str:
    """A value in COPY's text format."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _SPECIAL.search(value) else value
    if isinstance(value, dict | list):
        return _copied(as_json(value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


#: name, value and text of what most calls leave unset
_UNSET_LINE = [(name, UNSET[name], _copied(UNSET[name])) for name in COLUMNS]


def _call_line(draft: Draft) -> str:
    """A call in COPY's text format."""
    columns = draft.columns
    return "\t".join(
        [
            text if (value := columns[name]) is unset else _copied(value)
            for name, unset, text in _UNSET_LINE
        ]
    )
