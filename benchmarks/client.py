"""Requests over connections that stay open, with as little of the machine as a client can take."""

import re
import select
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


@dataclass
class Answers:
    """What came back: seconds of each answer in the order of their coming, statuses, the whole."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    took: float = 0.0
    #: the last body that came
    last: bytes = b""


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(port: int, requests: Sequence[bytes], connections: int) -> Answers:
    """Sends them all, each connection its next one when it was answered.

    A connection that the server closes after an answer is opened again.
    """
    answers, waiting = Answers(), iter(requests)
    poll = select.epoll()
    open_: dict[int, tuple[socket.socket, bytearray, float]] = {}

    def next_on(connection: socket.socket | None) -> None:
        following = next(waiting, None)
        if following is None:
            return
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(connection.fileno(), select.EPOLLIN)
        open_[connection.fileno()] = connection, bytearray(), time.monotonic()
        connection.sendall(following)

    begin = time.monotonic()
    for _ in range(connections):
        next_on(None)
    while open_:
        for number, _ in poll.poll(60):
            connection, buffer, since = open_[number]
            received = connection.recv(262_144)
            buffer += received
            whole = answer_in(buffer)
            if whole is None and received:
                continue
            del open_[number]
            status, answers.last, closes = whole or (0, b"", True)
            answers.statuses[status] += 1
            answers.seconds.append(time.monotonic() - since)
            if closes:
                poll.unregister(number)
                connection.close()
            next_on(None if closes else connection)
    answers.took = time.monotonic() - begin
    poll.close()
    return answers


def answer_in(buffer: bytearray) -> tuple[int, bytes, bool] | None:
    """Status, body, and whether the server closes; None while it is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    found = _LENGTH.search(head)
    if found is None and b"chunked" in head.lower():
        raise ValueError("an answer that does not say how long it is; this client cannot read it")
    whole = end + 4 + (int(found[1]) if found else 0)
    if len(buffer) < whole:
        return None
    closes = b"connection: close" in head.lower()
    return int(head.split(b" ", 2)[1]), bytes(buffer[end + 4 : whole]), closes
