"""Whether a host is this very machine: the only one that a key or a rehearsal may go to unencrypted."""

from __future__ import annotations

from ipaddress import ip_address


def is_loopback(host: str | None) -> bool:
    """`localhost`, or an address such as 127.0.0.1 or ::1; a name that only begins like one is anybody's."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
