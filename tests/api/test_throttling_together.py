"""Several web processes count an owner's requests together, under the limits of the environment."""

from collections.abc import Iterator

import pytest
import requests

from tests.system import System, eventually
from tests.system_fixtures import systems

LIMIT, STRANGERS = 30, 5


@pytest.fixture(scope="module")
def system(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """Three web processes with limits for owners and for strangers."""
    limits = {
        "SCHEDULER_THROTTLE_REQUESTS_PER_MINUTE": str(LIMIT),
        "SCHEDULER_THROTTLE_STRANGERS_PER_MINUTE": str(STRANGERS),
    }
    folder = tmp_path_factory.mktemp("throttled")
    with systems(template_database, worker_id, folder) as (make, _):
        made = make(**limits)
        start_three(made)
        yield made


def start_three(system: System) -> None:
    """Gunicorn with three processes."""
    bind = f"127.0.0.1:{system.port}"
    system.start(
        "web", "gunicorn", "-b", bind, "-w", "3", "--threads", "2", "--no-control-socket",
        "scheduler_project.wsgi",
    )  # fmt: skip
    eventually(lambda: system.answers("/readyz"), 60, "web is ready")


def asked(system: System, token: str, times: int) -> list[requests.Response]:
    """So many requests, each on a connection of its own, which any of the processes may take."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{system.url}/api/scheduled-calls"
    return [requests.get(url, headers=headers, timeout=30) for _ in range(times)]


def test_three_processes_let_in_no_more_than_the_limit(system: System) -> None:
    for owner in ("ada", "ben", "cleo", "dan", "eva"):
        opened = system.logs().count("throttle_open")
        token = system.manage("create_token", owner).split()[-1]
        answers = asked(system, token, 2 * LIMIT)
        if system.logs().count("throttle_open") == opened:  # else Redis was late: once more
            break
    found = [answer.status_code for answer in answers]
    assert found.count(200) == LIMIT, system.logs()
    assert found.count(429) == LIMIT
    assert all(1 <= int(one.headers["Retry-After"]) <= 60 for one in answers[-5:])


def test_strangers_have_a_limit_of_their_own(system: System) -> None:
    eventually(lambda: asked(system, "wrong", 1)[0].status_code == 429, what="it is refused")
    assert asked(system, system.token, 1)[0].status_code == 200
