"""Starts the call service as a process of its own, which ends with its input: with its master."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.victims import MARK
from tests.system import ROOT


@dataclass(frozen=True, slots=True)
class Timing:
    """What the service must know of the workers, in seconds."""

    deadline: float
    settle: float
    freeze: float


def start_service(
    environment: Mapping[str, str], log: Path, timing: Timing, run: str
) -> subprocess.Popen[str]:
    """Starts it on the port that `environment` tells the workers; what rings goes to `log`.

    `run` marks the processes that it may strike.
    """
    log.touch()
    port = environment["SCHEDULER_HTTP_CALL_URL"].rpartition(":")[2]
    options = {"port": port, "log": str(log), "run": run}
    options |= {name: str(getattr(timing, name)) for name in ("deadline", "settle", "freeze")}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with log.with_name("service.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.service", *words],
            cwd=ROOT,
            # without the run's mark: it must not strike itself
            env={name: value for name, value in environment.items() if name != MARK},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )


def end_service(service: subprocess.Popen[str]) -> None:
    """Ends it, and waits until it has ended."""
    assert service.stdin
    assert service.stdout
    service.stdin.close()
    service.wait(10)
    service.stdout.close()
