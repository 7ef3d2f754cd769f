"""A dialing session prepares what it sends again and again; only its speed tells."""

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from executions import prepared
from executions.session import DialSession, connect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(db: None) -> Iterator[DialSession]:
    """A session of its own."""
    made = DialSession()
    yield made
    made.close()


def ask(session: DialSession, sql: str, **given: Any) -> Any:
    """The only value of the only row."""
    with session.transaction() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchone()[0]


def statements(session: DialSession) -> int:
    """How many statements the session has prepared, as PostgreSQL says."""
    with session.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return int(cursor.fetchone()[0])


def test_a_statement_is_prepared_once_and_takes_new_values_each_time(session: DialSession) -> None:
    sql = "SELECT %(a)s::int + %(b)s::int - %(a)s::int"
    assert ask(session, sql, a=1, b=2) == 2
    assert ask(session, sql, b=40, a=-7) == 40
    assert statements(session) == 1


def test_what_has_no_named_parameters_is_sent_as_it_is(session: DialSession) -> None:
    with session.transaction() as cursor:
        cursor.execute("SELECT %s::text", ["100 %"])
        assert cursor.fetchone()[0] == "100 %"
    assert statements(session) == 0


def test_a_percent_sign_stays_one(session: DialSession) -> None:
    assert ask(session, "SELECT %(text)s::text LIKE 'not%%'", text="not sent") is True


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_is_an_array_of_what_is_expected(session: DialSession, count: int) -> None:
    ids = [uuid4() for _ in range(count)]
    assert (
        ask(session, "SELECT cardinality(%(ids)s::uuid[])", ids=[str(id_) for id_ in ids]) == count
    )
    assert ask(session, "SELECT array_agg(id) FROM unnest(%(ids)s::uuid[]) id", ids=ids) == (
        ids or None
    )


def test_none_and_quotes_arrive_as_they_are(session: DialSession) -> None:
    assert ask(session, "SELECT %(value)s::text", value=None) is None
    assert ask(session, "SELECT %(value)s::text", value='O\'Neil\\ "x"') == 'O\'Neil\\ "x"'


def test_a_transaction_that_is_rolled_back_leaves_the_statement_usable(
    session: DialSession,
) -> None:
    sql = "SELECT 10 / %(by)s::int"
    with pytest.raises(psycopg2.errors.DivisionByZero):
        ask(session, sql, by=0)
    assert ask(session, sql, by=2) == 5


def test_a_statement_that_cannot_be_prepared_is_forgotten(session: DialSession) -> None:
    for _ in range(2):
        with pytest.raises(psycopg2.errors.UndefinedTable):
            ask(session, "SELECT %(a)s::int FROM nowhere", a=1)
    assert statements(session) == 0


def test_what_was_not_used_for_long_makes_room(session: DialSession) -> None:
    first = "SELECT %(a)s::int + 0"
    ask(session, first, a=1)
    for number in range(1, prepared.MOST_PREPARED + 5):
        ask(session, f"SELECT %(a)s::int + {number}", a=1)
    assert statements(session) == prepared.MOST_PREPARED
    assert ask(session, first, a=5) == 5


def test_a_table_that_grows_is_planned_for_anew(
    session: DialSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "PLANNED_AGAIN_SECONDS", 0.0)
    sql = "SELECT count(*) FROM grows WHERE id = ANY(%(ids)s::int[])"
    with session.transaction() as cursor:
        cursor.execute("CREATE TEMP TABLE grows (id int PRIMARY KEY, text text)")
    assert ask(session, sql, ids=[1]) == 0
    with session.transaction() as cursor:
        cursor.execute(
            "INSERT INTO grows SELECT n, repeat('x', 90) FROM generate_series(1, 20000) n"
        )
    assert ask(session, sql, ids=[1]) == 1
    with session.transaction() as cursor:
        cursor.execute("EXPLAIN EXECUTE hot_1('{1}')")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan


def test_a_table_that_was_empty_when_it_was_looked_at_is_read_by_its_index(db: None) -> None:
    with contextlib.closing(connect("dialing")) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE empty (id int PRIMARY KEY)")
        cursor.execute("VACUUM ANALYZE empty")  # from now on all of it seems to cost nothing
        cursor.execute("EXPLAIN SELECT FROM empty WHERE id = 1")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan


def test_a_session_whose_statement_returns_something_else_now_is_given_up(
    session: DialSession,
) -> None:
    with session.transaction() as cursor:
        cursor.execute("CREATE TEMP TABLE changes (id int)")
    sql = "SELECT * FROM changes WHERE id > %(id)s"
    with session.transaction() as cursor:
        cursor.execute(sql, {"id": 0})
        cursor.execute("ALTER TABLE changes ADD COLUMN more text")
    with pytest.raises(psycopg2.errors.FeatureNotSupported), session.transaction() as cursor:
        cursor.execute(sql, {"id": 0})
    assert not session.alive()
