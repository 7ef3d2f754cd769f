"""One `run` in a clone: a lock that its process holds, and that ends with it, however it ends."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.console import Stopped

LOCK = "lock"


@contextmanager
def only_one(state: Path, url: str) -> Iterator[None]:
    """Holds the lock of this clone; Stopped, naming the other one, when it is held."""
    with (state / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            other = json.loads(lock.read() or "{}")
            raise Stopped(
                f"already running at {other.get('url')} (pid {other.get('pid')}); "
                "stop it there with Ctrl-C."
            ) from None
        lock.truncate(0)
        lock.write(json.dumps({"url": url, "pid": os.getpid()}))
        lock.flush()
        yield


def is_running(state: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        with (state / LOCK).open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
