"""A call comes in, its moment is noted, it is answered: the judge of everything that is measured.

It must be faster than whatever is measured, and take little of the machine it shares: one process,
one thread, epoll, no parsing beyond a request's length. `POST /RUN/dMS/…` is answered after MS
milliseconds, `POST /RUN/hang/…` neither answered nor noted. What came is kept in memory and read
after the run: `GET /count`, `GET /log?run=RUN` (one JSON object a line).
"""

import argparse
import json
import os
import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterator

HANG = -1.0
_DELAY = re.compile(rb"^/[^/]+/(?:d(\d+)|(hang))(?:/|$)")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
REFUSED = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def requests_in(buffer: bytearray) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Method, path and body of each whole request; takes them out of the buffer.

    Raises ValueError for a body without a length.
    """
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        head = bytes(buffer[:end])
        found = _LENGTH.search(head)
        if found is None and _CHUNKED.search(head):
            raise ValueError("a chunked body")
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(buffer) < whole:
            return
        method, path, _ = head.split(b" ", 2)
        body = bytes(buffer[end + 4 : whole])
        del buffer[:whole]
        yield method, path, body


class CallService:
    """Listens on a port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener.fileno(), select.EPOLLIN)
        self.connections: dict[int, tuple[socket.socket, bytearray]] = {}
        #: nanoseconds since 1970, path, body
        self.log: list[tuple[int, bytes, bytes]] = []
        self.delays: dict[bytes, float] = {}
        #: per delay, what is still to be answered: when (monotonic seconds), to whom, what
        self.waiting: dict[float, deque[tuple[float, socket.socket, bytes]]] = {}

    def serve(self) -> None:
        """For ever."""
        own = self.listener.fileno()
        while True:
            for number, _ in self.poll.poll(self.answer_the_due()):
                if number == own:
                    self.accept()
                else:
                    self.read(number)

    def accept(self) -> None:
        """Takes what is waiting."""
        try:
            while True:
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections[connection.fileno()] = connection, bytearray()
                self.poll.register(connection.fileno(), select.EPOLLIN)
        except BlockingIOError:
            return

    def read(self, number: int) -> None:
        """Notes and answers all whole requests of a connection."""
        connection, buffer = self.connections[number]
        try:
            received = connection.recv(262_144)
            at = time.time_ns()
            buffer += received
            if not received:
                self.close(number)
            for method, path, body in requests_in(buffer):
                self.take(at, connection, method, path, body)
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError):
                self.send(connection, REFUSED)
            self.close(number)

    def close(self, number: int) -> None:
        """Forgets a connection."""
        connection, _ = self.connections.pop(number)
        self.poll.unregister(number)
        connection.close()

    def take(
        self, at: int, connection: socket.socket, method: bytes, path: bytes, body: bytes
    ) -> None:
        """One request; a call is noted before it is answered."""
        if method != b"POST":
            self.tell(connection, path)
            return
        delay = self.delays.get(path)
        if delay is None:
            delay = self.delays[path] = delay_of(path)
        if delay == HANG:
            return
        self.log.append((at, path, body))
        text = b'{"call_id": "%d-%d", "status": "completed"}' % (os.getpid(), len(self.log))
        answer = HEAD % len(text) + text
        if delay:
            queue = self.waiting.setdefault(delay, deque())
            queue.append((time.monotonic() + delay, connection, answer))
        else:
            self.send(connection, answer)

    def answer_the_due(self) -> float:
        """Sends what waited long enough; seconds until the next one, or -1."""
        now, wait = time.monotonic(), -1.0
        for queue in self.waiting.values():
            while queue and queue[0][0] <= now:
                _, connection, answer = queue.popleft()
                if connection.fileno() >= 0:
                    self.send(connection, answer)
            if queue:
                wait = queue[0][0] - now if wait < 0 else min(wait, queue[0][0] - now)
        return wait

    def send(self, connection: socket.socket, answer: bytes) -> None:
        """A small answer fits the socket's buffer; if not, the other side is beyond help."""
        try:
            connection.send(answer)
        except OSError:
            return

    def tell(self, connection: socket.socket, path: bytes) -> None:
        """`/count`, `/log`, or the protocol's lookup of an attempt."""
        name, _, query = path.decode().partition("?")
        value = query.partition("=")[2]
        if name == "/count":
            text = json.dumps({"count": len(self.log), "cpu": time.process_time()}).encode()
        elif name == "/log":
            text = b"".join(self.lines(f"/{value}/".encode()))
        else:
            calls = [
                {"call_id": f"{os.getpid()}-{number}", "attempt_id": value, "status": "completed"}
                for number, (_, _, body) in enumerate(self.log, 1)
                if value.encode() in body
            ]
            text = json.dumps({"calls": calls[:1]}).encode()
        connection.setblocking(True)
        connection.sendall(HEAD % len(text) + text)
        connection.setblocking(False)

    def lines(self, prefix: bytes) -> Iterator[bytes]:
        """The log of one run."""
        for at, path, body in self.log:
            if path.startswith(prefix):
                entry = {"at": at / 1e9, "path": path.decode(), "body": body.decode()}
                yield json.dumps(entry).encode() + b"\n"


def delay_of(path: bytes) -> float:
    """Seconds that a path asks to wait for its answer."""
    found = _DELAY.match(path)
    if found is None:
        return 0.0
    return HANG if found[2] else int(found[1]) / 1000


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    CallService(parser.parse_args().port).serve()


if __name__ == "__main__":
    main()
