"""Sockets that give up when the whole exchange has taken too long, not only one silence in it."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_thread = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Within it, this thread's reads and writes on the sockets below end `seconds` from now.

    A socket's own timeout starts again with each byte: one byte a second holds a reader for ever.
    They raise TimeoutError when the time is over.
    """
    _thread.until = time.monotonic() + seconds
    try:
        yield
    finally:
        del _thread.until


def remaining() -> float:
    """Seconds left in this thread's deadline; raises TimeoutError when there are none."""
    left: float = _thread.until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for the whole exchange is over")
    return left


class DeadlineSocket(socket.socket):
    """A TCP socket under this thread's deadline."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(remaining())
        super().sendall(*args, **kwargs)


class DeadlineTLSSocket(ssl.SSLSocket):
    """A TLS socket under this thread's deadline."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining())
        return super().recv_into(*args, **kwargs)

    # SSLSocket.sendall calls this for each piece.
    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(remaining())
        return super().send(*args, **kwargs)
