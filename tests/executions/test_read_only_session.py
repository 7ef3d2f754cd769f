"""A worker's session that takes no changes is given up: another one may."""

import psycopg2.errors
import pytest

from executions.session import current_session, end_session


@pytest.mark.django_db
def test_the_next_claim_gets_another_session() -> None:
    first = current_session()
    try:
        with first.transaction() as cursor:
            cursor.execute("SET default_transaction_read_only = on")  # as a standby's sessions are
        assert current_session() is first
        with (
            pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
            first.transaction() as cursor,
        ):
            cursor.execute("CREATE TABLE never (id int)")
        assert not first.alive()
        assert current_session() is not first
    finally:
        end_session()
