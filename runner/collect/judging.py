"""Who opened and clicked: a person, a machine, or nobody can say. Judged from all that is kept of one letter.

Pure: the same evidence gives the same judgement in whatever order it came, and again when a rule has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.base import Actor, MailEventKind
from runner.collect.machines import Machines

#: The link that no person sees.
TRAP = "trap"
#: What comes so soon after the delivery is the receiving side's scanner.
AT_ONCE = timedelta(seconds=5)
#: Different links followed within it are followed by a machine, if they are so many …
BURST = timedelta(seconds=10)
LINKS = 3
#: … and a click is judged for good when it is so old: scanners take their time with the rest.
SETTLES = timedelta(minutes=1)
#: Whoever followed the link that no person sees did all that came from there within it.
TRAPPED = timedelta(hours=1)

#: A person may follow our unsubscribe link, and with it one other; both at once only a machine does.
_UNSUBSCRIBE = re.compile(r"/u/\d+~")


@dataclass(frozen=True, slots=True)
class Hit:
    """One open or click, with its evidence."""

    id: int
    kind: str
    at: datetime
    #: Who it was, where whoever told of it knew.
    told: str | None
    url: str | None
    user_agent: str | None
    ip: str | None

    @property
    def is_click(self) -> bool:
        return self.kind == MailEventKind.CLICKED

    @property
    def is_trapped(self) -> bool:
        return self.is_click and self.url == TRAP

    @property
    def stops_mail(self) -> bool:
        """Whether the link is one by which mail is stopped: following it shows no interest."""
        return self.is_click and self.url is not None and _UNSUBSCRIBE.search(self.url) is not None


@dataclass(frozen=True, slots=True)
class Judged:
    """Who did what with one letter."""

    #: By the number of the hit.
    actors: Mapping[int, Actor]
    #: When to look again, where a click is too young to be judged.
    again_at: datetime | None = None


def judge(hits: Sequence[Hit], arrived_at: datetime, machines: Machines, now: datetime) -> Judged:
    """`arrived_at`: when the letter was delivered, or else when it went out."""
    actors = {hit.id: actor for hit in hits if (actor := _known(hit, machines)) is not None}
    actors |= dict.fromkeys(_trapped(hits, actors), Actor.MACHINE)
    actors |= dict.fromkeys(_bursting(hits, actors), Actor.MACHINE)
    for hit in sorted((hit for hit in hits if hit.id not in actors), key=lambda hit: (hit.is_click, hit.at)):
        actors[hit.id] = _by_time(hit, hits, actors, arrived_at, now)
    young = [hit.at for hit in hits if hit.is_click and hit.told not in _TOLD and now - hit.at < SETTLES]
    return Judged(actors, max(young) + SETTLES if young else None)


_TOLD = (Actor.HUMAN, Actor.MACHINE)


def _known(hit: Hit, machines: Machines) -> Actor | None:
    """What one hit says by itself."""
    if hit.told in _TOLD:
        return Actor(hit.told)
    return Actor.MACHINE if hit.is_trapped or machines.is_known(hit.user_agent, hit.ip) else None


def _trapped(hits: Sequence[Hit], actors: Mapping[int, Actor]) -> Iterator[int]:
    """What else came from where the hidden link was followed."""
    traps = [hit for hit in hits if hit.is_trapped]
    for hit in hits:
        if hit.id not in actors and any(_same(hit, trap) and abs(hit.at - trap.at) <= TRAPPED for trap in traps):
            yield hit.id


def _same(one: Hit, other: Hit) -> bool:
    if one.ip is not None and other.ip is not None:
        return one.ip == other.ip
    return one.user_agent is not None and one.user_agent == other.user_agent


def _bursting(hits: Iterable[Hit], actors: Mapping[int, Actor]) -> Iterator[int]:
    """Clicks on many links at once."""
    clicks = sorted((h for h in hits if h.is_click and actors.get(h.id) is not Actor.HUMAN), key=lambda hit: hit.at)
    first = 0
    for last, click in enumerate(clicks):
        while click.at - clicks[first].at > BURST:
            first += 1
        together = clicks[first : last + 1]
        links = {hit.url for hit in together}
        if len(links) >= LINKS or (len(links) > 1 and any(hit.stops_mail for hit in together)):
            yield from (hit.id for hit in together)


def _by_time(hit: Hit, hits: Iterable[Hit], actors: Mapping[int, Actor], arrived_at: datetime, now: datetime) -> Actor:
    """A browser's hit, by when it came."""
    if not (hit.user_agent or "").startswith("Mozilla/"):
        return Actor.UNKNOWN
    if hit.at - arrived_at <= AT_ONCE:
        return Actor.MACHINE if hit.is_click else Actor.UNKNOWN
    if not hit.is_click:
        return Actor.HUMAN
    if now - hit.at < SETTLES:
        return Actor.UNKNOWN
    was_open = any(actors.get(other.id) is Actor.HUMAN for other in hits if not other.is_click and other.at <= hit.at)
    return Actor.HUMAN if was_open or hit.at - arrived_at >= SETTLES else Actor.UNKNOWN
