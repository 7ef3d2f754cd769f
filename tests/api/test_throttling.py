"""Too many requests within a minute get a 429 that says when to ask again."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import override_settings

from scheduler_project import throttling
from scheduler_project.models import ApiToken
from scheduler_project.throttling import Gate
from tests.client import Answer, Api, created, one_time, problem

BAD = "Bearer sct_wrong"
Limit = Callable[..., None]


@pytest.fixture
def broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """Redis, nobody counted yet; it may be slow, as it is on a busy machine."""
    monkeypatch.setattr(throttling, "PATIENCE", 10)
    with redis.Redis.from_url(settings.REDIS_CLIENT_URL) as client:
        a_minute_later(client)
        yield client
        a_minute_later(client)


@pytest.fixture
def limit(settings: Any, broker: redis.Redis) -> Limit:
    """Sets the limits: `owner`, `address`."""

    def limited(owner: int = 0, address: int = 0) -> None:
        settings.SCHEDULER = replace(
            settings.SCHEDULER,
            throttle_requests_per_minute=owner,
            throttle_strangers_per_minute=address,
        )

    return limited


def a_minute_later(client: redis.Redis) -> None:
    """As it is when the minute is over: Redis has forgotten it, and so has this process."""
    throttling._script.cache_clear()
    throttling.gate = Gate()
    for key in client.scan_iter("throttle:*"):
        client.delete(key)


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status_code for answer in answers]


def ask_as_stranger(header: str | None = None, **where: str) -> int:
    """The status of a request without a good token."""
    credentials = {"HTTP_AUTHORIZATION": header} if header is not None else {}
    api = Api()
    api.client.credentials(**credentials, **where)
    return api.get("scheduled-calls").status_code


def let_in(gate: Gate, who: str, limit: int, times: int) -> int:
    return [gate.wait(who, limit) for _ in range(times)].count(0)


# The answer


def test_beyond_the_limit_it_is_a_429_that_says_when_to_ask_again(api: Api, limit: Limit) -> None:
    limit(owner=3)
    assert statuses([api.get("scheduled-calls") for _ in range(3)]) == [200] * 3
    refused = api.get("scheduled-calls")
    told = problem(refused, 429)
    assert (told["code"], told["title"]) == ("throttled", "Too Many Requests")
    assert told["detail"].startswith("More than 3 requests within a minute, nothing was done.")
    assert refused["Retry-After"].isdecimal()
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_after_the_seconds_that_were_told_it_is_let_in_again(
    api: Api, limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MINUTE", 2)
    limit(owner=1)
    answers = [api.get("scheduled-calls") for _ in range(2)]
    while statuses(answers) != [200, 429]:  # the short minute was over in between
        answers = [answers[1], api.get("scheduled-calls")]
    time.sleep(int(answers[1]["Retry-After"]))
    assert api.get("scheduled-calls").status_code == 200


def test_what_was_refused_was_not_done_and_may_be_sent_again_under_its_key(
    api: Api, alice: User, limit: Limit, broker: redis.Redis
) -> None:
    limit(owner=1)
    bearer = f"Bearer {ApiToken.issue(alice)}"
    api.client.credentials(HTTP_AUTHORIZATION=bearer, HTTP_IDEMPOTENCY_KEY="a key")
    assert api.get("scheduled-calls").status_code == 200
    problem(api.post("scheduled-calls", one_time()), 429)
    a_minute_later(broker)
    created(api.post("scheduled-calls", one_time()))
    a_minute_later(broker)
    assert len(api.get("scheduled-calls").json()["results"]) == 1


# Who is counted


def test_an_owners_tokens_count_together_and_other_owners_apart(
    api: Api, alice: User, bobs_api: Api, limit: Limit
) -> None:
    limit(owner=2)
    second = Api(ApiToken.issue(alice))
    asked = [one.get("scheduled-calls") for one in (api, second, api, second)]
    assert statuses(asked) == [200, 200, 429, 429]
    assert bobs_api.get("scheduled-calls").status_code == 200


def test_every_address_of_the_api_counts(api: Api, limit: Limit) -> None:
    limit(owner=4)
    api.get("scheduler/health")
    api.get("executions")
    api.post("stop-switches", {})  # not allowed
    api.post("scheduled-calls", {})  # wrong
    problem(api.get("webhook-deliveries"), 429)


def test_a_bulk_of_many_calls_is_one_request(api: Api, limit: Limit) -> None:
    limit(owner=2)
    many = {"calls": [one_time()] * 500}
    asked = [api.post("scheduled-calls/bulk", many) for _ in range(3)]
    assert statuses(asked) == [200, 200, 429]


def test_without_a_good_token_the_address_is_counted(db: None, limit: Limit) -> None:
    limit(address=3)
    asked = [ask_as_stranger(header) for header in (BAD, None, "Bearer", BAD, None)]
    assert asked == [401, 401, 401, 429, 429]
    assert ask_as_stranger(BAD, REMOTE_ADDR="203.0.113.9") == 401


def test_guessing_gets_a_document_too(nobodys_api: Api, limit: Limit) -> None:
    limit(address=1)
    nobodys_api.get("scheduled-calls")
    refused = nobodys_api.get("scheduled-calls")
    assert problem(refused, 429)["code"] == "throttled"
    assert int(refused["Retry-After"]) >= 1


def test_a_good_token_is_let_in_from_an_address_that_is_throttled(api: Api, limit: Limit) -> None:
    limit(address=1)
    assert [ask_as_stranger(BAD) for _ in range(2)] == [401, 429]
    assert api.get("scheduled-calls").status_code == 200


def test_the_addresses_of_one_ipv6_network_are_one_client(db: None, limit: Limit) -> None:
    limit(address=1)
    assert ask_as_stranger(BAD, REMOTE_ADDR="2001:db8:1:2::1") == 401
    assert ask_as_stranger(BAD, REMOTE_ADDR="2001:db8:1:2:ffff::1") == 429
    assert ask_as_stranger(BAD, REMOTE_ADDR="2001:db8:1:3::1") == 401


def test_a_client_cannot_choose_its_address(db: None, limit: Limit) -> None:
    limit(address=1)
    asked = [ask_as_stranger(BAD, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}") for n in range(2)]
    assert asked == [401, 429]


def test_behind_a_proxy_of_ones_own_the_address_is_the_one_that_the_proxy_saw(
    db: None, limit: Limit, settings: Any
) -> None:
    limit(address=1)
    with override_settings(REST_FRAMEWORK={**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}):
        for seen in ("198.51.100.1", "198.51.100.2"):
            asked = [
                ask_as_stranger(BAD, HTTP_X_FORWARDED_FOR=f"{claimed}, {seen}")
                for claimed in ("192.0.2.1", "192.0.2.2")
            ]
            assert asked == [401, 429]


# What is never in the way


def test_callbacks_and_probes_are_never_refused(api: Api, limit: Limit) -> None:
    limit(owner=1, address=1)
    for _ in range(2):
        api.get("scheduled-calls")
        ask_as_stranger(BAD)
    callback = "providers/http/callback/01900000-0000-7000-8000-000000000000/wrong"
    assert statuses([api.post(callback, {}) for _ in range(3)]) == [404] * 3
    assert statuses([api.ask("/healthz") for _ in range(3)]) == [200] * 3
    assert statuses([api.ask("/readyz") for _ in range(3)]) == [200] * 3
    problem(api.get("scheduler/health"), 429)  # it counts rows, and asks for a token


def test_the_documents_that_are_open_to_anybody_count_by_address(
    nobodys_api: Api, limit: Limit
) -> None:
    limit(address=2)
    asked = [nobodys_api.get("docs"), nobodys_api.get("schema"), nobodys_api.get("schema")]
    assert statuses(asked) == [200, 200, 429]
    problem(asked[2], 429)


def test_zero_is_no_limit_and_counts_nothing(api: Api, limit: Limit, broker: redis.Redis) -> None:
    limit()
    assert statuses([api.get("scheduled-calls") for _ in range(5)]) == [200] * 5
    assert [ask_as_stranger(BAD) for _ in range(5)] == [401] * 5
    assert list(broker.scan_iter("throttle:*")) == []


# The count


def test_two_processes_together_let_in_no_more_than_the_limit(broker: redis.Redis) -> None:
    one, other = Gate(), Gate()
    for allowed in (1, 2, 7, 99, 100, 250, 1000):
        who = f"owner:{allowed}"
        gates = itertools.cycle([one, one, other])
        passed = [next(gates).wait(who, allowed) for _ in range(2 * allowed + 2)].count(0)
        at_once = max(allowed // 100, 1)
        assert allowed - at_once < passed <= allowed, allowed


def test_what_one_process_keeps_another_does_not_get(broker: redis.Redis) -> None:
    idle, busy = Gate(), Gate()
    assert idle.wait("owner:1", 1000) == 0  # it drew ten and used one
    assert let_in(busy, "owner:1", 1000, 1100) == 990
    assert let_in(idle, "owner:1", 1000, 100) == 9


def test_threads_of_one_process_let_in_exactly_the_limit(broker: redis.Redis) -> None:
    gate = Gate()
    broker.client_pause(300, all=False)  # so that all threads wait for their first share together
    with ThreadPoolExecutor(8) as pool:
        first = sum(pool.map(lambda _: let_in(gate, "owner:1", 500, 1), range(8)))
        assert first + sum(pool.map(lambda _: let_in(gate, "owner:1", 500, 100), range(8))) == 500


def test_few_requests_ask_redis_and_none_does_once_it_has_refused(broker: redis.Redis) -> None:
    gate = Gate()
    assert let_in(gate, "owner:1", 100_000, 500) == 500
    assert broker.get("throttle:owner:1") == b"500"  # ten questions for fifty each
    assert let_in(gate, "owner:2", 5, 100) == 5
    assert broker.get("throttle:owner:2") == b"6"


def test_a_count_is_forgotten_after_its_minute_also_when_it_had_lost_its_end(
    broker: redis.Redis,
) -> None:
    for _ in range(2):
        Gate().wait("owner:1", 5)
        assert 30_000 < int(broker.pttl("throttle:owner:1")) <= 60_000
        broker.persist("throttle:owner:1")


def test_a_process_remembers_only_so_many_addresses(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MOST_KNOWN", 3)
    gate = Gate()
    for round_ in range(2):
        waits = [gate.wait(f"address:{number}", 1) for number in range(10)]
        assert [bool(wait) for wait in waits] == [bool(round_)] * 10
    assert len(gate._shares) <= 3


# Without Redis


def test_without_redis_everybody_is_let_in(api: Api, limit: Limit, settings: Any) -> None:
    limit(owner=1, address=1)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    settings.REDIS_CLIENT_URL = f"redis://127.0.0.1:{port}/0"
    assert statuses([api.get("scheduled-calls") for _ in range(3)]) == [200] * 3
    assert [ask_as_stranger(BAD) for _ in range(3)] == [401] * 3


def test_a_redis_that_says_nothing_is_waited_for_once_and_not_long(
    broker: redis.Redis, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "PATIENCE", 0.05)
    monkeypatch.setattr(throttling, "PAUSE", 60)
    gate = Gate()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        settings.REDIS_CLIENT_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()
        assert let_in(gate, "owner:1", 1, 100) == 100
        assert time.monotonic() - began < 2  # a client's own patience is five seconds
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody else has asked
            silent.accept()


def test_when_redis_is_there_again_it_counts_again(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "PAUSE", 0)
    broker.set("throttle:owner:1", "no number")
    gate = Gate()
    assert let_in(gate, "owner:1", 1, 3) == 3
    broker.delete("throttle:owner:1")
    assert let_in(gate, "owner:1", 1, 3) == 1
