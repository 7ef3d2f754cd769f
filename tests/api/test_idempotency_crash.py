"""Repeats that overlap, and a web process killed at each step of a request: one deed, no stuck key.

The requests are made to hang where a test wants them by locks that it takes in the database.
"""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import dj_database_url
import pytest
import requests

from tests.client import one_time, recurring
from tests.system import System, connected, eventually
from tests.system_fixtures import MakeSystem

CREATE = "scheduled-calls"
IN_PROGRESS = "idempotency_in_progress"


@pytest.fixture
def system(make_system: MakeSystem) -> System:
    """A system whose web process answers."""
    made = make_system()
    made.start_web()
    return made


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    """Clients that ask at the same time."""
    with ThreadPoolExecutor(10) as pool:
        yield pool


def send(
    system: System, path: str, body: Any = None, key: str = "a key", token: str = ""
) -> requests.Response:
    """POST under a key."""
    headers = {"Authorization": f"Bearer {token or system.token}", "Idempotency-Key": key}
    return requests.post(f"{system.url}/api/{path}", json=body, headers=headers, timeout=30)


def is_replay(answer: requests.Response) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


@contextmanager
def database(system: System) -> Iterator[Any]:
    """A cursor on the system's database."""
    url = system.environment["DATABASE_URL"]
    with connected(url, dj_database_url.parse(url)["NAME"]) as cursor:
        yield cursor


@contextmanager
def held(system: System, lock: str, *parameters: Any) -> Iterator[None]:
    """Holds a lock meanwhile."""
    with database(system) as cursor:
        cursor.execute("BEGIN")
        cursor.execute(lock, parameters)
        yield
        cursor.execute("COMMIT")


def value(system: System, query: str, *parameters: Any) -> Any:
    """What the database answers."""
    with database(system) as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def wait_until_hanging(system: System, statement: str) -> None:
    """Until a request waits for a lock in a statement like this one."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ILIKE %s
    """
    eventually(lambda: value(system, query, f"{statement}%"), 20, f"{statement} hangs")


def count(system: System, table: str) -> int:
    return int(value(system, f"SELECT count(*) FROM {table}"))  # noqa: S608  names of our own


def send_until_free(system: System, path: str, body: Any = None) -> requests.Response:
    """The first answer that is not "in progress": the dead request's end takes a moment."""

    def answered() -> requests.Response | None:
        answer = send(system, path, body)
        return None if answer.json().get("code") == IN_PROGRESS else answer

    found = eventually(answered, 20, "the key is free")
    assert found is not None
    return found


def kill_web_during(system: System, request: "Future[requests.Response]") -> None:
    system.kill("web")
    with pytest.raises(requests.ConnectionError):
        request.result(30)


def test_ten_at_once_under_one_key_make_one_schedule(
    system: System, crowd: ThreadPoolExecutor
) -> None:
    asked = [crowd.submit(send, system, CREATE, one_time()) for _ in range(10)]
    answers = [one.result(30) for one in asked]
    good = [answer for answer in answers if answer.status_code == 201]
    assert [is_replay(answer) for answer in good].count(False) == 1
    assert len({answer.content for answer in good}) == 1
    refused = [answer for answer in answers if answer.status_code != 201]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} <= {
        (409, IN_PROGRESS)
    }
    assert is_replay(send(system, CREATE, one_time()))
    assert count(system, "scheduled_calls_scheduledcall") == 1


def test_a_repeat_is_told_at_once_that_the_first_is_still_running(
    system: System, crowd: ThreadPoolExecutor
) -> None:
    call = system.api("POST", "scheduled-calls/recurring", recurring(), 201)["id"]
    path = f"scheduled-calls/{call}/execute"
    others = system.manage("create_token", "another").split()[-1]
    row = "SELECT FROM scheduled_calls_scheduledcall WHERE id = %s FOR UPDATE"
    with held(system, row, call):
        first = crowd.submit(send, system, path)
        wait_until_hanging(system, "SELECT%scheduled_calls_scheduledcall")
        repeat = send(system, path)
        assert (repeat.status_code, repeat.json()["code"]) == (409, IN_PROGRESS)
        assert send(system, CREATE, one_time(), token=others).status_code == 201
        assert not first.done()
    assert first.result(30).status_code == 202
    assert is_replay(send(system, path))
    assert count(system, "executions_execution") == 1


