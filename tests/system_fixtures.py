"""Fixtures that start the real processes: `make_system`, `call_service`, `sink`."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.call_service import SECRET, TOKEN, CallService, Sink
from tests.system import (
    System,
    connected,
    drop_database,
    free_port,
    make_database,
    redis_client,
    with_database,
    with_redis_database,
)

#: Redis databases of the test processes themselves and of their systems, from here on; the lowest
#: one is left to whoever runs without others
IN_PROCESS, SYSTEMS, EACH = 1, 8, 7

MakeSystem = Callable[..., System]
_numbers = itertools.count()
#: by the template's name: the token of the owner that all its copies have
_tokens: dict[str, str] = {}


@pytest.fixture(scope="session")
def template_database(worker_id: str) -> Iterator[str]:
    """The name of a migrated database with an owner's token, that others are copied from."""
    url, name = os.environ["DATABASE_URL"], f"template_{worker_id}_{os.getpid()}"
    make_database(url, name)
    environment = {**os.environ, "DATABASE_URL": with_database(url, name)}
    environment.pop("DATABASE_DIRECT_URL", None)
    template = System(environment, Path(), 0)
    template.manage("migrate", "--verbosity", "0")
    _tokens[name] = template.manage("create_token", "default").split()[-1]
    yield name
    with connected(url, "postgres") as cursor:
        drop_database(cursor, name)


@pytest.fixture
def make_system(
    template_database: str, worker_id: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[MakeSystem]:
    """Makes a system on a fresh database; settings are keyword arguments. Ends all at the end."""
    with systems(template_database, worker_id, tmp_path) as (make, made):
        yield make
        if getattr(request.node, "failed", False):
            for system in made:
                print(system.logs())  # noqa: T201  pytest shows it with the failure


@pytest.fixture(scope="module")
def sandbox_system(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """One running system for a whole file of tests, with a quick sandbox for a call service."""
    folder = tmp_path_factory.mktemp("system")
    with systems(template_database, worker_id, folder) as (make, _):
        system = make(SCHEDULER_SANDBOX_SPEED="10")
        system.start_all()
        yield system


@contextmanager
def systems(
    template: str, worker_id: str, folder: Path
) -> Iterator[tuple[MakeSystem, list[System]]]:
    """A maker of systems and the list of those it made; all of them are gone afterwards."""
    made: list[System] = []
    names: list[str] = []

    def make(**settings: str) -> System:
        name = f"system_{worker_id}_{os.getpid()}_{next(_numbers)}"
        make_database(os.environ["DATABASE_URL"], name, template)
        names.append(name)
        system = System(_environment(name, worker_id, settings), folder, free_port())
        system.environment |= {"SCHEDULER_PUBLIC_URL": system.url, **settings}
        system.token = _tokens[template]
        made.append(system)
        return system

    try:
        yield make, made
    finally:
        for system in made:
            system.stop()
        with connected(os.environ["DATABASE_URL"], "postgres") as cursor:
            for name in names:
                drop_database(cursor, name)


def _environment(database: str, worker_id: str, settings: dict[str, str]) -> dict[str, str]:
    number = SYSTEMS + place_of(worker_id) if worker_id != "master" else SYSTEMS + EACH
    url = with_redis_database(os.environ["REDIS_URL"], number)
    with redis_client(url) as client:
        client.flushdb()
    environment = {
        **os.environ,
        "DATABASE_URL": with_database(os.environ["DATABASE_URL"], database),
        "REDIS_URL": url,
        "SCHEDULER_WEBHOOK_ALLOW_HTTP": "1",
        "SCHEDULER_WEBHOOK_ALLOWED_NETS": "127.0.0.0/8",
        "LOG_LEVEL": "INFO",
        **settings,
    }
    environment.pop("DATABASE_DIRECT_URL", None)
    return environment


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remembers a failure, so that the processes' logs are printed with it."""
    outcome = yield
    if outcome.get_result().failed:  # type: ignore[attr-defined]
        item.failed = True  # type: ignore[attr-defined]


@pytest.fixture
def call_service() -> Iterator[CallService]:
    """A call service on a local port."""
    service = CallService()
    yield service
    service.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A webhook receiver on a local port."""
    receiver = Sink()
    yield receiver
    receiver.close()


def place_of(worker_id: str) -> int:
    """A small number for `gw0`, `gw1` and so on."""
    return int(worker_id.removeprefix("gw")) % EACH


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Before Django reads it: bells that one test process counts are not to be those of another.
    os.environ["REDIS_URL"] = with_redis_database(
        os.environ["REDIS_URL"], IN_PROCESS + place_of(worker)
    )


def http_settings(service: CallService) -> dict[str, str]:
    """The settings that let a system dial through this call service."""
    return {
        "SCHEDULER_CALL_PROVIDER": "http",
        "SCHEDULER_HTTP_CALL_URL": service.url,
        "SCHEDULER_HTTP_CALL_TOKEN": TOKEN,
        "SCHEDULER_HTTP_CALL_SECRET": SECRET,
    }
