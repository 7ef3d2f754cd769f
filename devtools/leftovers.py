"""Ends what an earlier run left behind: it was killed, its children were not."""

import json
import os
import signal
import time
from pathlib import Path

from devtools.console import output_of, say

RECORD = "children.json"


def describe(ids: list[int]) -> dict[str, str]:
    """Process ids with their start times: an id alone may belong to somebody else by then."""
    return {str(pid): started for pid in ids if (started := start_of(pid))}


def start_of(pid: int) -> str | None:
    """When a process started, as the system words it; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        said = (
            output_of(["ps", "-o", "lstart=", "-p", str(pid)]) if not Path("/proc").exists() else ""
        )
        return (said or "").strip() or None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]  # proc(5): field 22, ticks since boot


def end(record: Path, seconds: float = 15) -> None:
    """Ends the recorded processes: asks them, waits, then makes them; removes the record."""
    try:
        described = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    living = alive(described)
    if living:
        say("ending what an earlier run left behind")
    # SIGINT is PostgreSQL's fast shutdown, and ends the others as well
    for number, patience in ((signal.SIGINT, seconds), (signal.SIGKILL, 5.0)):
        for pid in living:
            signal_group(pid, number)
        give_up_at = time.monotonic() + patience
        while living and time.monotonic() < give_up_at:
            time.sleep(0.05)
            living = alive(described)
    record.unlink(missing_ok=True)


def alive(described: dict[str, str]) -> list[int]:
    """The recorded processes that still run."""
    return [int(pid) for pid, started in described.items() if start_of(int(pid)) == started]


def signal_group(pid: int, number: int) -> None:
    """Sends a signal to the group that the process leads."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # it ended in between
        return
