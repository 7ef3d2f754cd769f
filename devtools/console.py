"""What the developer reads: lines, steps with their seconds, and sentences that end a command."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Stopped(Exception):
    """Ends a command with a sentence that says what happened and what to do; no traceback."""


def say(text: str = "") -> None:
    """Writes one line; silently when nobody reads any more (the terminal was closed)."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, OSError):
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115 - lives as long as we


@contextmanager
def step(name: str) -> Iterator[None]:
    """Says what is being done, and afterwards how many seconds it took."""
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"  {name}: failed after {time.monotonic() - started:.1f} s")
        raise
    say(f"  {name}: {time.monotonic() - started:.1f} s")


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log file, indented, for a sentence about a server that did not start."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in lines)


def output_of(command: list[str], env: dict[str, str] | None = None) -> str | None:
    """What a short command prints; None when it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
