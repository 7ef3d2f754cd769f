"""Reads and writes many rows in one statement: the hot path's way to the database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

Row = dict[str, Any]


def fetch(cursor: Any, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
    """The rows of a query as dicts by column name."""
    cursor.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def update(cursor: Any, table: str, types: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Sets the columns that each row has, of the row that its `id` names; `types`: PostgreSQL's.

    One UPDATE for all rows with the same columns. Table and column names are this project's own
    constants, never input.
    """
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    for names, group in alike.items():
        columns = {name: types[name] for name in names if name != "id"}
        given = _Given({"id": "uuid", **columns}, group)
        assigned = ", ".join(f"{name} = {given.values[name]}" for name in columns)
        cursor.execute(
            f"UPDATE {table} t SET {assigned} {given.source} WHERE t.id = v.id",  # noqa: S608  own constants
            given.parameters,
        )


def insert(cursor: Any, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> list[str]:
    """Inserts the rows, silently leaving out those that are there already; returns the new ids."""
    if not rows:
        return []
    given = _Given(columns, rows)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(given.values[name] for name in columns)} {given.source} "
        "ON CONFLICT DO NOTHING RETURNING id::text",
        given.parameters,
    )
    return [row[0] for row in cursor.fetchall()]


class _Given:
    """The rows as SQL: `source` is the FROM clause, `values` an expression for each column.

    A column that is the same in all rows is one value; the others, and the first, are arrays.
    """

    def __init__(self, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        self.values: dict[str, str] = {}
        self.parameters: dict[str, Any] = {}
        arrays: dict[str, str] = {}
        for name, kind in columns.items():
            found = [row[name] for row in rows]
            if arrays and found.count(found[0]) == len(found):
                self.values[name] = f"%(v_{name})s::{kind}"
                self.parameters[f"v_{name}"] = found[0]
            else:
                self.values[name], arrays[name] = f"v.{name}", f"%(v_{name})s::{kind}[]"
                self.parameters[f"v_{name}"] = array(found)
        self.source = f"FROM unnest({', '.join(arrays.values())}) AS v({', '.join(arrays)})"


def array(values: Iterable[Any]) -> str:
    """The values as the text of one PostgreSQL array, to be cast to its type (`%s::uuid[]`).

    One constant and not `ARRAY['…', …]`, which PostgreSQL would parse as so many expressions.
    """
    listed = list(values)
    try:
        elements = [f"{value.int:032x}" for value in listed]  # ids, most often
    except AttributeError:
        elements = [_element(value) for value in listed]
    return "{" + ",".join(elements) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if value.__class__ is UUID:
        return f"{value.int:032x}"
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
