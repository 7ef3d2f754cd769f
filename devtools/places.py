"""Where the embedded servers keep their things: `.state/`, sockets on a short path."""

import hashlib
import os
import re
import shutil
import stat
from pathlib import Path

from devtools.console import Stopped

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".state"

#: A Unix socket's address holds 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"
#: URLs, PostgreSQL's directory list and Valkey's arguments each quote other characters differently.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


def private_dir(path: Path) -> Path:
    """Makes a directory that only its owner may enter; Stopped when it is somebody else's."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if ours and stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise Stopped(
            f"{path} cannot be made ({error.strerror}): give this user write access."
        ) from None
    if not ours:
        raise Stopped(f"{path} belongs to another user: remove it, or run as that user.")
    return path


def socket_dir(home: Path) -> Path:
    """A private directory for sockets: inside `home`, or under /tmp when that path will not do."""
    inside = home / "sock"
    if fits_a_socket(inside):
        return private_dir(inside)
    return private_dir(short_dir(home))


def fits_a_socket(directory: Path) -> bool:
    """Whether sockets in the directory have a path that is short and plain enough."""
    text = str(directory)
    short = len(os.fsencode(text + LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    return short and PLAIN_PATH.fullmatch(text) is not None


def short_dir(home: Path) -> Path:
    """The place under /tmp that always belongs to the same `home` and user."""
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:10]
    return Path(f"/tmp/scheduler-{os.geteuid()}-{digest}")  # noqa: S108 - private_dir checks it


def forget(home: Path) -> None:
    """Removes a throw-away home and what lay beside it under /tmp."""
    for directory in (short_dir(home / "postgres"), short_dir(home), home):
        shutil.rmtree(directory, ignore_errors=True)
