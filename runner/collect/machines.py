"""What is known of machines that open mails and follow links: privacy proxies, scanners of mail, programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from runner.settings import Settings

Network = IPv4Network | IPv6Network

#: Programs that name themselves; lower case. Google's and Yahoo's image proxies fetch when a person opens: not here.
AGENTS = (
    *("barracuda", "mimecast", "proofpoint", "symantec", "messagelabs", "forcepoint", "fireeye", "trendmicro"),
    *("sophos", "ironport", "fortimail", "safelinks", "urlscan", "virustotal", "bitdefender", "kaspersky"),
    *("microsoft-urlanalyzer", "microsoft office existence discovery", "msnbot", "bingpreview", "slackbot"),
    *("facebookexternalhit", "whatsapp", "telegrambot", "twitterbot", "linkedinbot", "skypeuripreview"),
    *("headlesschrome", "phantomjs", "python-requests", "python-urllib", "python-httpx", "aiohttp", "curl/"),
    *("wget/", "go-http-client", "okhttp", "apache-httpclient", "java/", "libwww-perl", "ruby", "node-fetch", "axios"),
)
_ROBOTS = re.compile(r"(bot|crawler|spider|scanner)\b")
#: Apple fetches the pictures of every mail ahead, by an agent that says no more than this.
APPLE = "Mozilla/5.0"
#: Apple's own, and what Barracuda and Proofpoint publish for their gateways. Others are for the settings to name.
NETWORKS = ("17.0.0.0/8", "64.235.144.0/20", "209.222.80.0/21", "67.231.144.0/20", "148.163.128.0/19")


@dataclass(frozen=True)
class Machines:
    """By what a machine is known on sight."""

    agents: tuple[str, ...] = AGENTS
    networks: tuple[Network, ...] = tuple(map(ip_network, NETWORKS))

    @classmethod
    def of(cls, settings: Settings) -> Machines:
        """Those known anywhere, and those that the settings name besides."""
        more = settings.machines
        networks = (*NETWORKS, *more.networks)
        return cls((*AGENTS, *map(str.lower, more.agents)), tuple(ip_network(one) for one in networks))

    def is_known(self, user_agent: str | None, ip: str | None) -> bool:
        return self._is_machine(user_agent or "") or self._is_within(ip or "")

    # Few agents and addresses come often.
    @cached_property
    def _is_machine(self) -> Callable[[str], bool]:
        return lru_cache(maxsize=10_000)(partial(_names_a_machine, self.agents))

    @cached_property
    def _is_within(self) -> Callable[[str], bool]:
        return lru_cache(maxsize=10_000)(partial(_lies_within, self.networks))


def _names_a_machine(agents: tuple[str, ...], user_agent: str) -> bool:
    said = user_agent.lower()
    return user_agent == APPLE or any(agent in said for agent in agents) or _ROBOTS.search(said) is not None


def _lies_within(networks: tuple[Network, ...], ip: str) -> bool:
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return any(address in network for network in networks)


#: Without a word from the settings.
KNOWN = Machines()
