"""The deny list: each denied network at its first and last address, and its public neighbours."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_project.addresses import DENIED, parse_address, refusal

NETWORKS = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/96", "::1/128",
    "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
    "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_the_first_and_the_last_address_of_a_denied_network_are_refused(network: str) -> None:
    net = ip_network(network)
    assert refusal(net[0])
    assert refusal(net[-1])


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # metadata
        "::ffff:169.254.169.254",  # the same in IPv6 clothes
        "64:ff9b::a9fe:a9fe",  # the same through NAT64, which is_global calls public
        "2002:a9fe:a9fe::1",  # the same through 6to4
        "::ffff:10.0.0.1",
        "::ffff:7f00:1",
        "fd00:ec2::254",
        "255.255.255.255",
    ],
)
def test_ways_to_an_inner_address_are_refused(address: str) -> None:
    assert refusal(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2003::1", "::ffff:8.8.8.8",
    ],
)  # fmt: skip
def test_a_public_address_is_let_through(address: str) -> None:
    assert refusal(ip_address(address)) is None


def test_an_allowed_network_is_let_through_and_its_neighbours_are_not() -> None:
    allowed = [ip_network("10.1.0.0/16")]
    assert refusal(ip_address("10.1.2.3"), allowed) is None
    assert refusal(ip_address("::ffff:10.1.2.3"), allowed) is None
    assert refusal(ip_address("10.2.0.1"), allowed)


@given(st.ip_addresses())
def test_the_list_is_believed_whatever_the_address(address: object) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    inside = any(parsed in net for net, _ in DENIED)
    assert bool(refusal(parsed)) is inside
