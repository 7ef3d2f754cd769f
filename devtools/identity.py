"""Under which user id PostgreSQL runs: it refuses root, and ids that no name belongs to."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

CHILD = str(Path(__file__).with_name("child.py"))


def launched(command: list[str], death_signal: int = 9, identity: str = "self") -> list[str]:
    """The command wrapped in child.py, so that it dies with this process."""
    own = [sys.executable, "-IS", CHILD, str(os.getpid()), str(death_signal), identity]
    return [*own, *command]


def for_postgres() -> str:
    """`self` for an ordinary user; else a user namespace; where that is forbidden, another user."""
    if os.geteuid() != 0 and has_a_name(os.geteuid()):
        return "self"
    ids = ":".join(str(part) for part in somebody())
    if namespaces_work(f"namespace:{ids}"):
        return f"namespace:{ids}"
    return f"user:{ids}" if os.geteuid() == 0 else "self"


def has_a_name(uid: int) -> bool:
    """Whether the user database knows the id (containers often start with one that it does not)."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def somebody() -> tuple[int, int]:
    """User and group id of `nobody`, or of any other user that is not root."""
    others = [user for user in pwd.getpwall() if user.pw_uid != 0]
    others.sort(key=lambda user: user.pw_name != "nobody")
    return (others[0].pw_uid, others[0].pw_gid) if others else (65534, 65534)


def namespaces_work(identity: str) -> bool:
    """Whether the kernel lets us make a user namespace (containers often forbid it)."""
    if sys.platform != "linux":
        return False
    done = subprocess.run(launched(["true"], identity=identity), capture_output=True)
    return done.returncode == 0
