"""Links and a pixel that tell who opened and clicked, where the mailer's own provider does not count."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import unescape
from typing import Protocol

from runner.render.batch import Group


class CountingLinks(Protocol):
    """Who makes the addresses that count."""

    public_url: str

    def click(self, send_id: str, contact_id: int, target: str) -> str: ...
    def open(self, send_id: str, contact_id: int) -> str: ...
    def trap(self, send_id: str, contact_id: int) -> str: ...


#: A link's beginning, its address as HTML writes it, and the quote behind.
_LINK = re.compile(r"""(<a\b(?:"[^"]*"|[^">])*?\shref=")([^"]*)(")""", re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)
#: A link that no person sees: whoever follows it is a machine. No provider is to put its own in its place.
_TRAP = (
    '<a href="{trap}" clicktracking="off" rel="nofollow" tabindex="-1" aria-hidden="true" '
    'style="display:none;font-size:0;line-height:0;"></a>'
)
_PIXEL = '<img src="{open}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px;">'


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys that nothing in a group's texts can be taken for."""

    nonce: str

    def __getitem__(self, what: object) -> str:
        return f"-c{self.nonce}.{what}-"


def counted(group: Group, links: CountingLinks, contacts: Mapping[str, int], *, all_of_it: bool) -> Group:
    """The group with a link that catches machines; with `all_of_it` its links and opens are counted on our pages.

    `contacts` are the people by send id. What leads to our own pages is counted there already, and mail addresses and
    the text part are left as they are.
    """
    keys = _keys_for(group)
    targets: list[str] = []

    def ours(link: re.Match[str]) -> str:
        if link[2] not in targets:
            targets.append(link[2])
        return f"{link[1]}{keys[targets.index(link[2])]}{link[3]}"

    html = _LINK.sub(ours, group.html) if all_of_it else group.html
    foot = (_TRAP + (_PIXEL if all_of_it else "")).format(trap=keys["trap"], open=keys["open"])
    html, there = _END.subn(lambda end: foot + end[0], html, count=1)
    html = html if there else html + foot
    letters = []
    for send_id, texts in group.letters:
        own = {keys[n]: _counting(links, send_id, contacts[send_id], target, texts) for n, target in enumerate(targets)}
        own[keys["trap"]] = links.trap(send_id, contacts[send_id])
        if all_of_it:
            own[keys["open"]] = links.open(send_id, contacts[send_id])
        letters.append((send_id, {**texts, **own}))
    return replace(group, html=html, letters=letters)


def _counting(links: CountingLinks, send_id: str, contact_id: int, written: str, texts: Mapping[str, str]) -> str:
    """Where a link of this letter leads from now on; `written` may have keys in it."""
    for key, text in texts.items():
        written = written.replace(key, text)
    target = unescape(written)
    if not target.lower().startswith(("https://", "http://")) or target.startswith(f"{links.public_url}/"):
        return written
    return links.click(send_id, contact_id, target)


def _keys_for(group: Group) -> _Keys:
    everything = "\0".join([group.html, *(text for _, texts in group.letters for text in texts.values())])
    return next(_Keys(nonce) for nonce in _nonces(group.template_hash) if nonce not in everything)


def _nonces(seed: str) -> Iterator[str]:
    number = 0
    while True:
        yield hashlib.sha256(f"counting {seed}.{number}".encode()).hexdigest()[:8]
        number += 1
