"""Which web pages may call the API from a browser: what an origin looks like; pure.

A browser compares character by character with what it sends itself (RFC 6454, section 6.2): lower
case, no default port, nothing behind the port. An origin in any other form would never match.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def refusal(word: str) -> str | None:
    """Why `word` is no origin, with what would be right; None when it is one."""
    if word == "*":
        return "each page must be named; * is not taken"
    parts, port = _split(word)
    if parts is None or parts.scheme not in DEFAULT_PORTS:
        return "write http:// or https://, the host, and the port if it is not the usual one"
    if "@" in parts.netloc or not _is_host(parts.hostname or ""):
        return "write one host, as the browser sends it: no name and password, no wildcard, ASCII"
    usual = port in (None, DEFAULT_PORTS[parts.scheme])
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    right = f"{parts.scheme}://{host}" + ("" if usual else f":{port}")
    return None if word == right else f"write it as the browser sends it: {right}"


def _split(word: str) -> tuple[SplitResult | None, int | None]:
    try:
        parts = urlsplit(word)
        return parts, parts.port
    except ValueError:
        return None, None


def _is_host(host: str) -> bool:
    """Whether a browser would send this host: a name, an IPv4 or a compressed IPv6 address."""
    if ":" not in host and not host.rpartition(".")[2].isdecimal():
        return bool(_NAME.fullmatch(host))
    try:
        return ipaddress.ip_address(host).compressed == host
    except ValueError:
        return False
