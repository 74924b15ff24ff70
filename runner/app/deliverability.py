"""Whether mail will arrive: what the sender's domain says of itself by DNS, and what every letter must bring."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from connectors.loopback import is_loopback
from runner.app.findings import Finding, Health

if TYPE_CHECKING:
    from dns.resolver import Resolver

#: Domains that exist in examples alone, and are asked about nowhere.
RESERVED = ("example", "example.com", "example.net", "example.org", "test", "invalid", "localhost")
#: Where anybody has an address: mail in its name from elsewhere is refused by what the domain itself says.
FREE_MAIL = frozenset(
    "aol.com free.fr gmail.com gmx.at gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mail.com mail.ru "
    "me.com msn.com o2.pl onet.pl outlook.com proton.me protonmail.com t-online.de web.de wp.pl yahoo.com yahoo.co.uk "
    "yahoo.de yandex.ru ymail.com".split()
)
#: Hosts that hide where a link leads: filters distrust them.
SHORTENERS = frozenset("bit.ly buff.ly cutt.ly goo.gl is.gd ow.ly rb.gy rebrand.ly t.co tiny.cc tinyurl.com".split())
#: Names under which providers ask for their DKIM key; the mailer's own first.
SELECTORS = {
    "sendgrid": ("s1", "s2", "smtpapi"),
    "smtp": ("default", "dkim", "mail", "google", "selector1", "selector2", "k1", "k2", "s1", "s2"),
}
#: Look-ups that SPF allows one record; those behind it are asked no further.
SPF_LOOKUPS = 10
#: Seconds for all answers of one name.
PATIENCE = 3.0


class Unanswered(Exception):
    """The name servers could not be asked."""


class Names(Protocol):
    """Who answers what the TXT records of a name are; none where there are none. Raises Unanswered."""

    def __call__(self, name: str) -> Sequence[str]: ...


def ask_dns(resolver: Resolver | None = None, *, within: float | None = None) -> Names:
    """The name servers of this machine, or the given ones; `within` so many seconds in all, for who cannot wait."""
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN, NoAnswer, Resolver

    ends = None if within is None else monotonic() + within

    def texts(name: str) -> Sequence[str]:
        left = PATIENCE if ends is None else min(PATIENCE, ends - monotonic())
        if left <= 0:
            raise Unanswered(
                f"{name} was not asked for within {within:g} seconds; `regulars doctor` asks without a limit"
            )
        try:
            asked = resolver or Resolver()
            answer = asked.resolve(name, "TXT", lifetime=left, search=False)
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, OSError) as error:
            raise Unanswered(f"{name} could not be asked for: {error}") from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    return texts


def of_domain(email: str, mailers: Iterable[str], names: Names) -> Iterator[Finding]:
    """What the sender's domain says: SPF, DKIM and DMARC. `mailers` are the types of those that are set."""
    domain = email.rpartition("@")[2].lower()
    if domain in FREE_MAIL:
        words = f"{email} is free mail: in its name only {domain} itself may send; use an address of your own domain"
        yield Finding("sender", Health.FAULT, words)
        return
    if domain in RESERVED or domain.rpartition(".")[2] in RESERVED:
        yield Finding("sender", Health.OK, f"{domain} is a domain of examples: nothing is asked about it")
        return
    try:
        yield from _spf(domain, names)
        yield from _dkim(domain, tuple(mailers), names)
        yield from _dmarc(domain, names)
    except Unanswered as away:
        yield Finding("sender", Health.WARNING, f"SPF, DKIM and DMARC are not known: {away}")


def _spf(domain: str, names: Names) -> Iterator[Finding]:
    records = [text for text in names(domain) if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE)]
    if not records:
        words = f"{domain} has no SPF record; a provider that has a return path of its own needs none, others do"
        yield Finding("SPF", Health.WARNING, words)
    elif len(records) > 1:
        yield Finding(
            "SPF", Health.FAULT, f"{domain} has {len(records)} SPF records, which count for none: make it one"
        )
    elif re.search(r"(^|\s)\+?all\b", records[0], re.IGNORECASE):
        yield Finding("SPF", Health.FAULT, f"{domain} lets anybody send in its name: end the record with -all or ~all")
    elif (lookups := _lookups(records[0])) > SPF_LOOKUPS:
        words = f"{domain}: more than {SPF_LOOKUPS} look-ups ({lookups}): receivers give up; name fewer includes"
        yield Finding("SPF", Health.FAULT, words)
    else:
        yield Finding("SPF", Health.OK, f"{domain}: {records[0]}")


def _lookups(record: str) -> int:
    """How many of its terms make a receiver ask on: by what stands before the colon, not by a host called `mx`."""
    terms = (re.split(r"[:/=]", term.lstrip("+-~?"), maxsplit=1)[0].lower() for term in record.split()[1:])
    return sum(term in ("a", "exists", "include", "mx", "ptr", "redirect") for term in terms)


