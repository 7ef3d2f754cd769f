"""Is this URL one that a webhook may be sent to? Looks at its shape only and asks no DNS; pure.

The addresses behind a name are looked at when the webhook is sent, each time again.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

import idna

from scheduler_project.addresses import Network, is_allowed, parse_address, refusal

MAX_LENGTH = 2048
HTTPS_PORTS = frozenset({443, 8443})
HTTP_PORTS = HTTPS_PORTS | {80}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
#: a last label like this makes resolvers read the whole name as a number: `0x7f.1`, `2130706433`
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


def check_webhook_url(url: str, *, allow_http: bool, allowed_nets: Sequence[Network]) -> str:
    """The URL in its normal form: host in lower case and ASCII, the rest in ASCII, no fragment.

    Raises ValueError with a sentence that says what would be right: for other schemes than https
    (and http, if `allow_http`), ports other than 443 and 8443 (and 80 for http), user names,
    addresses inside denied networks. Addresses in `allowed_nets` may use any port; so may names
    while there are such networks, because only the sender learns the address behind a name.
    """
    parts = _split(url)
    scheme = _scheme(parts, allow_http)
    host = _host(parts)
    port = _port(parts)
    _check_place(scheme, host, port, allowed_nets)
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != default_port(scheme):
        authority += f":{port}"
    path = quote(parts.path, safe=_PATH_SAFE)
    query = "?" + quote(parts.query, safe=_PATH_SAFE + "?") if parts.query else ""
    normal = f"{scheme}://{authority}{path}{query}"
    if len(normal) > MAX_LENGTH:
        raise ValueError(f"A webhook URL has at most {MAX_LENGTH} characters.")
    return normal


def default_port(scheme: str) -> int:
    """The port of a URL that names none."""
    return 443 if scheme == "https" else 80


def port_is_usual(scheme: str, port: int) -> bool:
    """Whether `port` is one that any public address may be reached on."""
    return port in (HTTPS_PORTS if scheme == "https" else HTTP_PORTS)


def _split(url: str) -> SplitResult:
    if len(url) > MAX_LENGTH:
        raise ValueError(f"A webhook URL has at most {MAX_LENGTH} characters.")
    if any(ch.isspace() or not ch.isprintable() or ch == "\\" for ch in url):
        raise ValueError("A webhook URL has no spaces, backslashes or control characters.")
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(
            "This is no URL; write it like https://example.com/webhooks/calls."
        ) from None


def _scheme(parts: SplitResult, allow_http: bool) -> str:
    if parts.scheme == "https" or (parts.scheme == "http" and allow_http):
        return parts.scheme
    raise ValueError(
        "A webhook URL begins with https://."
        if not allow_http
        else "A webhook URL begins with https:// or http://."
    )


def _host(parts: SplitResult) -> str:
    if "@" in parts.netloc:
        raise ValueError(
            "A webhook URL holds no user name or password; the signature proves who sends."
        )
    name = parts.hostname or ""
    if "[" in parts.netloc:
        return _literal_v6(name)
    return _name(name)


def _literal_v6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise ValueError("The address in brackets is no IPv6 address without a zone.")
    return address.compressed


def _name(name: str) -> str:
    try:
        ascii_name = name if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        ascii_name = ""
    labels = ascii_name.lower().removesuffix(".").split(".")
    if len(ascii_name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("A webhook URL names a host, like https://example.com/webhooks/calls.")
    host = ".".join(labels)
    if _NUMBER.fullmatch(labels[-1]) and parse_address(host) is None:
        raise ValueError("A numeric host is written as four numbers, like 192.0.2.1.")
    return host


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("The port of a webhook URL is a number from 1 to 65535.")
    return port


def _check_place(scheme: str, host: str, port: int | None, allowed_nets: Sequence[Network]) -> None:
    # RFC 6761 section 6.3: these names are always the machine itself.
    local = host == "localhost" or host.endswith(".localhost")
    address = parse_address("127.0.0.1" if local else host)
    if address is not None and is_allowed(address, allowed_nets):
        return
    kind = refusal(address) if address is not None else None
    if kind is not None:
        raise ValueError(
            f"{host} is {kind}; a webhook goes to a public address. "
            "(The operator can let networks through in SCHEDULER_WEBHOOK_ALLOWED_NETS.)"
        )
    any_port = address is None and bool(allowed_nets)
    if not any_port and not port_is_usual(scheme, port or default_port(scheme)):
        raise ValueError("A webhook URL uses port 443 or 8443.")
