"""Which IP addresses a host name may lead to.

Hosts come from flow files and from the environment, but the name servers of a public host belong to somebody else. A
public name that resolves to a private address is refused, at the moment of each connection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED: Final = ipaddress.ip_network("::ffff:0:0:0/96")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")
_RESERVED: Final = tuple(map(ipaddress.ip_network, ("64:ff9b::/32", "3fff::/20", "5f00::/16", "192.0.0.0/24")))
"""Local translation, documentation and routers, which older versions of Python take for public.

Source: RFC 8215, RFC 9637, RFC 9602, RFC 6890.
"""
_METADATA_SERVERS: Final = frozenset(
    map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"))
)
"""Where clouds keep credentials, besides link-local addresses. The first of them counts as public.

Source: Azure (WireServer), Alibaba Cloud, Amazon EC2 and Google Compute Engine (metadata servers).
"""
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The middle of an address that is tunnelled to an IPv4 one. Source: RFC 5214, 6.1."""
_BROADCAST: Final = ipaddress.ip_network("240.0.0.0/4")
_THIS_HOST: Final = ipaddress.ip_network("0.0.0.0/8")
_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)$")
_LOCAL_ZONES: Final = ("localhost", "local", "internal", "home.arpa")
"""What no public name server answers. Source: RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of `internal`."""


def is_allowed(host: str, address: str, private_hosts: Collection[str] = ()) -> bool:
    """Whether a connection that is meant for `host` may be opened to `address`.

    A host may lead to a private address when it is that address itself (`127.0.0.1`, `[::1]`), or a name that exists
    only in a local network: one without dots (`localhost`, `crm`), or one in a reserved zone (`crm.local`). Names never
    lead to link-local addresses or to the metadata servers of clouds.

    Args:
        host: a name or an address.
        address: one that the host resolves to.
        private_hosts: further names, in lower case, that may lead to private addresses.
    """
    target = _embedded(_parsed(address))
    if target is None or _is_unusable(target):
        return False
    if _embedded(_parsed(host)) == target:
        return True
    if target in _METADATA_SERVERS or _is_public(target):
        return target not in _METADATA_SERVERS
    return not target.is_link_local and _is_private_name(host.lower().rstrip("."), private_hosts)


def _is_private_name(host: str, private_hosts: Collection[str]) -> bool:
    if _parsed(host) is not None or _ENDS_IN_NUMBER.search(host):
        return False
    is_local = "." not in host or host.endswith(tuple(f".{zone}" for zone in _LOCAL_ZONES))
    return is_local or host in private_hosts


def _parsed(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _embedded(address: Address | None) -> Address | None:
    """The IPv4 address that an IPv6 one stands for; else the address itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    is_short = address in _COMPATIBLE and int(address) > 1
    is_translated = is_short or address in _NAT64 or address in _TRANSLATED
    is_tunnelled = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if is_translated or is_tunnelled else address


def _is_unusable(address: Address) -> bool:
    """Whether the address names no single host."""
    is_special = isinstance(address, ipaddress.IPv4Address) and (address in _BROADCAST or address in _THIS_HOST)
    return address.is_unspecified or address.is_multicast or is_special


def _is_public(address: Address) -> bool:
    is_site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    is_local = is_site_local or address.is_link_local or any(address in network for network in _RESERVED)
    return address.is_global and not is_local
