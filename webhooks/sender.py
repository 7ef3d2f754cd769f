"""The message leaves: the only file that opens a socket to a customer's URL, and the guard there.

What the guard promises, each time a connection is opened:

1. The name is resolved once, every address it has is checked, and the connection goes to a checked
   one; TLS and `Host` go on naming the name. A name that changes its address gains nothing.
2. No redirect is followed; no proxy, `.netrc` or cookie is used.
3. All of it, slow drips included, ends 15 s after it began.
4. At most 64 KiB of the answer are read, as they come, never unpacked.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter

from scheduler_project.addresses import Address, Network, is_allowed, parse_address, refusal
from scheduler_project.webhook_url import check_webhook_url, port_is_usual
from webhooks.answers import Answer, Refused, from_exception, from_response
from webhooks.deadline import DeadlineSocket, DeadlineTLSSocket, deadline

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0
READ_BYTES = 64 * 1024
#: idle connections are kept for this many hosts, and this many for each
POOLED_HOSTS = 256
POOLED_PER_HOST = 16
HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "scheduled-calls-webhooks/1",
}

#: a host and a port to the addresses behind it, as text; raises OSError when there are none
Resolve = Callable[[str, int], Sequence[str]]


class Rules(Protocol):
    """What the sender must know of settings.SCHEDULER."""

    @property
    def webhook_allow_http(self) -> bool:
        """Whether plain http is good enough."""

    @property
    def webhook_allowed_nets(self) -> Sequence[Network]:
        """Networks that are let through on any port."""


class Sender:
    """Sends signed messages; may be shared by threads. `total_seconds` bounds each send."""

    def __init__(
        self, rules: Rules, resolve: Resolve | None = None, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        self._rules, self._total_seconds = rules, total_seconds
        self._adapter = _GuardedAdapter(rules.webhook_allowed_nets, resolve or resolve_by_dns)

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Posts `body` to `url` once. Never raises for what the URL or the other side does."""
        try:
            checked = check_webhook_url(
                url,
                allow_http=self._rules.webhook_allow_http,
                allowed_nets=self._rules.webhook_allowed_nets,
            )
        except ValueError as error:
            return Answer(error=f"Not sent: {error}", final=True)
        with deadline(self._total_seconds):
            try:
                return self._post(checked, headers, body)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                return from_exception(error)

    def close(self) -> None:
        """Closes idle connections."""
        self._adapter.close()

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        request = requests.Request("POST", url, headers={**HEADERS, **headers}, data=body).prepare()
        # The adapter alone, no Session: redirects, cookies, proxies and .netrc are the Session's.
        response = self._adapter.send(
            request, stream=True, timeout=(CONNECT_SECONDS, self._total_seconds), verify=True
        )
        try:
            read, timed_out = _read(response.raw)
            retry_after = response.headers.get("Retry-After", "")
            return from_response(response.status_code, retry_after, read, timed_out)
        finally:
            response.close()


def resolve_by_dns(host: str, port: int) -> list[str]:
    """The addresses of `host` by the system's resolver; raises OSError, TimeoutError after 3 s."""
    # The system's resolver cannot be interrupted; its thread is left behind, ours goes on.
    asked = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return [str(found[4][0]) for found in asked.result(timeout=CONNECT_SECONDS)]


_resolvers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")


def _read(raw: Any) -> tuple[bytes, bool]:
    """The body's first 64 KiB, and whether the time was over before it was read."""
    data = b""
    try:
        while len(data) < READ_BYTES:
            piece = raw.read1(READ_BYTES - len(data), decode_content=False)
            if not piece:
                break
            data += piece
    except (TimeoutError, urllib3.exceptions.TimeoutError):
        return data, True
    except (urllib3.exceptions.HTTPError, OSError):
        # The status has been read, and it alone decides; what came of the body is kept.
        return data, False
    return data, False


class _GuardedAdapter(HTTPAdapter):
    """An adapter of `requests` whose every new connection passes the guard."""

    def __init__(self, allowed_nets: Sequence[Network], resolve: Resolve) -> None:
        self._allowed_nets, self._resolve = allowed_nets, resolve
        super().__init__(POOLED_HOSTS, POOLED_PER_HOST, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Makes the pools of connections, with sockets that only the guard opens."""
        super().init_poolmanager(*args, ssl_context=_tls_context(), **kwargs)
        open_socket = self._open_socket

        class GuardedHTTPConnection(urllib3.connection.HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return open_socket("http", self.host, self.port)

        class GuardedHTTPSConnection(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return open_socket("https", self.host, self.port)

        class GuardedHTTPPool(urllib3.HTTPConnectionPool):
            ConnectionCls = GuardedHTTPConnection

        class GuardedHTTPSPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = GuardedHTTPSConnection

        self.poolmanager.pool_classes_by_scheme = {
            "http": GuardedHTTPPool,
            "https": GuardedHTTPSPool,
        }

    def _open_socket(self, scheme: str, host: str, port: int) -> socket.socket:
        found = [host] if parse_address(host) else self._resolve(host, port)
        return _connect([self._checked(scheme, host, port, text) for text in found], port)

    def _checked(self, scheme: str, host: str, port: int, text: str) -> Address:
        address = parse_address(text)
        kind = "no address" if address is None else refusal(address, self._allowed_nets)
        if address is None or kind is not None:
            raise Refused(
                f"Not sent: {host} leads to {text}, which is {kind}; a webhook goes to a public "
                "address. (The operator can let networks through in "
                "SCHEDULER_WEBHOOK_ALLOWED_NETS.)"
            )
        if not is_allowed(address, self._allowed_nets) and not port_is_usual(scheme, port):
            raise Refused(f"Not sent: port {port} is not for webhooks; use 443 or 8443.")
        return address


def _connect(addresses: Sequence[Address], port: int) -> socket.socket:
    """A socket to the first of the checked addresses that takes the connection, within 3 s."""
    until = time.monotonic() + CONNECT_SECONDS
    last: OSError = socket.gaierror("no address")
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = DeadlineSocket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(max(until - time.monotonic(), 0.001))
            sock.connect((str(address), port))
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    raise last


def _tls_context() -> ssl.SSLContext:
    """TLS with names checked; roots of certifi and of the system (for a private authority)."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.sslsocket_class = DeadlineTLSSocket
    return context
