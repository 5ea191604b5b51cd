"""Decides whether the server may connect to an address of a host."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_METADATA_SERVERS: Final = _networks(
    "168.63.129.16",  # Azure; it counts as public
    "100.100.100.200",  # Alibaba Cloud
    "192.0.0.192",  # Oracle Cloud
    "fd00:ec2::254",  # Amazon EC2
    "fd00:ec2::23",  # Amazon EKS
    "fd00:42::42",  # Scaleway
    "fd20:ce::254",  # Google Compute Engine
)
"""Those outside link-local networks. Source: the clouds' pages about them."""
_NEVER: Final = _METADATA_SERVERS + _networks(
    "0.0.0.0/8",  # this host
    "169.254.0.0/16",  # link-local
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "::/128",  # unspecified
    "64:ff9b::/32",  # the place of the IPv4 address is a local choice, except in a /96
    "fe80::/10",  # link-local
    "ff00::/8",  # multicast
)
_PRIVATE: Final = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"),
    "100.64.0.0/10",  # between a provider and its customers
    "192.0.0.0/24",  # protocols
    "192.88.99.0/24",  # relays of 6to4, given up
    "198.18.0.0/15",  # benchmarks
    *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),  # documentation
    "::1/128",
    "100::/32",  # discarded, dummies
    "2001::/23",  # protocols
    *("2001:db8::/32", "3fff::/20"),  # documentation
    "5f00::/16",  # segment routing
    "fc00::/7",
    "fec0::/10",  # site-local, given up
)
"""Source: IANA's registries of special-purpose addresses; RFC 3879 (fec0::/10)."""
_LAST_32_BITS: Final = _networks("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")
"""They end with an IPv4 address. Source: RFC 4291, 2.5.5; RFC 2765, 2.1; RFC 6052, 2.1."""
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The third 32-bit word of a tunnel's address, which ends with the IPv4 address. Source: RFC 5214, 6.1."""
_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)$")
_LOCAL_ZONES: Final = ("localhost", "local", "internal", "home.arpa")
"""Outside the public DNS. Source: RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of `internal`."""


def is_allowed(host: str, address: str, private_hosts: Collection[str] = ()) -> bool:
    """Decide on connecting to `host` at `address`, one of its addresses.

    Never for link-local addresses, metadata servers, and addresses of no single host. A private address is allowed if
    `host` is that address, a name of local networks (`localhost`, `crm`, `crm.local`), or one of `private_hosts`, in
    lower case. An IPv4 address inside an IPv6 address decides.
    """
    reached = _reached(address)
    if not reached or _any_in(reached, _NEVER):
        return False
    if not _any_in(reached, _PRIVATE) or _reached(host) == reached:
        return True
    return _is_private_name(host.lower().rstrip("."), private_hosts)


def _is_private_name(host: str, private_hosts: Collection[str]) -> bool:
    if _reached(host) or _ENDS_IN_NUMBER.search(host):
        return False
    is_local = "." not in host or host.endswith(tuple(f".{zone}" for zone in _LOCAL_ZONES))
    return is_local or host in private_hosts


def _any_in(addresses: Collection[Address], networks: Collection[Network]) -> bool:
    return any(address in network for address in addresses for network in networks)


def _reached(text: str) -> tuple[Address, ...]:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ()
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) > 1 and _any_in([address], _LAST_32_BITS):
        return (last,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return (address.teredo[1],)
    is_tunnelled = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return (address, last) if is_tunnelled else (address,)
