"""The message leaves: the only file that opens a socket to a customer's URL, and the guard there.

What the guard promises, each time a connection is opened:

1. The name is resolved once, every address it has is checked, and the connection goes to a checked
   one; TLS and `Host` go on naming the name. A name that changes its address gains nothing.
2. No redirect is followed; no proxy, `.netrc` or cookie is used.
3. All of it, DNS and slow drips included, ends 15 s after it began.
4. At most 64 KiB of the answer are read, as they come, never unpacked.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter

from scheduler_project.addresses import Address, Network, is_allowed, parse_address, refusal
from scheduler_project.webhook_url import check_webhook_url, port_is_usual
from webhooks.deadline import DeadlineSocket, DeadlineTLSSocket, deadline

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0
READ_BYTES = 64 * 1024
EXCERPT_BYTES = 1024
#: every connection stays with the lane that uses it; more than this many idle ones are closed
POOLED_ENDPOINTS = 256

Resolve = Callable[[str, int], Sequence[str]]
"""A host and a port to the addresses behind the host, as text. Raises OSError when there are none."""


class SenderSettings(Protocol):
    """What the sender must know of settings.SCHEDULER."""

    @property
    def webhook_allow_http(self) -> bool: ...
    @property
    def webhook_allowed_nets(self) -> Sequence[Network]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try. `error` is the operator's sentence, empty for a 2xx."""

    duration_ms: int
    status_code: int | None = None
    error: str = ""
    excerpt: str = ""
    #: seconds or an HTTP date, as the endpoint wrote it
    retry_after: str = ""
    #: another try is of no use: 410, or a URL that may never be used
    final: bool = False
    #: the endpoint kept us waiting until the time was over
    timed_out: bool = False


class Refused(OSError):
    """The guard does not let this connection through; the text is the operator's sentence."""


