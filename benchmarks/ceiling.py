"""How much the call service can take: a client as bare as itself, on connections that stay open."""

import argparse
import json
import select
import socket
import time

BODY = json.dumps({"agent_id": "agent", "metadata": {"n": 1}, "filling": "x" * 300}).encode()


def measure(port: int, count: int, connections: int) -> float:
    """Answers a second, each connection sending its next request when it was answered."""
    request = (
        b"POST /ceiling/d0/calls HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    )
    poll, sockets = select.epoll(), {}
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    begin, answered = time.monotonic(), 0
    for connection in sockets.values():
        connection.send(request)
    while answered < count:
        for number, _ in poll.poll():
            sockets[number].recv(4096)
            answered += 1
            sockets[number].send(request)
    return answered / (time.monotonic() - begin)


def main() -> None:
    """Prints the rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--connections", type=int, default=64)
    chosen = parser.parse_args()
    print(measure(chosen.port, chosen.count, chosen.connections))


if __name__ == "__main__":
    main()