def test_killed_while_it_creates_the_request_is_new_again(
    system: System, crowd: ThreadPoolExecutor
) -> None:
    with held(system, "LOCK TABLE scheduled_calls_scheduledcall IN SHARE ROW EXCLUSIVE MODE"):
        request = crowd.submit(send, system, CREATE, one_time())
        wait_until_hanging(system, "%INSERT INTO scheduled_calls_scheduledcall")
        kill_web_during(system, request)
    system.start_web()
    retried = send_until_free(system, CREATE, one_time())
    assert (retried.status_code, is_replay(retried)) == (201, False)
    assert send(system, CREATE, one_time()).content == retried.content
    for table in ("scheduled_calls_scheduledcall", "django_celery_beat_clockedschedule"):
        assert count(system, table) == 1


def test_killed_while_it_stores_the_answer_nothing_is_left(
    system: System, crowd: ThreadPoolExecutor
) -> None:
    with held(system, "LOCK TABLE scheduler_project_idempotencykey IN SHARE ROW EXCLUSIVE MODE"):
        request = crowd.submit(send, system, CREATE, one_time())
        wait_until_hanging(system, 'INSERT INTO "scheduler_project_idempotencykey"')
        kill_web_during(system, request)
    system.start_web()
    retried = send_until_free(system, CREATE, one_time())
    assert (retried.status_code, is_replay(retried)) == (201, False)
    assert count(system, "scheduled_calls_scheduledcall") == 1


def test_killed_while_it_commits_both_are_there_or_neither(
    system: System, crowd: ThreadPoolExecutor
) -> None:
    # Foreign keys are checked at COMMIT, and the check of the owner's row waits here.
    with held(system, "SELECT FROM auth_user FOR UPDATE"):
        request = crowd.submit(send, system, CREATE, one_time())
        wait_until_hanging(system, "COMMIT")
        kill_web_during(system, request)
    system.start_web()
    retried = send_until_free(system, CREATE, one_time())
    assert retried.status_code == 201
    assert (
        value(system, "SELECT id::text FROM scheduled_calls_scheduledcall")
        == (retried.json()["id"])
    )
    assert count(system, "scheduled_calls_scheduledcall") == 1


def test_killed_after_the_commit_the_answer_is_not_lost(
    system: System, crowd: ThreadPoolExecutor
) -> None:
    call = system.api("POST", "scheduled-calls/recurring", recurring(), 201)["id"]
    path = f"scheduled-calls/{call}/execute"
    broker = system.environment["REDIS_URL"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A broker that takes the connection and says nothing: the request hangs at its bell.
        system.kill("web")
        system.environment["REDIS_URL"] = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        system.start_web(wait=False)
        eventually(lambda: system.answers("/healthz"), 60, "web answers")
        request = crowd.submit(send, system, path)
        eventually(lambda: count(system, "executions_execution"), 20, "it is committed")
        kill_web_during(system, request)
    system.environment["REDIS_URL"] = broker
    system.start_web()
    retried = send(system, path)
    assert (retried.status_code, is_replay(retried)) == (202, True)
    assert retried.json()["execution_id"] == value(
        system, "SELECT id::text FROM executions_execution"
    )
    assert count(system, "executions_execution") == 1


def test_an_execute_sent_again_rings_once_without_waiting_for_beat(make_system: MakeSystem) -> None:
    system = make_system(SCHEDULER_SANDBOX_SPEED="10")
    system.start_web(wait=False)
    system.start_worker()
    eventually(lambda: system.answers("/readyz"), 60, "web is ready")
    call = system.api("POST", "scheduled-calls/recurring", recurring(), 201)["id"]
    for _ in range(3):
        assert send(system, f"scheduled-calls/{call}/execute").status_code == 202
    eventually(lambda: count(system, "executions_attempt"), 20, "a worker heard the bell")
    assert count(system, "executions_execution") == 1
    assert count(system, "executions_attempt") == 1
