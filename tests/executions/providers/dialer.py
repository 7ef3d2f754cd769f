"""Dials a call service in tests: a client, the adapter it dials with, and an event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from executions.providers.base import (
    CallProvider,
    HttpRequest,
    HttpResponse,
    NotSentError,
    TransportError,
)
from executions.providers.dial_client import DialClient, Guard, Result
from tests.executions.providers.call_service import CallService, Reply, call_service
from tests.executions.providers.make import a_call, a_service

REFUSED = "my session is lost"


def allow() -> None:
    """A guard that lets all pass."""


def forbid() -> None:
    """A guard that lets nothing pass."""
    raise NotSentError(REFUSED)


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Runs a story in an event loop of its own, 20 s at most."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


@asynccontextmanager
async def dialing(reply: Reply) -> AsyncIterator[tuple[CallService, "Dialer"]]:
    """A service that replies so, and a client that dials it."""
    async with call_service(reply) as service:
        dialer = Dialer(a_service(service.url, deadline=5.0))
        try:
            yield service, dialer
        finally:
            await dialer.client.close()


async def send(
    client: DialClient, provider: CallProvider, request: HttpRequest, guard: Guard
) -> HttpResponse:
    """`begin`, awaited; raises what it tells of, also when this task is cancelled."""
    told: list[Result] = []
    heard = asyncio.Event()

    def done(result: Result) -> None:
        told.append(result)
        heard.set()

    dial = client.begin(provider, request, guard, done)
    try:
        await heard.wait()
    except asyncio.CancelledError as error:
        if dial is not None and not told:
            client._end(dial, error)
    if isinstance(told[0], TransportError):
        raise told[0]
    return told[0]


class Dialer:
    """A client and the adapter that it dials with."""

    def __init__(self, provider: CallProvider) -> None:
        self.provider, self.client = provider, DialClient()

    async def dial(self, guard: Guard = allow, deadline: float = 5.0) -> HttpResponse:
        """Places one call."""
        provider: Any = self.provider
        if provider.transport is None:
            provider = a_service(provider.url, deadline=deadline)
        return await send(self.client, provider, provider.request(a_call()), guard)

    async def fails(self, **how: Any) -> tuple[TransportError, float]:
        """Places one call that fails; the failure, and how long it took."""
        started = time.monotonic()
        with pytest.raises(TransportError) as caught:
            await self.dial(**how)
        return caught.value, time.monotonic() - started
