"""The way to the call service and back: the only room with sockets to it.

A request that may have left is never sent again here. So there are no retries, no redirects, no
proxies, no `.netrc` and no cookies; the whole exchange ends at the request's deadline; at most
64 KiB of an answer are read, as they come, never unpacked.

`DialClient` (asyncio, hundreds at once) places calls. `ask` (blocking) puts questions, which may
be put again.
"""

import asyncio
import os
from collections.abc import Callable

import requests
import urllib3

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
from executions.providers.deadline import deadline
from executions.providers.deadline_adapter import adapter, tls_context
from executions.providers.failures import sentence
from executions.providers.wire import Connection, Place, address_of, connected, encoded

CONNECT_SECONDS = 3.0
#: Many services close an idle connection after some seconds. The shorter we keep ours, the rarer
#: does a request leave towards a connection that is just being closed, which makes it unknown.
KEEP_ALIVE_SECONDS = 15.0
#: connections being made at once: where answers come quickly, a few of them serve all calls
MOST_CONNECTING = 16
#: more than a worker child ever has in flight, so that no call waits for a connection
MAX_CONNECTIONS = 600
#: on every request; an answer comes unpacked, so that its size is the size we read
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "scheduled-calls/1"}

Guard = Callable[[], None]
"""Asked just before the bytes leave; raises NotSentError when they may not."""


class DialClient:
    """Sends requests that place a call, each at most once. Belongs to one event loop."""

    def __init__(self, connections: int = MAX_CONNECTIONS) -> None:
        self._room = asyncio.Semaphore(connections)
        self._connecting = asyncio.Semaphore(MOST_CONNECTING)
        self._tls = tls_context()
        self._kept: dict[Place, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def send(
        self, provider: CallProvider, request: HttpRequest, guard: Guard
    ) -> HttpResponse:
        """The answer to `request`; `guard` speaks last before it leaves.

        Raises NotSentError when nothing left: then nothing of it will leave later either. Raises
        LostError when it may have left, also when this task is cancelled: whoever cancels has to
        learn which of the two it is, so no CancelledError comes out.
        """
        if provider.transport is not None:
            guard()
            return provider.transport.answer(request)
        until = asyncio.get_running_loop().time() + request.deadline
        try:
            async with asyncio.timeout_at(until if self._room.locked() else None):
                await self._room.acquire()
            try:
                return await self._send(request, guard, until)
            finally:
                self._room.release()
        except TransportError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            raise NotSentError(sentence(error)) from error

    async def close(self) -> None:
        """Closes the kept connections."""
        for kept in self._kept.values():
            for connection in kept:
                connection.close()
        self._kept.clear()
        if self._sweep is not None:
            self._sweep.cancel()

    async def _send(self, request: HttpRequest, guard: Guard, until: float) -> HttpResponse:
        """As `send`; whatever it raises except LostError means that nothing has left."""
        place, *_ = address_of(request.url)
        data = encoded(request, HEADERS)
        connection = self._take(place) or await self._next(place, until)
        try:
            answer = connection.send(data, guard)
        except BaseException:
            self._keep(place, connection)
            raise
        return await self._answer(place, connection, answer, until)

    async def _answer(
        self,
        place: Place,
        connection: Connection,
        answer: "asyncio.Future[HttpResponse]",
        until: float,
    ) -> HttpResponse:
        timer = asyncio.get_running_loop().call_at(until, connection.time_out)
        try:
            return await answer
        except (Exception, asyncio.CancelledError) as error:
            connection.close()
            raise LostError(sentence(error)) from error
        finally:
            timer.cancel()
            self._keep(place, connection)

    async def _next(self, place: Place, until: float) -> Connection:
        """A connection that has come free meanwhile, or a new one when its turn has come."""
        async with asyncio.timeout_at(until):
            await self._connecting.acquire()
        try:
            return self._take(place) or await self._connect(place, until)
        finally:
            self._connecting.release()

    async def _connect(self, place: Place, until: float) -> Connection:
        now = asyncio.get_running_loop().time()
        async with asyncio.timeout_at(min(until, now + CONNECT_SECONDS)):
            connection = await connected(place, self._tls)
        if not connection.is_open():
            connection.close()
            raise NotSentError("The call service closed the connection before the request.")
        return connection

    def _take(self, place: Place) -> Connection | None:
        """A kept connection that is still open, the one used last; closes those that are not."""
        kept = self._kept.get(place, [])
        fresh = asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while kept:
            connection = kept.pop()
            if connection.used_at > fresh and connection.is_open():
                return connection
            connection.close()
        return None

    def _keep(self, place: Place, connection: Connection) -> None:
        if connection.closed:
            return
        loop = asyncio.get_running_loop()
        connection.used_at = loop.time()
        self._kept.setdefault(place, []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._close_old)

    def _close_old(self) -> None:
        """Closes what has been idle for long; comes again while anything is kept."""
        loop = asyncio.get_running_loop()
        fresh = loop.time() - KEEP_ALIVE_SECONDS
        for place, kept in list(self._kept.items()):
            for connection in kept:
                if connection.used_at <= fresh:
                    connection.close()
            self._kept[place] = [one for one in kept if not one.closed]
        self._sweep = None
        if any(self._kept.values()):
            self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._close_old)


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
