"""The message leaves: the only file that sends to a customer's URL, through the guard's sockets.

What is promised, each time:

1. A connection is made to a checked address only (`guard.py`); TLS and `Host` name the name.
2. No redirect is followed; no proxy, `.netrc` or cookie is used; nothing is sent a second time.
3. All of it, slow drips included, ends 15 s after it began.
4. At most 64 KiB of the answer are read, as they come, never unpacked.
"""

import asyncio
import io
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import aiohttp
import certifi
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesIOPayload
from yarl import URL

from scheduler_project.addresses import Network
from scheduler_project.webhook_url import check_webhook_url
from webhooks.answers import Answer, from_exception, from_response
from webhooks.guard import Guard, Resolve, resolve_by_dns

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0
READ_BYTES = 64 * 1024
#: an idle connection is kept so long, and for so many hosts: each is an open file
KEEP_ALIVE_SECONDS = 15.0
KEPT_HOSTS = 128
HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "scheduled-calls-webhooks/1",
}
# The whole is bounded in `send`; aiohttp would round its own total up to the next second.
_LIMITS = aiohttp.ClientTimeout(
    total=None, sock_connect=CONNECT_SECONDS, ceil_threshold=float("inf")
)


class Rules(Protocol):
    """What the sender must know of settings.SCHEDULER."""

    @property
    def webhook_allow_http(self) -> bool:
        """Whether plain http is good enough."""

    @property
    def webhook_allowed_nets(self) -> Sequence[Network]:
        """Networks that are let through on any port."""


class Sender:
    """Sends signed messages, many side by side. Belongs to the event loop that sends first."""

    def __init__(
        self, rules: Rules, resolve: Resolve | None = None, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        self._rules, self._total_seconds = rules, total_seconds
        self._resolve = resolve or resolve_by_dns
        self._sessions: dict[tuple[str, bool], aiohttp.ClientSession] = {}
        self._used_at: dict[str, float] = {}

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Posts `body` to `url` once. Never raises for what the URL or the other side does."""
        try:
            checked = check_webhook_url(
                url,
                allow_http=self._rules.webhook_allow_http,
                allowed_nets=self._rules.webhook_allowed_nets,
            )
        except ValueError as error:
            return Answer(error=f"Not sent: {error}", final=True)
        until = asyncio.get_running_loop().time() + self._total_seconds
        message = Body(io.BytesIO(body), content_type=HEADERS["Content-Type"])
        try:
            async with asyncio.timeout_at(until):
                response = await self._post(checked, headers, message)
            read, timed_out = await _read(response.content, until)
        except (aiohttp.ClientError, OSError) as error:
            message.cut_off()
            return from_exception(error)
        if not response.content.at_eof():
            message.cut_off()
            response.close()
        retry_after = response.headers.get("Retry-After", "")
        return from_response(response.status, retry_after, read, timed_out)

    async def close(self) -> None:
        """Closes idle connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _post(
        self, url: str, headers: Mapping[str, str], message: "Body"
    ) -> aiohttp.ClientResponse:
        # `encoded`: the URL is sent as it was checked.
        target = URL(url, encoded=True)
        session = self._session(target.scheme, self._is_kept(target.raw_authority))
        return await session.post(
            target,
            data=message,
            headers={**HEADERS, **headers},
            allow_redirects=False,
        )

    def _is_kept(self, host: str) -> bool:
        """Whether this host's connection is kept for the next message: so many hosts' are."""
        now = time.monotonic()
        if self._used_at.pop(host, None) is None:
            while self._used_at and (oldest := next(iter(self._used_at))):
                if now - self._used_at[oldest] < 2 * KEEP_ALIVE_SECONDS:
                    break
                del self._used_at[oldest]
            if len(self._used_at) >= KEPT_HOSTS:
                return False
        self._used_at[host] = now
        return True

    def _session(self, scheme: str, kept: bool) -> aiohttp.ClientSession:
        if (scheme, kept) not in self._sessions:
            self._sessions[scheme, kept] = self._open_session(scheme, kept)
        return self._sessions[scheme, kept]

    def _open_session(self, scheme: str, kept: bool) -> aiohttp.ClientSession:
        guard = Guard(scheme, self._rules.webhook_allowed_nets, self._resolve)
        connector = aiohttp.TCPConnector(
            resolver=guard,
            socket_factory=guard.open_socket,
            # Each new connection asks for its name's addresses again.
            use_dns_cache=False,
            ssl=_tls_context() if scheme == "https" else True,
            # The lanes bound how many there are; waiting here would use up a message's time.
            limit=0,
            force_close=not kept,
            keepalive_timeout=KEEP_ALIVE_SECONDS if kept else None,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_LIMITS,
            trust_env=False,
            auto_decompress=False,
        )


class Body(BytesIOPayload):
    """A message's body, which leaves in pieces, and the connection that it left by."""

    _left_by: asyncio.Transport | None = None

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        self._left_by = getattr(writer, "transport", None)
        await super().write_with_length(writer, content_length)

    def cut_off(self) -> None:
        """Ends the connection at once; closing it would wait for a receiver that does not read."""
        if self._left_by is not None:
            self._left_by.abort()


async def _read(content: aiohttp.StreamReader, until: float) -> tuple[bytes, bool]:
    """The body's first 64 KiB, and whether the time was over before it was read."""
    data = b""
    try:
        async with asyncio.timeout_at(until):
            while len(data) < READ_BYTES:
                piece = await content.read(READ_BYTES - len(data))
                if not piece:
                    break
                data += piece
    except TimeoutError:
        return data, True
    except (aiohttp.ClientError, OSError):
        # The status has been read, and it alone decides; what came of the body is kept.
        return data, False
    return data, False


def _tls_context() -> ssl.SSLContext:
    """TLS with names checked; roots of certifi and of the system (for a private authority)."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
