"""Which internet addresses are public. What a merchant calls its website must never reach inside our network."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""``(host, port)`` to all its addresses; raises ``OSError`` when there are none."""

GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
NAT64: Final = IPv6Network("64:ff9b::/96")
NEVER: Final = tuple(
    ip_network(net)
    for net in (
        *("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"),  # IETF protocols, 6to4 relays, reserved
        *("2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20"),  # Teredo and the like, 6to4, documentation
    )
)
NUMBER: Final = re.compile(r"(?:0x[0-9a-f]*|\d+)", re.IGNORECASE)
NAME: Final = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}\.?")


def is_public(address: str) -> bool:
    """Whether ``address`` is a global unicast address, also when an IPv4 address is wrapped in an IPv6 one."""
    try:
        found = _unwrapped(ip_address(address))
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and (found.scope_id or found not in GLOBAL_UNICAST):
        return False
    special = found.is_multicast or found.is_reserved or found.is_unspecified or found.is_link_local
    return found.is_global and not special and not any(found in net for net in NEVER if net.version == found.version)


def _unwrapped(found: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        if found in NAT64:
            return IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def literal(host: str) -> str | None:
    """The address that ``host`` is instead of a name, None for a name.

    A host whose last label is a number is an address to every browser, however odd (``0x7f.1``, ``2130706433``):
    what is not written in the one usual way comes back as written, and is no public address.
    """
    try:
        return str(ip_address(host))
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return host if ":" in host or NUMBER.fullmatch(last) else None


async def public_addresses(host: str, port: int, resolver: Resolver) -> list[str]:
    """All addresses of ``host``, IPv4 first, resolved once. Raises ``PermissionError`` if any of them is not public,
    ``OSError`` if there are none."""
    fixed = literal(host)
    if fixed is None and not NAME.fullmatch(host):
        raise PermissionError(host)
    found = [fixed] if fixed is not None else await resolver(host, port)
    if not all(is_public(address) for address in found):
        raise PermissionError(host)
    if not found:
        raise OSError("no address")
    return sorted(dict.fromkeys(found), key=lambda address: ":" in address)


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in rows]
