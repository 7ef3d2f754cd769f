"""Where may a webhook not go? The explicit list of networks that no customer's URL may reach; pure.

`ipaddress.is_global` is not used: it lets metadata addresses through in their NAT64 form and
changes between Python versions. The list follows the IANA special-purpose address registries.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(cidr), kind)
    for cidr, kind in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a retired relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/96", "unspecified, loopback or IPv4-compatible"),
        ("64:ff9b::/96", "a NAT64 form of an IPv4 address"),
        ("64:ff9b:1::/48", "a NAT64 form of an IPv4 address"),
        ("100::/64", "a discard address"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 form of an IPv4 address"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)


def parse_address(text: str) -> Address | None:
    """The IP address that `text` plainly is, an IPv4 one in IPv6 clothes unwrapped; else None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_allowed(address: Address, allowed_nets: Sequence[Network]) -> bool:
    """Whether the operator lets this address through by name, whatever the list says."""
    return any(address in net for net in allowed_nets)


def refusal(address: Address, allowed_nets: Sequence[Network] = ()) -> str | None:
    """Why no webhook may go to `address`, as the kind of network it is in; None when it may."""
    if is_allowed(address, allowed_nets):
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return refusal(address.ipv4_mapped, allowed_nets)
    return next((kind for net, kind in DENIED if address in net), None)
