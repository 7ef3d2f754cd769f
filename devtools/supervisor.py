"""Keeps the children running, and stops them in the order in which they need each other."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from devtools import identity, leftovers
from devtools.console import Stopped, last_lines, say
from devtools.program import Child, Program, how_it_ended

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """`with Supervisor(home) as it:` - whatever happens inside, all children end with it."""

    def __init__(self, home: Path) -> None:
        self.record = home / leftovers.RECORD
        self.children: list[Child] = []

    def __enter__(self) -> Self:
        """SIGTERM and a closed terminal now stop everything, as Ctrl-C does."""
        leftovers.end(self.record)
        self.before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops the children, the last started first: web, beat, worker, valkey, postgres."""
        for number in STOP_SIGNALS:
            signal.signal(number, self.hurry)
        for child in reversed(self.children):
            child.stop()
        self.record.unlink(missing_ok=True)
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def hurry(self, number: int, frame: FrameType | None) -> None:
        """A second Ctrl-C: no more waiting; the database still ends properly, being last."""
        say("ending everything now")
        for child in self.children[1:]:
            child.kill_group()

    def start(self, program: Program, wait_seconds: float = 60) -> None:
        """Starts a program, waits until it is up; Stopped with its last lines when it is not."""
        child = Child(program)
        self.children.append(child)
        self.write_record()
        give_up_at = time.monotonic() + wait_seconds
        while not program.is_up():
            code = child.process.poll()
            if code is not None:
                raise Stopped(f"{program.name} {how_it_ended(code)}.{self.why(program)}")
            if time.monotonic() > give_up_at:
                raise Stopped(
                    f"{program.name} is not up after {wait_seconds:.0f} s.{self.why(program)}"
                )
            time.sleep(0.05)

    def why(self, program: Program) -> str:
        """The end of the program's log; what went to the console has been seen."""
        return f" It said:\n{last_lines(program.log)}" if program.log else " See its lines above."

    def write_record(self) -> None:
        """Notes the children's ids for the next start, in case this one cannot clean up."""
        ids = [child.process.pid for child in self.children]
        self.record.write_text(json.dumps(leftovers.describe(ids)), encoding="utf-8")

    def watch(self) -> None:
        """Starts children again that end; returns on Ctrl-C or SIGTERM."""
        try:
            while True:
                before = [child.process.pid for child in self.children]
                for child in self.children:
                    child.look_after()
                if before != [child.process.pid for child in self.children]:
                    self.write_record()
                time.sleep(0.2)
        except KeyboardInterrupt:
            say()

    def call(self, command: list[str], env: dict[str, str]) -> int:
        """Runs a command in the foreground, to its end; the terminal's Ctrl-C is the command's."""
        process = subprocess.Popen(identity.launched(command), env=env)
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt as stop:
                # Ctrl-C reached the command too; what came to us alone is passed on.
                if stop.args or not sys.stdin.isatty():
                    process.send_signal(signal.SIGINT)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Makes another signal do what Ctrl-C does."""
    raise KeyboardInterrupt(number)
