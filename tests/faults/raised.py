"""Raises a stage: servers, a migrated database, a call service; all of it is gone afterwards."""

import os
import random
import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devtools import environment, places
from devtools.servers import THROW_AWAY, locked, sweep
from devtools.supervisor import Supervisor
from tests.call_service import SECRET, TOKEN
from tests.faults.servers import Servers, servers_of
from tests.faults.service_process import end_service
from tests.faults.stage import DEADLINE, LEASE, OWNER, SETTLE, OwnSystem, Stage
from tests.faults.victims import MARK
from tests.system import free_port


@contextmanager
def raised(seed: int, folder: Path | None = None, kind: str = "own") -> Iterator[Stage]:
    """A stage on servers of that kind (see `servers.KINDS`); its own ones keep fsync on."""
    sweep()
    home = Path(tempfile.mkdtemp(prefix=THROW_AWAY))
    try:
        with (
            locked(home),
            Supervisor(home) as supervisor,
            servers_of(kind, home, supervisor) as servers,
        ):
            run = secrets.token_hex(8)
            system = OwnSystem(_environment(servers, run), folder or home, free_port())
            system.environment["SCHEDULER_PUBLIC_URL"] = system.url
            system.manage("migrate", "--verbosity", "0")
            system.token = system.manage("create_token", OWNER).split()[-1]
            stage = Stage(servers, system, run, random.Random(seed))
            stage.start_service()
            try:
                yield stage
            finally:
                _end(stage)
    finally:
        places.forget(home)


def _environment(servers: Servers, run: str) -> dict[str, str]:
    service = f"http://127.0.0.1:{free_port()}"
    found = environment.for_tests(servers.database, servers.broker)
    found = environment.for_processes(found)
    found.pop("DATABASE_DIRECT_URL", None)
    return found | {
        MARK: run,
        "LOG_LEVEL": "INFO",
        "SCHEDULER_CALL_PROVIDER": "http",
        "SCHEDULER_HTTP_CALL_URL": service,
        "SCHEDULER_HTTP_CALL_TOKEN": TOKEN,
        "SCHEDULER_HTTP_CALL_SECRET": SECRET,
        "SCHEDULER_LEASE_SECONDS": f"{LEASE:.0f}",
        "SCHEDULER_DIAL_DEADLINE_SECONDS": f"{DEADLINE:.0f}",
        "SCHEDULER_HTTP_CALL_SETTLE_SECONDS": f"{SETTLE:.0f}",
        "SCHEDULER_WEBHOOK_ALLOW_HTTP": "1",
        "SCHEDULER_WEBHOOK_ALLOWED_NETS": "127.0.0.0/8",
    }


def _end(stage: Stage) -> None:
    # a frozen server would not stop
    for child in stage.servers.supervisor.children:
        with suppress(ProcessLookupError):
            os.kill(child.process.pid, signal.SIGCONT)
    stage.system.stop()
    if stage.service:
        end_service(stage.service)
