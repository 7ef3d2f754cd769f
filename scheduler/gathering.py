"""Calls that are scheduled at the same time are stored together, few transactions for many calls.

`asyncio.gather` over ten thousand `schedule_call`s starts them all before the first one is done.
Each leaves what it wants here and waits; one task takes what has gathered, has it stored in one go
by the thread that does all database work, and answers each waiter. Nobody waits for company: a
single call is stored at once, and what comes meanwhile is the next lot.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync

W = TypeVar("W")
A = TypeVar("A")
#: calls that one transaction takes; more would save little and hold the answers back
MOST_AT_ONCE = 2_000


class Gathering(Generic[W, A]):
    """Turns many `await ask(wanted)` into few `store([wanted, ...])`.

    `store` answers each of what it is given, in that order, with an answer or with the exception
    that its own waiter is to see; what it raises, all of that lot's waiters see. Works in any
    number of event loops and threads: each loop's calls gather by themselves.
    """

    def __init__(self, store: Callable[[Sequence[W]], Awaitable[Sequence[A | Exception]]]) -> None:
        self._store = store
        self._lots: WeakKeyDictionary[object, _Lot[W, A]] = WeakKeyDictionary()

    async def ask(self, wanted: W) -> A:
        """The answer to this one alone; cancelling it leaves the others as they are."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        lot = self._lot(loop)
        lot.waiting.append((wanted, answer))
        if lot.task is None:
            lot.task = loop.create_task(self._serve(lot))
        return await answer

    def _lot(self, loop: asyncio.AbstractEventLoop) -> "_Lot[W, A]":
        # A web server may give each request a thread of its own (asgiref's ThreadSensitiveContext)
        # that ends with it: the calls of one must not be left to another's.
        place: object = SyncToAsync.thread_sensitive_context.get(None) or loop
        return self._lots.setdefault(place, _Lot())

    async def _serve(self, lot: "_Lot[W, A]") -> None:
        try:
            while lot.waiting:
                if taken := _take(lot.waiting):
                    await self._serve_some(taken)
        finally:
            lot.task = None

    async def _serve_some(self, taken: Sequence[tuple[W, asyncio.Future[A]]]) -> None:
        answers: Sequence[A | Exception]
        try:
            answers = await self._store([wanted for wanted, _ in taken])
        except Exception as error:
            answers = [error] * len(taken)
        except BaseException:  # the loop ends, or the program does
            for _, waiter in taken:
                waiter.cancel()
            raise
        for (_, waiter), answer in zip(taken, answers, strict=True):
            _give(waiter, answer)


class _Lot(Generic[W, A]):
    """What waits in one event loop, and the task that sees to it while there is something."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[W, asyncio.Future[A]]] = deque()
        self.task: asyncio.Task[None] | None = None


def _take(waiting: deque[tuple[W, asyncio.Future[A]]]) -> list[tuple[W, asyncio.Future[A]]]:
    """Up to so many of those that still wait, in the order in which they came."""
    first = [waiting.popleft() for _ in range(min(len(waiting), MOST_AT_ONCE))]
    return [one for one in first if not one[1].cancelled()]


def _give(waiter: "asyncio.Future[A]", answer: "A | Exception") -> None:
    if waiter.done():  # its caller was cancelled meanwhile
        return
    if isinstance(answer, Exception):
        waiter.set_exception(answer)
    else:
        waiter.set_result(answer)
