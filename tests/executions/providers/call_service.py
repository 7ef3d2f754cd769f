"""A call service on this machine that keeps a log of whole requests and answers as it is told."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = Callable[[StreamWriter], Awaitable[None]]


@dataclass
class CallService:
    """What has reached the service. `bytes_seen` counts also what never became a request."""

    reply: Reply
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    bytes_seen: int = 0
    connections: list[StreamWriter] = field(default_factory=list)
    serving: list["asyncio.Task[None]"] = field(default_factory=list)

    def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        """A connection has come in."""
        self.connections.append(writer)
        self.serving.append(asyncio.create_task(self._serve(reader, writer)))

    async def end(self) -> None:
        """Ends all connections, whatever they wait for."""
        for connection in self.connections:
            if not connection.is_closing():  # Python 3.11.2: one that closes cannot be aborted
                connection.transport.abort()
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)
        for connection in self.connections:
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(connection.wait_closed(), 2)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while not writer.is_closing():
                self.requests.append(await self._request(reader))
                await self.reply(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, as many of these stories have it
        finally:
            writer.close()

    async def _request(self, reader: StreamReader) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await reader.readexactly(1)
            self.bytes_seen += 1
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
        self.bytes_seen += len(body)
        return head + body


@asynccontextmanager
async def call_service(
    reply: Reply, tls: ssl.SSLContext | None = None
) -> AsyncIterator[CallService]:
    """Runs a service on a free port of this machine, with or without TLS."""
    service = CallService(reply)
    server = await asyncio.start_server(service.accept, "127.0.0.1", 0, ssl=tls)
    service.url = f"{'https' if tls else 'http'}://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        server.close()
        await service.end()


def says(body: bytes = b'{"call_id": "call_1"}', status: str = "200 OK", more: str = "") -> Reply:
    """A reply with a whole answer, after which the connection stays open."""

    async def reply(writer: StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return reply


async def hangs(writer: StreamWriter) -> None:
    """A reply that never comes."""
    await asyncio.Event().wait()


async def hangs_up(writer: StreamWriter) -> None:
    """The connection is closed instead of a reply."""
    writer.close()


async def resets(writer: StreamWriter) -> None:
    """The connection is reset instead of a reply."""
    writer.transport.abort()


def drips(text: bytes, pause: float = 0.1) -> Reply:
    """A reply of one byte after the other."""

    async def reply(writer: StreamWriter) -> None:
        for at in range(len(text)):
            writer.write(text[at : at + 1])
            await writer.drain()
            await asyncio.sleep(pause)

    return reply


async def says_and_hangs_up(writer: StreamWriter) -> None:
    """A whole answer; then the idle connection is closed without a warning in it."""
    await says()(writer)
    writer.close()
