"""A search finds a part of a name, number, agent or id: filed or not, with pg_trgm or without."""

from collections.abc import Callable

import pytest
import redis
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection

from scheduled_calls import searching
from scheduled_calls.models import SearchText
from scheduled_calls.tasks import file_search_texts
from tests.client import Api

#: what the texts may have gone through before they are searched
STATES: dict[str, Callable[[], object]] = {
    "new": lambda: None,
    "filed": lambda: searching.file(),
    "without pg_trgm": lambda: _drop_trigrams(),
}


def _drop_trigrams() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {searching.TRIGRAMS}")


def _names(api: Api, words: str) -> list[str]:
    answer = api.get("scheduled-calls", {"search": words})
    assert answer.status_code == 200, answer.content
    return [call["name"] for call in answer.json()["results"]]


@pytest.mark.parametrize("state", STATES)
def test_each_part_finds_the_call_and_no_other(api: Api, bobs_api: Api, state: str) -> None:
    wanted = api.schedule(name="Zoë 100%_", phone_number="+12125550123", agent_id="agent-99")
    api.schedule(name="somebody", phone_number="+12125550188", agent_id="agent-1")
    bobs_api.schedule(name="Zoë of Bob", phone_number="+12125550123", agent_id="agent-99")
    STATES[state]()
    id_ = wanted["id"]
    parts = ["zoË", "E 100", "0%_", "555-0123", "(212) 555 0123", "GENT-9", "oë"]
    for words in [*parts, id_, id_.upper(), id_[-12:], id_[-7:], id_[:16], id_[:31]]:
        expected = [] if words == "E 100" else ["Zoë 100%_"]
        assert _names(api, words) == expected, words


@pytest.mark.parametrize("state", STATES)
def test_a_changed_call_is_found_by_what_it_is_now(api: Api, state: str) -> None:
    call = api.schedule(name="before", phone_number="+12125550123")
    STATES[state]()
    api.send("patch", f"scheduled-calls/{call['id']}", {"name": "after"})
    assert _names(api, "before") == []
    assert _names(api, "after") == ["after"]
    assert _names(api, "2125550123") == ["after"]


def test_calls_of_a_bulk_are_found(api: Api) -> None:
    one = {"agent_id": "a", "phone_number": "+12125550123", "cron_expression": "0 9 * * *"}
    calls = [{**one, "name": f"bulk {number}"} for number in range(30)]
    assert api.post("scheduled-calls/bulk", {"calls": calls}).json()["created"] == 30
    assert _names(api, "bulk 17") == ["bulk 17"]


def test_a_text_left_behind_stops_no_creation(api: Api) -> None:
    call = api.schedule(name="first")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM scheduled_calls_scheduledcall")
        cursor.execute("DELETE FROM scheduled_calls_scheduledcall")
        cursor.execute("UPDATE kept SET name = 'second'")
        cursor.execute("INSERT INTO scheduled_calls_scheduledcall SELECT * FROM kept")
    assert _names(api, "second") == ["second"]
    assert SearchText.objects.filter(pk=call["id"]).count() == 1


def test_an_unfinished_filing_asks_for_the_rest(api: Api) -> None:
    call = api.schedule(name="model")
    texts = "INSERT INTO scheduled_calls_searchtext SELECT gen_random_uuid(), 'x' FROM "
    with connection.cursor() as cursor:
        cursor.execute(texts + "generate_series(1, %s)", [searching.UNFILED])
    upkeep = redis.Redis.from_url(settings.REDIS_CLIENT_URL)
    upkeep.delete("upkeep")
    assert _names(api, "model") == ["model"]
    assert upkeep.llen("upkeep") == 1  # the search has rung
    file_search_texts()
    assert upkeep.llen("upkeep") == 2  # and so has the filing, since there is more
    while searching.file():
        pass
    file_search_texts()
    _names(api, "model")
    assert upkeep.llen("upkeep") == 2
    assert not SearchText.objects.filter(filed=False).exists()
    assert _names(api, call["id"]) == ["model"]
    upkeep.delete("upkeep")
    upkeep.close()


def test_no_more_is_filed_at_once_whatever_postgresql_thinks_of_the_table(api: Api) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE scheduled_calls_searchtext")  # it seems to be empty, and small
        cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_hashagg = off")
        cursor.execute("SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off")
        cursor.execute(
            "INSERT INTO scheduled_calls_searchtext SELECT gen_random_uuid(), 'x'"
            " FROM generate_series(1, 50)"
        )
    assert searching.file(20) == 20
    assert SearchText.objects.filter(filed=True).count() == 20


def test_without_trigrams_nothing_is_filed_and_the_check_says_what_helps(api: Api) -> None:
    api.schedule(name="model")
    assert not run_checks(databases=["default"], tags=["database"])
    _drop_trigrams()
    assert searching.file() == 0
    found = run_checks(databases=["default"], tags=["database"])
    assert [warning.id for warning in found] == ["scheduled_calls.W001"]
    with connection.cursor() as cursor:
        cursor.execute(searching.MAKE_TRIGRAMS)
    assert searching.file() == 1
