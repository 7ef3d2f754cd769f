"""What processes cost, read from /proc: CPU of whole trees, also of children that have ended."""

import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
PERIOD = 1.0  # seconds between two looks at the memory
KIB = 1024

#: a process's parent and its CPU seconds, those of children it has waited for included
Stat = tuple[int, float]


def stats() -> dict[int, Stat]:
    """All processes of the machine."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended while we looked
                found[int(entry.name)] = parsed((entry / "stat").read_text())
    return found


def parsed(line: str) -> Stat:
    """Parent and CPU seconds of one line of /proc/PID/stat (proc(5): fields 4 and 14 to 17)."""
    fields = line.rpartition(")")[2].split()
    return int(fields[1]), sum(int(field) for field in fields[11:15]) / TICK


def tree(roots: Iterable[int], all_stats: Mapping[int, Stat]) -> set[int]:
    """The roots that live, and all their descendants."""
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in all_stats.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [pid for pid in roots if pid in all_stats]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def seconds(groups: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """CPU seconds so far of each group's processes, given by their first ones."""
    now = stats()
    return {name: sum(now[pid][1] for pid in tree(roots, now)) for name, roots in groups.items()}


def memory(roots: Iterable[int]) -> int:
    """Resident bytes of the trees; memory that processes share by mapping is counted once."""
    own, shared = 0, 0
    for pid in tree(roots, stats()):
        with suppress(OSError, KeyError):
            sizes = sizes_of((PROC / str(pid) / "status").read_text())
            own += sizes["RssAnon"] + sizes["RssFile"]
            shared = max(shared, sizes["RssShmem"])
    return own + shared


def sizes_of(status: str) -> dict[str, int]:
    """The sizes of a /proc/PID/status in bytes."""
    lines = (line.partition(":") for line in status.splitlines() if line.startswith("Rss"))
    return {name: int(value.split()[0]) * KIB for name, _, value in lines}


class Watch:
    """`with Watch(groups) as watch:` - CPU seconds used meanwhile, and the peak of the memory."""

    def __init__(self, groups: Mapping[str, Iterable[int]]) -> None:
        self.groups = {name: list(roots) for name, roots in groups.items()}
        self.peak = dict.fromkeys(groups, 0)
        self.used: dict[str, float] = {}
        self.over = threading.Event()

    def __enter__(self) -> Self:
        """Notes what was used so far."""
        self.before = seconds(self.groups)
        self.look()
        self.thread = threading.Thread(target=self.look_again, daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Notes what has been used."""
        after = seconds(self.groups)
        self.used = {name: after[name] - self.before[name] for name in self.groups}
        self.over.set()
        self.thread.join()
        self.look()

    def look(self) -> None:
        """Notes the memory."""
        for name, roots in self.groups.items():
            self.peak[name] = max(self.peak[name], memory(roots))

    def look_again(self) -> None:
        """Now and then."""
        while not self.over.wait(PERIOD):
            self.look()
