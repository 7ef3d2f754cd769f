"""The short form of the long fault run: a few faults of each kind, and every call rings once."""

import sys
from collections.abc import Iterator

import pytest

from tests.faults.raised import raised
from tests.faults.scenarios import SCENARIOS, play
from tests.faults.servers import kind_of_servers
from tests.faults.stage import Stage

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="whom to strike is found in Linux's /proc"),
    pytest.mark.xdist_group("faults"),  # one stage for all, hence one process
]
SEED = 20_260_731
#: as many faults as fit into two minutes on a small machine; the long run does hundreds, and more
#: of those that take their time (two beats, a beat killed, a broker that freezes, SIGTERM in turn)
COUNTS = {
    "kill_after_accept": 3,
    "kill_before_post": 2,
    "random_kills": 4,
    "terminate_lock_sessions": 4,
    "stop_three_leases": 2,
    "flushall": 3,
    "redis_down": 2,
    "postgres_restart": 2,
    "call_service_misbehaves": 1,
    "poisoned_messages": 1,
    "redis_full": 1,
    "postgres_read_only": 1,
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Servers, workers, a beat and a call service for all scenarios of this file."""
    with raised(SEED, kind=kind_of_servers()) as made:
        yield made


@pytest.mark.parametrize("name", COUNTS)
def test_every_call_rings_once_whatever_breaks(stage: Stage, name: str) -> None:
    if SCENARIOS[name].harms_servers and not stage.servers.ours:
        pytest.skip("no harm is done to servers that were given; FAULTS_SERVERS=system starts some")
    verdict = play(stage, name, SEED, COUNTS[name])
    assert verdict.rings, "nothing rang: the scenario proves nothing"
    assert verdict.ok, f"{verdict.line()}\n{stage.system.logs()[-20_000:]}"
