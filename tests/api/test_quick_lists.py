"""Lists stay quick however many rows there are: an index answers, and the table is not scanned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from executions.history import executions_of
from executions.models import Execution
from scheduled_calls import services
from scheduled_calls.listing import scheduled_calls_of
from scheduled_calls.models import ScheduledCall
from scheduled_calls.searching import TRIGRAMS, file, is_behind
from scheduler_project.ids import first_uuid7_at
from scheduler_project.models import ApiToken
from tests.client import Api, one_time
from tests.rows import make_execution

pytestmark = pytest.mark.django_db
ROWS = 4_000
TABLES = (
    "scheduled_calls_scheduledcall", "scheduled_calls_setaside", "scheduled_calls_callmetadata",
    "executions_execution",
)  # fmt: skip
# One call in 1,000 is missed, and only the oldest of all has its own agent, batch and campaign.
_CALLS = """
INSERT INTO scheduled_calls_scheduledcall SELECT (jsonb_populate_record(model, jsonb_build_object(
    'id', lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - (5000 - i) * 60000), 12, '0')
        || '-7000-8000-000000000000',
    'created_at', now() - (5000 - i) * interval '1 minute', 'clocked_id', 1000000 + i,
    'status', CASE WHEN i %% 1000 = 1 THEN 'missed' ELSE 'active' END,
    'next_run_at', CASE WHEN i %% 1000 <> 1 THEN now() + i * interval '1 hour' END,
    'next_execution_id', CASE WHEN i %% 1000 <> 1 THEN gen_random_uuid() END,
    'agent_id', 'agent' || (i = 1), 'batch_id', 'batch' || (i = 1),
    'phone_number', '+1212555' || lpad(i::text, 4, '0'), 'name', repeat('x', 200),
    'metadata', jsonb_build_object('campaign_id', 'c' || (i = 1), 'n', i %% 3)))).*
FROM generate_series(1, %(rows)s) i,
    (SELECT m FROM scheduled_calls_scheduledcall m LIMIT 1) AS one(model)
"""
_TIMES = """
INSERT INTO django_celery_beat_clockedschedule (id, clocked_time)
SELECT 1000000 + i, now() FROM generate_series(1, %(rows)s) i
"""
_EXECUTIONS = """
INSERT INTO executions_execution SELECT (jsonb_populate_record(model, jsonb_build_object(
    'id', gen_random_uuid(), 'opened', lpad(to_hex(i), 12, '0') || '-7000-8000-000000000000',
    'occurrence_key', i, 'status', CASE WHEN i = 1 THEN 'failed' ELSE 'completed' END,
    'scheduled_for', now() - interval '1 year' + i * interval '1 minute'))).*
FROM generate_series(1, %(rows)s) i, (SELECT m FROM executions_execution m LIMIT 1) AS one(model)
"""


@pytest.fixture(scope="module")
def many(standing: DjangoDbBlocker) -> User:
    """An owner of thousands of calls and executions, and PostgreSQL aware of them."""
    with standing.unblock(), connection.cursor() as cursor:
        owner = User.objects.create_user("owner of many")
        make_execution(str(services.schedule_call(owner, one_time(name="model")).pk))
        for sql in (_TIMES, _CALLS, _EXECUTIONS):
            cursor.execute(sql, {"rows": ROWS})
        cursor.execute("SELECT gin_clean_pending_list('call_metadata_values')")  # as vacuum does
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")
        connection.check_constraints()  # else once more at the end of each test
    return owner


@pytest.fixture
def their_api(many: User) -> Api:
    """The API with that owner's token."""
    return Api(ApiToken.issue(many))


def plan(rows: QuerySet[Any], key: str) -> str:
    """How PostgreSQL finds a page of the list."""
    return rows.order_by(f"-{key}").values(key)[:51].explain()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, ""),
        ({"kind": "recurring"}, "scheduled_call_recurring"),
        ({"agent_id": "agenttrue"}, "scheduled_call_agent"),
        ({"batch_id": "batchtrue"}, "scheduled_call_batch"),
        ({"phone_number": "+12125550007"}, "scheduled_call_number"),
        ({"metadata.campaign_id": "ctrue"}, "call_metadata_values"),
        ({"metadata.n": "7"}, "call_metadata_values"),
        ({"next_run_before": "2020-01-01T00:00Z"}, "scheduled_call_due"),
    ],
)
def test_each_filter_has_its_index(many: User, query: dict[str, str], index: str) -> None:
    found = plan(scheduled_calls_of(many, query), "id")
    assert index in found, found
    assert "Seq Scan" not in found


@pytest.mark.parametrize(
    "query", [{"created_before": "2020-01-01T00:00Z"}, {"created_after": "2200-01-01T00:00Z"}]
)
def test_a_time_of_creation_is_a_place_in_the_list(many: User, query: dict[str, str]) -> None:
    found = plan(scheduled_calls_of(many, query), "id")
    assert "Seq Scan" not in found
    assert found.count("(id ") == 1, found  # beside the owner, a condition on the index