def _dkim(domain: str, mailers: Sequence[str], names: Names) -> Iterator[Finding]:
    usual = dict.fromkeys(selector for mailer in mailers for selector in SELECTORS.get(mailer, SELECTORS["smtp"]))
    for selector in usual:
        told = [text for text in names(f"{selector}._domainkey.{domain}") if re.search(r"\bp=", text)]
        if told and re.search(r"\bp=\s*(;|$)", told[0]):
            yield Finding("DKIM", Health.WARNING, f"the key {selector} of {domain} is withdrawn (p= is empty)")
        elif told:
            yield Finding("DKIM", Health.OK, f"{domain} has a key under the selector {selector}")
            return
    words = (
        f"{domain} has no key under the usual selectors ({', '.join(usual)}); authenticate the domain with the provider"
    )
    yield Finding("DKIM", Health.WARNING, words)


def _dmarc(domain: str, names: Names) -> Iterator[Finding]:
    """Of the domain, else of the one above it, down to two labels."""
    labels = domain.split(".")
    for above in (".".join(labels[start:]) for start in range(max(1, len(labels) - 1))):
        records = [text for text in names(f"_dmarc.{above}") if re.match(r"v=DMARC1\b", text, re.IGNORECASE)]
        if len(records) > 1:
            yield Finding("DMARC", Health.FAULT, f"{above} has {len(records)} DMARC records: make it one")
            return
        if records:
            policy = re.search(r"\bp\s*=\s*(\w+)", records[0])
            said = policy[1].lower() if policy else ""
            if said in ("quarantine", "reject"):
                yield Finding("DMARC", Health.OK, f"{above}: p={said}")
            elif said == "none":
                words = f"{above}: p=none is enough for large receivers, and keeps nobody from using your name"
                yield Finding("DMARC", Health.OK, words)
            else:
                yield Finding(
                    "DMARC", Health.FAULT, f"{above}: no policy in {records[0]!r}; write p=none to begin with"
                )
            return
    advice = f'publish a TXT record _dmarc.{domain} with "v=DMARC1; p=none; rua=mailto:…"'
    yield Finding("DMARC", Health.WARNING, f"{domain} has none, and large receivers ask for one: {advice}")


class Letter(Protocol):
    """A mail as a sample person would get it."""

    @property
    def called(self) -> str:
        """`birthday: hello`."""

    @property
    def html(self) -> str: ...

    @property
    def text(self) -> str: ...


def of_letters(letters: Sequence[Letter], public_url: str, address: str, email: str) -> Iterator[Finding]:
    """What filters and laws look for in every letter."""
    if urlsplit(public_url).scheme == "https":
        yield Finding("unsubscribe", Health.OK, "every mail has List-Unsubscribe with one click (RFC 8058)")
    else:
        words = f"List-Unsubscribe without one click: {public_url} is not https"
        yield Finding("unsubscribe", Health.WARNING, words)
    if len(re.findall(r"\w+", address)) < 3:
        words = f"sender.address is {address!r}, which is hardly a postal address: the law asks for one"
        yield Finding("postal address", Health.WARNING, words)
    yield from _texts(letters)
    yield from _hosts(letters, public_url, email)


def _texts(letters: Sequence[Letter]) -> Iterator[Finding]:
    bare = [letter.called for letter in letters if len(letter.text.split()) < 3]
    if bare:
        words = f"hardly any words in {_listed(bare)}: mails of pictures alone are taken for spam"
        yield Finding("text part", Health.WARNING, words)
    elif letters:
        yield Finding("text part", Health.OK, f"all {len(letters)} mails have one")


def _hosts(letters: Sequence[Letter], public_url: str, email: str) -> Iterator[Finding]:
    own = email.rpartition("@")[2].lower()
    told = dict[tuple[str, str], list[str]]()
    for letter in letters:
        for host, scheme in _links(letter.html):
            if (words := _distrusted(host, scheme)) is not None:
                told.setdefault((host, words), []).append(letter.called)
    for (host, words), where in sorted(told.items()):
        yield Finding("links", Health.WARNING, f"{host}, in {_listed(dict.fromkeys(where))}: {words}")
    ours = urlsplit(public_url).hostname or ""
    if not _same_family(ours, own) and not _is_here(ours):
        words = (
            f"links lead to {ours}, mail comes from {own}: filters trust a public_url below the sender's domain more"
        )
        yield Finding("links", Health.WARNING, words)
    elif not told and letters:
        yield Finding("links", Health.OK, "none leads to a host that filters distrust")


def _links(html: str) -> set[tuple[str, str]]:
    found = (urlsplit(url) for url in re.findall(r"""\bhref=["'](https?://[^"'\s]+)["']""", html, re.IGNORECASE))
    return {(parts.hostname or "", parts.scheme.lower()) for parts in found}


def _distrusted(host: str, scheme: str) -> str | None:
    if _is_here(host):
        return None
    if host in SHORTENERS:
        return "a shortener hides where the link leads; write the address itself"
    if host.replace(".", "").isdigit():
        return "a link to a number instead of a name is taken for fraud"
    return "the link is not https" if scheme == "http" else None


def _is_here(host: str) -> bool:
    return not host or is_loopback(host) or host.rpartition(".")[2] in RESERVED


def _same_family(one: str, other: str) -> bool:
    """Whether the two are one domain or have the same one above them, by its last two labels."""
    return one.split(".")[-2:] == other.split(".")[-2:]


def _listed(names: Iterable[str], most: int = 3) -> str:
    shown = list(names)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} others" if len(shown) > most else "")
