"""The way to the call service and back: the only room with sockets to it.

A request that may have left is never sent again here. So there are no retries, no redirects, no
proxies, no `.netrc` and no cookies; the whole exchange ends at the request's deadline; at most
64 KiB of an answer are read, as they come, never unpacked.

`DialClient` (asyncio, hundreds at once) places calls. `ask` (blocking) puts questions, which may
be put again.
"""

import asyncio
import os
import select
from collections.abc import Callable

import aiohttp
import requests
import urllib3
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from executions.providers.base import (
    MAX_ANSWER_BYTES,
    CallProvider,
    HttpRequest,
    HttpResponse,
    LostError,
    NotSentError,
    TransportError,
    Unreachable,
)
from executions.providers.deadline_adapter import adapter, tls_context
from executions.providers.failures import sentence
from webhooks.deadline import deadline

CONNECT_SECONDS = 3.0
#: Many services close an idle connection after some seconds. The shorter we keep ours, the rarer
#: does a request leave towards a connection that is just being closed, which makes it unknown.
KEEP_ALIVE_SECONDS = 15.0
MAX_CONNECTIONS = 500
#: readiness bits that say "the other side has closed"; RDHUP is Linux's
CLOSED = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
#: on every request; an answer comes unpacked, so that its size is the size we read
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "scheduled-calls/1"}

Guard = Callable[[], None]
"""Asked just before the bytes leave; raises NotSentError when they may not."""


class DialClient:
    """Sends requests that place a call, each at most once. Belongs to one event loop."""

    def __init__(self, connections: int = MAX_CONNECTIONS) -> None:
        self._connections = connections
        self._opened: aiohttp.ClientSession | None = None

    async def send(
        self, provider: CallProvider, request: HttpRequest, guard: Guard
    ) -> HttpResponse:
        """The answer to `request`, which must have a body; `guard` speaks last before it leaves.

        Raises NotSentError when nothing left: then nothing of it will leave later either. Raises
        LostError when it may have left, also when this task is cancelled: whoever cancels has to
        learn which of the two it is, so no CancelledError comes out.
        """
        if provider.transport is not None:
            guard()
            return provider.transport.answer(request)
        until = asyncio.get_running_loop().time() + request.deadline
        try:
            return await self._exchange(request, guard, until)
        except _ClosedWhileIdle:
            # Nothing left, so this is no second sending; closed ones have dropped out by now.
            return await self._exchange(request, guard, until)

    async def close(self) -> None:
        """Closes the kept connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def _exchange(self, request: HttpRequest, guard: Guard, until: float) -> HttpResponse:
        body = GuardedBody(request.body, guard)
        # Never 0: for aiohttp that is no limit at all.
        left = max(until - asyncio.get_running_loop().time(), 0.001)
        # By default aiohttp rounds a timeout of more than 5 s up to the next whole second.
        limits = aiohttp.ClientTimeout(
            total=left, sock_connect=min(CONNECT_SECONDS, left), ceil_threshold=float("inf")
        )
        headers = {**request.headers, **HEADERS}
        try:
            async with self._session().request(
                request.method,
                request.url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=limits,
            ) as answer:
                named = {name.lower(): value for name, value in answer.headers.items()}
                return HttpResponse(answer.status, named, await _read(answer.content))
        except (Exception, asyncio.CancelledError) as error:
            raise body.verdict(error) from error

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    keepalive_timeout=KEEP_ALIVE_SECONDS,
                    ssl=tls_context(),
                    resolver=aiohttp.ThreadedResolver(),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._opened


class _ClosedWhileIdle(NotSentError):
    """The kept connection was closed before the request was written to it."""


class GuardedBody(BytesPayload):
    """A body that passes its guard just before it leaves, and that leaves at most once.

    aiohttp (3.14) keeps the headers back and writes them together with the first piece of the
    body, in one go, so the guard stands before the first byte of the request. Between the guard
    and the socket nothing is awaited. aiohttp sends a POST once; for GET, PUT and DELETE it tries
    again after a dropped connection, which a body that has left refuses.
    """

    def __init__(self, body: bytes, guard: Guard) -> None:
        super().__init__(body)
        if not body:
            raise ValueError("Without a body there is no place for the guard.")
        self._guard = guard
        self._left = False
        self._stop: TransportError | None = None

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        if self._left or self._stop is not None:
            raise NotSentError("It was given up, or has left before.")
        try:
            _check_open(writer)
            self._guard()
        except NotSentError as refusal:
            self._stop = refusal
            raise
        self._left = True
        await super().write_with_length(writer, content_length)

    def verdict(self, error: BaseException) -> TransportError:
        """What a failed exchange means. From here on, what has not left never will."""
        if self._left:
            return LostError(sentence(error))
        if self._stop is None:
            self._stop = NotSentError(sentence(error))
        return self._stop


def _check_open(writer: AbstractStreamWriter) -> None:
    """Raises _ClosedWhileIdle when the other side has closed, or has spoken before it was asked.

    The event loop may not have heard of it yet, the kernel has. Under TLS unasked bytes are normal
    (session tickets), so only a plain connection must be silent.
    """
    transport: asyncio.Transport | None = getattr(writer, "transport", None)
    if transport is None or transport.is_closing():
        raise _ClosedWhileIdle("The connection was closed before the request.")
    plain = transport.get_extra_info("sslcontext") is None
    watch = select.poll()
    watch.register(transport.get_extra_info("socket"), CLOSED | (select.POLLIN if plain else 0))
    if watch.poll(0):
        raise _ClosedWhileIdle("The call service closed the connection before the request.")


async def _read(content: aiohttp.StreamReader) -> bytes:
    data = b""
    while len(data) <= MAX_ANSWER_BYTES:
        piece = await content.read(MAX_ANSWER_BYTES + 1 - len(data))
        if not piece:
            break
        data += piece
    return data


def ask(request: HttpRequest, provider: CallProvider) -> HttpResponse:
    """The answer to a question (lookup, poll, hang-up); raises Unreachable when none came."""
    try:
        if provider.transport is not None:
            return provider.transport.answer(request)
        with deadline(request.deadline):
            return _ask_by_http(request)
    except (
        LostError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        ValueError,
    ) as error:
        raise Unreachable(sentence(error)) from error


def _ask_by_http(request: HttpRequest) -> HttpResponse:
    headers = {**request.headers, **HEADERS}
    prepared = requests.Request(request.method, request.url, headers, data=request.body).prepare()
    # The adapter alone, no Session: redirects, cookies, proxies and .netrc are the Session's.
    answer = adapter(os.getpid()).send(
        prepared, stream=True, timeout=(min(CONNECT_SECONDS, request.deadline), request.deadline)
    )
    try:
        body = answer.raw.read(MAX_ANSWER_BYTES + 1, decode_content=False)
    finally:
        answer.close()
    named = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(answer.status_code, named, body)