class Sender:
    """Sends signed messages; may be shared by threads. Settings are read when it is made."""

    def __init__(self, rules: SenderSettings, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._adapter = _GuardedAdapter(rules.webhook_allowed_nets, resolve or resolve_by_dns)

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Posts `body` to `url` once. Never raises for what the URL or the other side does."""
        started = time.monotonic()
        outcome = self._outcome(url, headers, body)
        outcome["duration_ms"] = round((time.monotonic() - started) * 1000)
        return Answer(**outcome)

    def close(self) -> None:
        """Closes idle connections."""
        self._adapter.close()

    def _outcome(self, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        try:
            checked = check_webhook_url(
                url,
                allow_http=self._rules.webhook_allow_http,
                allowed_nets=self._rules.webhook_allowed_nets,
            )
        except ValueError as error:
            return {"error": f"Not sent: {error}", "final": True}
        with deadline(TOTAL_SECONDS):
            try:
                return self._post(checked, headers, body)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                return _failure(error)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        request = requests.Request(
            "POST",
            url,
            data=body,
            headers={
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "scheduled-calls-webhooks/1",
                **headers,
            },
        ).prepare()
        # The adapter alone, no Session: redirects, cookies, proxies and .netrc are the Session's.
        response = self._adapter.send(
            request, stream=True, timeout=(CONNECT_SECONDS, TOTAL_SECONDS), verify=True
        )
        try:
            return _read(response)
        finally:
            response.close()


def resolve_by_dns(host: str, port: int) -> list[str]:
    """The addresses of `host` by the system's resolver; raises OSError, TimeoutError after 3 s."""
    # The system's resolver cannot be interrupted; its thread is left behind, ours goes on.
    asked = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return [str(found[4][0]) for found in asked.result(timeout=CONNECT_SECONDS)]


def _failure(error: Exception) -> dict[str, Any]:
    """One sentence for what went wrong below HTTP. Never the library's text: it may hold the URL."""
    chain = list(_causes(error))
    if refused := next((one for one in chain if isinstance(one, Refused)), None):
        return {"error": str(refused)}
    for kinds, sentence in _SENTENCES:
        if any(isinstance(one, kinds) for one in chain):
            return {"error": sentence, "timed_out": "in time" in sentence}
    return {"error": "The connection broke before an answer came."}


_SENTENCES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "The host name was not found in DNS."),
    ((ssl.SSLCertVerificationError,), "The TLS certificate is not valid for this host."),
    ((ssl.SSLError,), "The TLS handshake failed."),
    ((ConnectionRefusedError,), "The connection was refused."),
    (
        (TimeoutError, urllib3.exceptions.TimeoutError),
        f"The endpoint did not answer in time ({CONNECT_SECONDS:.0f} s to connect, "
        f"{TOTAL_SECONDS:.0f} s in all).",
    ),
    (
        (urllib3.exceptions.ProtocolError, requests.exceptions.InvalidHeader),
        "The endpoint broke the connection or answered something that is not HTTP.",
    ),
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it was raised from or carries, outermost first."""
    found: list[BaseException] = []
    todo: list[BaseException | object] = [error]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def _read(response: requests.Response) -> dict[str, Any]:
    """What the answer means; its body is only an excerpt for people, so a broken one is no error."""
    code = response.status_code
    excerpt, slow = _read_body(response.raw)
    outcome: dict[str, Any] = {"status_code": code, "excerpt": excerpt}
    if slow:
        # Without a whole answer nobody knows what the endpoint did; it is told again.
        return outcome | {"error": _SENTENCES[4][1], "timed_out": True}
    if 200 <= code < 300:
        return outcome
    outcome["retry_after"] = response.headers.get("Retry-After", "")
    if 300 <= code < 400:
        error = f"The endpoint answered {code}, a redirect; give the final URL, none is followed."
    elif code == 410:
        error, outcome["final"] = "The endpoint answered 410: it is gone for good.", True
    else:
        error = f"The endpoint answered {code}."
    return outcome | {"error": error}


def _read_body(raw: Any) -> tuple[str, bool]:
    """The excerpt, and whether the time was over before the body was."""
    data = b""
    try:
        while len(data) < READ_BYTES:
            piece = raw.read(READ_BYTES - len(data), decode_content=False)
            if not piece:
                break
            data += piece
    except (TimeoutError, urllib3.exceptions.TimeoutError):
        return _text(data), True
    except (urllib3.exceptions.HTTPError, OSError):
        return _text(data), False
    return _text(data), False


def _text(data: bytes) -> str:
    # PostgreSQL keeps no NUL in text; a character cut in half at the end becomes U+FFFD and is cut.
    text = data[:EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text.encode()[:EXCERPT_BYTES].decode("utf-8", "ignore")


class _GuardedAdapter(HTTPAdapter):
    """An adapter of `requests` whose every new connection passes the guard."""

    def __init__(self, allowed_nets: Sequence[Network], resolve: Resolve) -> None:
        self._allowed_nets, self._resolve = allowed_nets, resolve
        super().__init__(pool_connections=POOLED_ENDPOINTS, pool_maxsize=2, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=_tls_context(), **kwargs)  # type: ignore[no-untyped-call]
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
        addresses = [
            self._checked(scheme, host, port, text) for text in self._addresses(host, port)
        ]
        return _connect(addresses, port)

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        if parse_address(host) is not None:
            return [host]
        found = self._resolve(host, port)
        if not found:
            raise socket.gaierror("no address")
        return found

    def _checked(self, scheme: str, host: str, port: int, text: str) -> Address:
        address = parse_address(text)
        kind = "no address" if address is None else refusal(address, self._allowed_nets)
        if address is None or kind is not None:
            raise Refused(
                f"Not sent: {host} leads to {text}, which is {kind}; webhooks go to public "
                "addresses. (The operator can let networks through in "
                "SCHEDULER_WEBHOOK_ALLOWED_NETS.)"
            )
        if not is_allowed(address, self._allowed_nets) and not port_is_usual(scheme, port):
            raise Refused(f"Not sent: port {port} is not one for webhooks; use 443 or 8443.")
        return address


def _connect(addresses: Sequence[Address], port: int) -> socket.socket:
    """A socket to the first of the checked addresses that takes the connection."""
    until = time.monotonic() + CONNECT_SECONDS
    last: OSError = socket.gaierror("no address")
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = DeadlineSocket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max(until - time.monotonic(), 0.001))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect((str(address), port))
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    raise last


def _tls_context() -> ssl.SSLContext:
    """TLS 1.2 and up, names checked; roots of certifi and of the system (for a private authority)."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.sslsocket_class = DeadlineTLSSocket
    return context


_resolvers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")
