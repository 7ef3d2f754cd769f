"""A request that places a call goes over the wire: HTTP/1.1 on a kept connection, one at a time.

Written for one thing: knowing whether a request has left. Its bytes go to the socket in one call,
right after the guard has spoken, with nothing awaited in between. Answers are taken apart by
httptools (Node's parser).
"""

import asyncio
import select
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httptools

from executions.providers.base import (
    MAX_ANSWER_BYTES,
    HttpRequest,
    HttpResponse,
)

#: readiness bits that say "the other side has closed"; RDHUP is Linux's
CLOSED = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
MAX_HEAD_BYTES = 64 * 1024
#: characters that a path and query may have as they are (RFC 3986 section 3.3), and a percent sign
PLAIN = "/?%:@!$&'()*+,;=~-._"


Done = Callable[[HttpResponse | BaseException], None]


class Place(NamedTuple):
    """Where a request goes."""

    host: str
    port: int
    tls: bool


@lru_cache(maxsize=256)
def address_of(url: str) -> tuple[Place, str, str]:
    """The place, the `Host` header and the target of the request line; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("The call service's address begins with http:// or https:// and a name.")
    host = parts.hostname.encode("idna").decode() if ":" not in parts.hostname else parts.hostname
    tls = parts.scheme == "https"
    usual = 443 if tls else 80
    port = usual if parts.port is None else parts.port
    named = f"[{host}]" if ":" in host else host
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=PLAIN)
    return Place(host, port, tls), named if port == usual else f"{named}:{port}", target


def encoded(request: HttpRequest, more: dict[str, str]) -> bytes:
    """The request as bytes; raises ValueError for a header that would be two."""
    _, host, target = address_of(request.url)
    headers = {"Host": host, **request.headers, **more, "Content-Length": str(len(request.body))}
    head = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if head.count("\r") != len(headers) or head.count("\n") != len(headers):
        raise ValueError("A header holds a line break.")
    return f"{request.method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + request.body


class Unasked(Exception):
    """The other side goes on after its answer was whole."""


class Connection(asyncio.Protocol):
    """A connection to the call service, kept from one request to the next."""

    def __init__(self) -> None:
        self._watch = select.poll()
        self._done: Done | None = None
        self.closed = False
        #: when it was last used, by the loop's clock
        self.used_at = 0.0

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        """Connected, and under TLS shaken hands."""
        self._transport: asyncio.Transport = transport
        # Under TLS unasked bytes are normal (session tickets), so only a plain one must be silent.
        plain = transport.get_extra_info("sslcontext") is None
        self._watch.register(
            transport.get_extra_info("socket"), CLOSED | (select.POLLIN if plain else 0)
        )

    def data_received(self, data: bytes) -> None:
        """Some of the answer, or something that nobody asked for."""
        if self._done is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._answer is None:
                self.fail(error)
                return
            self._keep = False  # the answer is whole; what follows it is none
        self._head_bytes += 0 if self._in_body else len(data)
        if self._answer is not None:
            self._finish()
        elif self._head_bytes > MAX_HEAD_BYTES:
            self.fail(httptools.HttpParserError())

    def eof_received(self) -> None:
        """The other side has closed: for an answer without a length, that is its end."""
        if self._done is not None and self._in_body and not self._has_length:
            self._complete(keep=False)
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        """Gone."""
        self.closed = True
        self.fail(error or ConnectionError())

    # What httptools calls. What is raised here stops it.

    def on_message_begin(self) -> None:
        """An answer begins, or a second one that nobody asked for."""
        if self._answer is not None:
            raise Unasked
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        word = name.decode("latin-1").lower()
        self._headers[word] = value.decode("latin-1")
        if word in ("content-length", "transfer-encoding"):
            self._has_length = True

    def on_headers_complete(self) -> None:
        """The body follows."""
        self._in_body = self._parser.get_status_code() >= 200

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, no longer chunked. What is too long is not read to its end."""
        self._body.append(piece)
        self._length += len(piece)
        if self._length > MAX_ANSWER_BYTES:
            self._complete(keep=False)
            raise Unasked

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one (1xx)."""
        if self._in_body:
            self._complete(keep=self._parser.should_keep_alive())

    # What a client calls.

    def is_open(self) -> bool:
        """Whether the other side has neither closed nor spoken before it was asked.

        The event loop may not have heard of it yet, the kernel has.
        """
        return not (self.closed or self._transport.is_closing() or self._watch.poll(0))

    def send(self, data: bytes, guard: Callable[[], None], done: Done) -> None:
        """Sends the request, if its guard lets it: when the guard raises, nothing has left.

        Between the guard and the socket nothing is awaited. `done` is told the answer, or the
        exception that took its place, once; the connection may be used again then, unless closed.
        """
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = 0
        self._answer: HttpResponse | None = None
        self._begin()
        guard()
        self._done = done
        try:
            self._transport.write(data)
        except Exception as error:  # some of it may have left: this is no "not sent"
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Ends it: the deadline has come, or it is called off, or what came makes no sense."""
        done, self._done = self._done, None
        if not self.closed:
            self.close()
        if done is not None:
            done(error)

    def close(self) -> None:
        """Ends it at once; what was not answered never will be."""
        self.closed = True
        self._transport.abort()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._length = 0
        self._in_body = self._has_length = False

    def _complete(self, *, keep: bool) -> None:
        body = b"".join(self._body)[: MAX_ANSWER_BYTES + 1]
        self._answer = HttpResponse(self._parser.get_status_code(), self._headers, body)
        self._keep = keep

    def _finish(self) -> None:
        """Tells the answer. Not from within the parser: the next request may leave at once."""
        done, self._done = self._done, None
        if not self._keep:
            self.close()
        if done is not None and self._answer is not None:
            done(self._answer)


async def connected(place: Place, tls: ssl.SSLContext) -> Connection:
    """A new connection; raises OSError (also for DNS and TLS)."""
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(
        Connection, place.host, place.port, ssl=tls if place.tls else None
    )
    return made
