"""The call service as a process: its ceiling is measured first, its log is fetched after a run."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devtools import identity
from devtools.console import Stopped
from devtools.places import ROOT
from tests.system import free_port


@dataclass
class Service:
    """Where it listens."""

    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    @contextmanager
    def started(cls, home: Path) -> Iterator[Self]:
        """A running service; ended afterwards."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.call_service", "--port", str(port)]
        with (home / "call_service.log").open("wb") as log:
            process = subprocess.Popen(
                identity.launched(command),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        service = cls(port, process)
        try:
            service.wait()
            yield service
        finally:
            process.kill()
            process.wait(10)

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                self.get("/count")
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
            else:
                return
        raise Stopped("the benchmark's own call service does not answer.")

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=120) as answer:
            found: bytes = answer.read()
            return found

    def count(self) -> tuple[int, float]:
        """How many calls it heard so far, and its CPU seconds so far."""
        said = json.loads(self.get("/count"))
        return said["count"], said["cpu"]

    def log(self, run: str) -> bytes:
        """The log of one run."""
        return self.get(f"/log?run={run}")

    def url(self, run: str, delay_ms: int) -> str:
        """The address that is answered after so many milliseconds, its calls logged for a run."""
        return f"http://127.0.0.1:{self.port}/{run}/d{delay_ms}"

    def ceiling(self, count: int = 50_000) -> tuple[float, float]:
        """Calls a second that it can answer, and its CPU seconds for one."""
        before = self.count()[1]
        command = [sys.executable, "-m", "benchmarks.ceiling", "--port", str(self.port)]
        done = subprocess.run(
            [*command, "--count", str(count)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return float(done.stdout), (self.count()[1] - before) / count
