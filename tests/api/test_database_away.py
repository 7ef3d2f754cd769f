"""A database that takes no changes: the API says so, and finds out when that is over."""

import pytest
from django.db import connection

from tests.client import Api, created, one_time, problem


@pytest.mark.django_db(transaction=True)
def test_503_while_it_takes_no_changes_and_the_next_request_gets_a_session_of_its_own(
    api: Api,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")  # as a standby's sessions are
    answer = api.post("scheduled-calls", one_time())
    assert problem(answer, 503)["code"] == "unavailable"
    assert answer["Retry-After"] == "5"
    created(api.post("scheduled-calls", one_time()))