@pytest.mark.parametrize("words", ["0007", "zebra", "zebra 12"])
def test_a_search_reads_an_index_once_its_texts_are_filed(many: User, words: str) -> None:
    assert is_behind()
    while file():
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE scheduled_calls_searchtext")
    assert not is_behind()
    found = plan(scheduled_calls_of(many, {"search": words}), "id")
    assert TRIGRAMS in found, found
    assert "Seq Scan" not in found


@pytest.mark.parametrize("status", ["paused", "cancelled", "missed"])
def test_calls_that_are_set_aside_are_looked_up(many: User, status: str) -> None:
    found = plan(scheduled_calls_of(many, {"status": status}), "id")
    assert "scheduled_calls_setaside" in found, found
    assert "Seq Scan on scheduled_calls_scheduledcall" not in found


@pytest.mark.parametrize("status", ["failed", "missed", "skipped", "cancelled"])
def test_executions_that_came_to_nothing_have_their_index(many: User, status: str) -> None:
    found = plan(executions_of(many, {"status": status}), "opened")
    assert "execution_came_to_nothing" in found, found
    assert "Sort" not in found


@pytest.mark.parametrize("status", ["unknown", "pending"])
def test_open_executions_are_found_by_an_index(many: User, status: str) -> None:
    assert "Seq Scan" not in plan(executions_of(many, {"status": status}), "opened")


def test_what_lies_far_back_is_not_walked_to(their_api: Api) -> None:
    """PostgreSQL would pass all that is newer, one by one."""
    for path, query in (
        ("executions", {"scheduled_before": "2020-01-01T00:00Z"}),
        ("scheduled-calls", {"next_run_after": "2999-01-01T00:00Z"}),
    ):
        with CaptureQueriesContext(connection) as asked:
            assert their_api.get(path, query).json()["results"] == []
        assert any("NULLIF" in each["sql"] for each in asked.captured_queries), query


def test_a_page_of_executions_is_read_in_order(many: User) -> None:
    assert "Seq Scan" not in plan(executions_of(many, {}), "opened")


def test_a_rare_match_among_many_is_found(their_api: Api) -> None:
    for query in ({"metadata.campaign_id": "ctrue"}, {"agent_id": "agenttrue"}):
        results = their_api.get("scheduled-calls", query).json()["results"]
        assert [call["phone_number"] for call in results] == ["+12125550001"], query
    failed = their_api.get("executions", {"status": "failed"}).json()["results"]
    assert len(failed) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""), ("x", "x"), (7, "7"), ("7", "7"), (-7, "-7"), (1.5, "1.5"), (False, "false"),
        (1.5e-7, "0.00000015"), (10**40, str(10**40)), (1e22, str(10**22)), ("null", "null"),
        ({"a": [1]}, '{"a": [1]}'), (["x", 2], '["x", 2]'), ("é\"\\", "é\"\\"), ("{x", "{x"),
    ],
)  # fmt: skip
def test_metadata_is_found_by_the_text_of_its_value(api: Api, value: object, text: str) -> None:
    wanted = api.schedule(metadata={"key": value})
    api.schedule(metadata={"key": "other", "more": value})
    results = api.get("scheduled-calls", {"metadata.key": text}).json()["results"]
    assert [call["id"] for call in results] == [wanted["id"]]


@pytest.mark.parametrize("text", ["1.0", "01", "1e0", "null", "True", "9" * 500 + ".5", "[", "NaN"])
def test_other_texts_of_a_value_do_not_find_it(api: Api, text: str) -> None:
    for value in (1, None, True):
        api.schedule(metadata={"key": value})
    assert api.get("scheduled-calls", {"metadata.key": text}).json()["results"] == []


def test_an_id_made_a_while_before_its_row_hides_nothing(api: Api, alice: User) -> None:
    made = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for minutes in (-30, 30):  # a clock that was set, a bulk that took long
        call = ScheduledCall.objects.get(pk=api.schedule()["id"])
        ScheduledCall.objects.filter(pk=call.pk).update(
            id=first_uuid7_at((made + timedelta(minutes=minutes)).timestamp()), created_at=made
        )
    for query in (
        {"created_after": "2026-01-01T12:00Z", "created_before": "2026-01-01T12:01Z"},
        {"created_after": "2026-01-01T12:00Z"},
        {"created_before": "2026-01-01T12:01Z"},
    ):
        assert len(api.get("scheduled-calls", query).json()["results"]) == 2, query


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00Z", "9999-12-31T23:59Z"])
def test_the_ends_of_time_are_no_crash(api: Api, name: str, text: str) -> None:
    assert api.get("scheduled-calls", {name: text}).status_code in (200, 400)


def test_a_page_of_executions_takes_the_same_few_queries(
    their_api: Api, django_assert_num_queries: Any
) -> None:
    for limit in (2, 200):
        with django_assert_num_queries(6):
            answer = their_api.get("executions", {"limit": limit})
        assert len(answer.json()["results"]) == limit
    assert Execution.objects.count() == ROWS + 1
