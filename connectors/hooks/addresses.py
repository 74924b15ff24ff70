"""Where a webhook may go: a host's name is looked up once, and what is not public is refused.

Whoever writes a playbook must not be able to make this machine call the machines around it: a name may lead to
anything, and to something else the next time it is looked up. So the caller connects to an address that was checked.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from connectors.errors import Permanent, Temporary

Address = IPv4Address | IPv6Address
#: The addresses of a host; as `lookup`, or what a test puts in its place.
Resolver = Callable[[str, int], Sequence[str]]

#: Public by their number, and yet doors into the machine's own surroundings: what clouds tell their machines.
_DOORS = (ip_network("192.0.0.0/24"), ip_network("168.63.129.16/32"))
#: IPv4 as networks without any of it show it.
_NAT64 = ip_network("64:ff9b::/96")


def lookup(host: str, port: int) -> Sequence[str]:
    """The host's addresses as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed(host: str, port: int, *, private: bool, resolve: Resolver) -> Sequence[str]:
    """The addresses to connect to. Raises Permanent where one is not public, and Temporary where none is known."""
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise Temporary(f"{host} is not known ({error})", system="webhook") from error
    inside = next((address for address in found if not is_public(address)), None)
    if inside is not None and not private:
        words = f"{host} is at {inside}, which is no public address; allow_private: true in the settings lets it"
        raise Permanent(words, system="webhook")
    if not found:
        raise Temporary(f"{host} has no address", system="webhook")
    return found


def is_public(written: str) -> bool:
    """Whether an address is one of the internet at large."""
    try:
        address = _inner(ip_address(written.partition("%")[0]))
    except ValueError:
        return False
    if address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False):
        return False
    return address.is_global and not any(address in door for door in _DOORS)


def is_loopback(written: str) -> bool:
    try:
        return _inner(ip_address(written.partition("%")[0])).is_loopback
    except ValueError:
        return False


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
