"""Reads and writes many rows in one statement: the hot path's way to the database."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def fetch(cursor: Any, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
    """The rows of a query as dicts by column name."""
    cursor.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def update(cursor: Any, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Sets `columns` (name → PostgreSQL type) of the rows named by `id`, all in one UPDATE.

    Table and column names are this project's own constants, never input.
    """
    if not rows:
        return
    names = list(columns)
    arrays = ", ".join(f"%(v_{name})s::text[]" for name in ("id", *names))
    assigned = ", ".join(f"{name} = v.{name}::{columns[name]}" for name in names)
    cursor.execute(
        f"UPDATE {table} t SET {assigned} FROM unnest({arrays}) "  # noqa: S608  own constants
        f"AS v(id, {', '.join(names)}) WHERE t.id = v.id::uuid",
        {f"v_{name}": [_text(row[name]) for row in rows] for name in ("id", *names)},
    )


def insert(cursor: Any, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> list[str]:
    """Inserts the rows, silently leaving out those that are there already; returns the new ids."""
    if not rows:
        return []
    names = list(columns)
    arrays = ", ".join(f"%(v_{name})s::text[]" for name in names)
    values = ", ".join(f"v.{name}::{columns[name]}" for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) "  # noqa: S608  own constants
        f"SELECT {values} FROM unnest({arrays}) AS v({', '.join(names)}) "
        "ON CONFLICT DO NOTHING RETURNING id::text",
        {f"v_{name}": [_text(row[name]) for row in rows] for name in names},
    )
    return [row[0] for row in cursor.fetchall()]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
