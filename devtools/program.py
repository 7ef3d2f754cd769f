"""One child process: what it is, how it starts, how it stops, what its lines look like."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devtools import identity
from devtools.console import say

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
#: A child that lived this long starts again with the first pause.
STEADY_AFTER = 60.0


@dataclass(frozen=True)
class Program:
    """What to run. Times are seconds; `log` None means: to the console, each line with the name."""

    name: str
    command: list[str]
    env: dict[str, str] | None = None
    log: Path | None = None
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    stop_seconds: float = 10.0
    identity: str = "self"
    is_up: Callable[[], bool] = field(default=lambda: True)


class Child:
    """A running program; leads a process group of its own, so that all it forks can be ended."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.pause = FIRST_PAUSE
        self.start_again_at: float | None = None
        self.start()

    def start(self) -> None:
        """Forks and executes; only ever from the main thread, whose end is the children's end."""
        program = self.program
        self.started_at = time.monotonic()
        self.start_again_at = None
        command = identity.launched(program.command, program.death_signal, program.identity)
        log = program.log.open("a", encoding="utf-8") if program.log else None
        self.process = subprocess.Popen(
            command,
            env=program.env,
            cwd="/" if log else None,
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        if log:
            log.close()
        else:
            threading.Thread(target=self.repeat_lines, daemon=True).start()

    def repeat_lines(self) -> None:
        """Copies the child's lines to the console, the name in front."""
        pipe = self.process.stdout
        assert pipe is not None  # noqa: S101 - start() made it
        with pipe:
            for line in pipe:
                text = line.decode("utf-8", errors="replace").rstrip()
                say(f"{self.program.name:>8} | {text}")

    def look_after(self) -> None:
        """Starts the child again when it has ended, after a pause that doubles each time."""
        code = self.process.poll()
        now = time.monotonic()
        if code is None:
            return
        if self.start_again_at is None:
            if now - self.started_at > STEADY_AFTER:
                self.pause = FIRST_PAUSE
            say(
                f"{self.program.name} {how_it_ended(code)}; starting it again in {self.pause:.0f} s"
            )
            self.start_again_at = now + self.pause
            self.pause = min(self.pause * 2, LONGEST_PAUSE)
            self.kill_group()
        elif now >= self.start_again_at:
            self.start()

    def stop(self) -> None:
        """Asks it to stop, waits its time, then ends whatever is left of its group."""
        if self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)
            try:
                self.process.wait(self.program.stop_seconds)
            except subprocess.TimeoutExpired:
                say(f"{self.program.name} was still busy after its time to stop; ended")
        self.kill_group()
        self.process.wait()

    def kill_group(self) -> None:
        """Ends the process and all that it forked."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (
            ProcessLookupError,
            PermissionError,
        ):  # nobody is left; macOS says it the second way
            return


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
