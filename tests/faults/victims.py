"""A call comes in: which process sent it? That one is killed or frozen, and no other ever is."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

#: the name of the environment variable that all processes of one run carry
MARK = "FAULTS_RUN"
PROC = Path("/proc")


def marked(run: str) -> Iterator[int]:
    """The ids of the processes of that run, also of those that they forked."""
    wanted = f"{MARK}={run}".encode()
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            # it may end while we look, or be another user's
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)


def process_behind(run: str, port: int, server_port: int) -> int | None:
    """The process of that run whose TCP socket on `port` is connected to `server_port`, if any."""
    inode = _inode(port, server_port)
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    return next((pid for pid in marked(run) if wanted in _open_files(pid)), None)


def _inode(port: int, server_port: int) -> str | None:
    """The inode of a local socket, from Linux's table (proc(5): addresses are hexadecimal)."""
    for line in (PROC / "net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = [int(address.rpartition(":")[2], 16) for address in fields[1:3]]
        if ends == [port, server_port]:
            return fields[9]
    return None


def _open_files(pid: int) -> set[str]:
    names = set()
    with contextlib.suppress(OSError):
        for entry in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                names.add(os.readlink(entry))
    return names


def group_of(pid: int) -> list[int]:
    """The process group's members, its leader left out: a worker's children."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != pid:
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) == pid:
                    found.append(int(entry.name))
    return sorted(found)


def children_of(pid: int) -> list[int]:
    """The processes that this one forked."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # after the name in parentheses: state, parent (proc(5))
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == pid:
                    found.append(int(entry.name))
    return sorted(found)


def strike(pid: int, how: signal.Signals, *, whole: bool = False) -> bool:
    """Signals a process, or its whole group; False when it is gone already."""
    try:
        if whole:
            os.killpg(os.getpgid(pid), how)
        else:
            os.kill(pid, how)
    except ProcessLookupError:
        return False
    return True
