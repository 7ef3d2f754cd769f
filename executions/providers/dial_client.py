"""Requests that place calls go out, hundreds at once, each at most once, on connections kept open.

A request that may have left is never sent again here: no retries, no redirects, no proxies, no
cookies; the whole exchange ends at the request's deadline. No task waits for an answer: the
connection that hears it says so, and takes the next request that waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from executions.providers.base import (
    CallProvider,
    HttpRequest,
    HttpResponse,
    LostError,
    NotSentError,
    TransportError,
)
from executions.providers.deadline_adapter import tls_context
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
Result = HttpResponse | TransportError
"""An answer; NotSentError when nothing left and nothing will; LostError when it may have left."""


@dataclass(slots=True, eq=False)
class Dial:
    """One request: it waits for a connection, then for its answer; then `done` is told, once."""

    data: bytes
    guard: Guard
    done: Callable[[Result], None]
    #: when it must be over, by the loop's clock
    until: float
    #: on which it has left
    connection: Connection | None = None
    over: bool = False


@dataclass(slots=True)
class _Line:
    """What goes to one place: connections that are free, requests that wait for one."""

    place: Place
    kept: list[Connection] = field(default_factory=list)
    waiting: deque[Dial] = field(default_factory=deque)
    connecting: int = 0


class DialClient:
    """Sends requests that place a call, each at most once. Belongs to one event loop."""

    def __init__(self, connections: int = MAX_CONNECTIONS) -> None:
        self._most = connections
        #: connections that wait for an answer
        self._busy = 0
        self._tls = tls_context()
        self._lines: dict[Place, _Line] = {}
        self._makers: set[asyncio.Task[None]] = set()
        self._closed = False
        self._sweep: asyncio.TimerHandle | None = None
        #: the requests with one deadline (seconds), oldest first, which is the order they end in
        self._deadlines: dict[float, deque[Dial]] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}

    def begin(
        self,
        provider: CallProvider,
        request: HttpRequest,
        guard: Guard,
        done: Callable[[Result], None],
    ) -> Dial | None:
        """Sends `request` as soon as there is a connection; `guard` speaks last before it leaves.

        `done` is told the end of it once, perhaps before this returns; it must not raise. What
        was told to be not sent will not leave later either. None when it is over already.
        """
        if provider.transport is not None:
            done(_answer_of(provider, request, guard))
            return None
        until = asyncio.get_running_loop().time() + request.deadline
        try:
            place, *_ = address_of(request.url)
            dial = Dial(encoded(request, HEADERS), guard, done, until)
        except Exception as error:  # an address or a header that is none
            done(_not_sent(error))
            return None
        self._watch(dial, request.deadline)
        line = self._lines.get(place) or self._lines.setdefault(place, _Line(place))
        line.waiting.append(dial)
        self._go_on(line)
        return dial

    async def close(self) -> None:
        """Closes the connections, the busy ones when they are done; what waits is not sent."""
        self._closed = True
        for maker in self._makers:
            maker.cancel()
        for line in self._lines.values():
            for dial in list(line.waiting):
                self._end(dial, ConnectionError())
            for connection in line.kept:
                connection.close()
            line.kept.clear()
        if self._sweep is not None:
            self._sweep.cancel()

    def _go_on(self, line: _Line) -> None:
        """Sends what waits for as long as there are free connections, then has more made."""
        while line.waiting and self._busy < self._most and (free := self._take(line)):
            self._leave(line, line.waiting.popleft(), free)
        while (
            line.connecting < min(len(line.waiting), MOST_CONNECTING)
            and self._busy + line.connecting < self._most
        ):
            line.connecting += 1
            maker = asyncio.get_running_loop().create_task(self._connect(line))
            self._makers.add(maker)
            maker.add_done_callback(self._makers.discard)

    def _leave(self, line: _Line, dial: Dial, connection: Connection) -> None:
        """Sends it, if its guard lets it: when the guard raises, nothing has left."""
        dial.connection = connection
        self._busy += 1
        try:
            connection.send(dial.data, dial.guard, partial(self._hear, line, dial, connection))
        except BaseException as error:
            self._busy -= 1
            self._keep(line, connection)
            self._tell(dial, error if isinstance(error, TransportError) else _not_sent(error))

    def _hear(
        self,
        line: _Line,
        dial: Dial,
        connection: Connection,
        answer: HttpResponse | BaseException,
    ) -> None:
        self._busy -= 1
        self._keep(line, connection)
        if isinstance(answer, BaseException):
            lost = LostError(sentence(answer))
            lost.__cause__ = answer
            self._tell(dial, lost)
        else:
            self._tell(dial, answer)
        if self._busy + 1 < self._most:
            self._go_on(line)
        else:  # all connections were busy: whoever goes elsewhere may have waited, too
            for other in list(self._lines.values()):
                self._go_on(other)

    def _end(self, dial: Dial, error: BaseException) -> None:
        """Its deadline has come, or it is called off."""
        if dial.connection is not None:
            dial.connection.fail(error)
            return
        for line in self._lines.values():
            if dial in line.waiting:
                line.waiting.remove(dial)
        self._tell(dial, _not_sent(error))

    def _tell(self, dial: Dial, result: Result) -> None:
        if dial.over:
            return  # the first word counts: what may have left is never told to be not sent
        dial.over, dial.data = True, b""
        dial.done(result)

    def _watch(self, dial: Dial, deadline: float) -> None:
        """Sees to it that it ends in time: one timer for all with the same deadline."""
        line = self._deadlines.setdefault(deadline, deque())
        while line and line[0].over:
            line.popleft()
        line.append(dial)
        if deadline not in self._timers:
            self._time(deadline, dial.until)

    def _time(self, deadline: float, at: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[deadline] = loop.call_at(at, self._end_late_ones, deadline)

    def _end_late_ones(self, deadline: float) -> None:
        line, now = self._deadlines[deadline], asyncio.get_running_loop().time()
        while line and (line[0].over or line[0].until <= now):
            dial = line.popleft()
            if not dial.over:
                self._end(dial, TimeoutError())
        del self._timers[deadline]
        if line:
            self._time(deadline, line[0].until)

    async def _connect(self, line: _Line) -> None:
        """Makes one connection; when that fails, one of those that wait for it is not sent."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await connected(line.place, self._tls)
            if not connection.is_open():
                connection.close()
                raise NotSentError("The call service closed the connection before the request.")
        except (Exception, asyncio.CancelledError) as error:
            line.connecting -= 1
            if line.waiting:
                self._tell(line.waiting.popleft(), _not_sent(error))
        else:
            line.connecting -= 1
            self._keep(line, connection)
        self._go_on(line)

    def _take(self, line: _Line) -> Connection | None:
        """A kept connection that is still open, the one used last; closes those that are not."""
        fresh = asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while line.kept:
            connection = line.kept.pop()
            if connection.used_at > fresh and connection.is_open():
                return connection
            connection.close()
        return None

    def _keep(self, line: _Line, connection: Connection) -> None:
        if connection.closed:
            return
        if self._closed:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.used_at = loop.time()
        line.kept.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._close_old)

    def _close_old(self) -> None:
        """Closes what has been idle for long; comes again while anything is kept."""
        loop = asyncio.get_running_loop()
        fresh = loop.time() - KEEP_ALIVE_SECONDS
        for line in self._lines.values():
            for connection in line.kept:
                if connection.used_at <= fresh:
                    connection.close()
            line.kept = [one for one in line.kept if not one.closed]
        self._sweep = None
        if any(line.kept for line in self._lines.values()):
            self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._close_old)


def _answer_of(provider: CallProvider, request: HttpRequest, guard: Guard) -> Result:
    """The answer of a service that is not behind a socket."""
    try:
        guard()
    except Exception as error:
        return error if isinstance(error, TransportError) else _not_sent(error)
    try:
        assert provider.transport is not None  # noqa: S101  the caller has looked
        return provider.transport.answer(request)
    except TransportError as error:
        return error
    except Exception as error:
        return LostError(sentence(error))


def _not_sent(error: BaseException) -> NotSentError:
    if isinstance(error, NotSentError):
        return error
    made = NotSentError(sentence(error))
    made.__cause__ = error
    return made
