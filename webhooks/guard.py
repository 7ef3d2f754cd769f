"""May this connection be made? Asked where it is made: of the name's answer, and of the socket.

The name is resolved once, every address it has is checked, and the connection goes to a checked
one. The socket asks again about the very address it is going to: for an address written into the
URL nobody resolves anything.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from scheduler_project.addresses import Address, Network, is_allowed, parse_address, refusal
from scheduler_project.webhook_url import port_is_usual
from webhooks.answers import Refused

RESOLVE_SECONDS = 3.0
#: names asked for at a time; a resolver that hangs holds one of them for many seconds
RESOLVERS = 32
#: what the other side does not take ends the connection after this; closing would wait for ever
UNREAD_MILLISECONDS = 20_000

#: a host and a port to the addresses behind it, as text; raises OSError when there are none
Resolve = Callable[[str, int], Sequence[str]]


class Guard(AbstractResolver):
    """Resolver and maker of sockets for all connections of one scheme."""

    def __init__(self, scheme: str, allowed_nets: Sequence[Network], resolve: Resolve) -> None:
        self._scheme, self._allowed_nets, self._resolve = scheme, allowed_nets, resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`, all of them checked.

        Raises Refused when one may not be reached, OSError when there is none, TimeoutError after
        3 s. The system's resolver cannot be interrupted; its thread is left behind.
        """
        asked = asyncio.get_running_loop().run_in_executor(_resolvers, self._resolve, host, port)
        found = await asyncio.wait_for(asked, RESOLVE_SECONDS)
        if not found:
            raise socket.gaierror("no address")
        return [_result(host, self.checked(host, port, text), port) for text in found]

    def open_socket(self, where: AddrInfoType) -> socket.socket:
        """A socket for the connection to `where`; raises Refused when that may not be reached."""
        family, kind, proto, _, place = where
        self.checked(str(place[0]), int(place[1]), str(place[0]))
        made = socket.socket(family, kind, proto)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux's
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
        return made

    def checked(self, host: str, port: int, text: str) -> Address:
        """The address that `text` is; raises Refused when `host` may not be reached there."""
        address = parse_address(text)
        kind = "no address" if address is None else refusal(address, self._allowed_nets)
        if address is None or kind is not None:
            raise Refused(
                f"Not sent: {host} leads to {text}, which is {kind}; a webhook goes to a public "
                "address. (The operator can let networks through in "
                "SCHEDULER_WEBHOOK_ALLOWED_NETS.)"
            )
        usual = port_is_usual(self._scheme, port)
        if not usual and not is_allowed(address, self._allowed_nets):
            raise Refused(f"Not sent: port {port} is not for webhooks; use 443 or 8443.")
        return address

    async def close(self) -> None:
        """Nothing to close."""


def resolve_by_dns(host: str, port: int) -> list[str]:
    """The addresses of `host` by the system's resolver; raises OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


_resolvers = ThreadPoolExecutor(max_workers=RESOLVERS, thread_name_prefix="resolve")


def _result(host: str, address: Address, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )
