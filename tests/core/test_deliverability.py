"""What doctor says of the chance that mail arrives."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from runner.app import deliverability
from runner.app.deliverability import ask_dns, of_domain, of_letters
from runner.app.doctor import examine
from tests.core.world import World
from tests.loopback.dns import LoopbackDns

GOOD = {
    "acme.pl": ["google-site-verification=x", "v=spf1 include:sendgrid.net -all"],
    "s1._domainkey.acme.pl": ["k=rsa; t=s; p=" + "A" * 400],
    "_dmarc.acme.pl": ["v=DMARC1; p=reject; rua=mailto:dmarc@acme.pl"],
}


def told(records: dict[str, list[str] | None], email: str = "hello@acme.pl", mailer: str = "sendgrid") -> list[str]:
    with LoopbackDns(records) as server:
        found = of_domain(email, [mailer], ask_dns(server.resolver))
        return [f"{finding.name}: {finding.status}, {finding.message}" for finding in found]


def test_a_domain_that_says_all_it_should_is_in_order() -> None:
    assert told(GOOD) == [
        "SPF: ok, acme.pl: v=spf1 include:sendgrid.net -all",
        "DKIM: ok, acme.pl has a key under the selector s1",
        "DMARC: ok, acme.pl: p=reject",
    ]


def test_below_a_domain_its_own_dmarc_counts_else_that_of_the_domain_above() -> None:
    below = GOOD | {"mail.acme.pl": ["v=spf1 ~all"], "s1._domainkey.mail.acme.pl": ["p=A"]}
    assert told(below, "hello@mail.acme.pl")[-1] == "DMARC: ok, acme.pl: p=reject"


@pytest.mark.parametrize(
    ("name", "texts", "words"),
    [
        ("acme.pl", [], "SPF: warning, acme.pl has no SPF record"),
        ("acme.pl", ["v=spf1 a -all", "v=spf1 mx -all"], "SPF: fault, acme.pl has 2 SPF records"),
        ("acme.pl", ["v=spf1 +all"], "SPF: fault, acme.pl lets anybody send"),
        ("acme.pl", ["v=spf1 " + " ".join(f"include:{n}.pl" for n in range(11))], "SPF: fault, acme.pl: more than 10"),
        ("s1._domainkey.acme.pl", ["v=DKIM1; p="], "DKIM: warning, the key s1 of acme.pl is withdrawn"),
        ("s1._domainkey.acme.pl", [], "DKIM: warning, acme.pl has no key under the usual selectors (s1, s2"),
        ("_dmarc.acme.pl", [], "DMARC: warning, acme.pl has none"),
        ("_dmarc.acme.pl", ["v=DMARC1; p=none"], "DMARC: ok, acme.pl: p=none is enough"),
        ("_dmarc.acme.pl", ["v=DMARC1; rua=mailto:x@acme.pl"], "DMARC: fault, acme.pl: no policy"),
        ("_dmarc.acme.pl", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "DMARC: fault, acme.pl has 2 DMARC records"),
    ],
)
def test_what_a_domain_lacks_is_told(name: str, texts: list[str], words: str) -> None:
    assert any(finding.startswith(words) for finding in told(GOOD | {name: texts}))


def test_a_host_called_like_a_mechanism_is_no_look_up() -> None:
    record = "v=spf1 " + " ".join(f"include:mx.a{n}.pl" for n in range(10)) + " -all"
    assert f"SPF: ok, acme.pl: {record}" in told(GOOD | {"acme.pl": [record]})


def test_every_domain_that_playbooks_write_from_is_asked_about(world: World) -> None:
    world.playbook(
        "wish",
        """\
        trigger: manual
        actions:
          - send_email: {template: email/hello, subject: Hi, from: care@acme.pl}
          - send_email: {id: more, template: email/hello, subject: Hi, from: help@ACME.pl}
        """,
    )
    with LoopbackDns(GOOD) as server:
        found = [str(check.message) for check in examine(world.app, ask_dns(server.resolver)).checks]
    assert [words for words in found if words.startswith("acme.pl")] == [
        "acme.pl: v=spf1 include:sendgrid.net -all",
        "acme.pl has a key under the selector s1",
        "acme.pl: p=reject",
    ]


def test_without_a_network_nothing_fails_and_nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliverability, "PATIENCE", 0.2)
    began = time.monotonic()
    (finding,) = told({"acme.pl": None})
    assert finding.startswith("sender: warning, SPF, DKIM and DMARC are not known: acme.pl could not be asked for")
    assert time.monotonic() - began < 5


def test_who_cannot_wait_is_told_what_was_not_asked() -> None:
    with LoopbackDns({"acme.pl": None}) as server:
        names = ask_dns(server.resolver, within=0.1)
        began = time.monotonic()
        found = [finding for domain in ("acme.pl", "acme.de") for finding in of_domain(f"a@{domain}", ["smtp"], names)]
        assert time.monotonic() - began < deliverability.PATIENCE
    assert [finding.message.split(": ")[1] for finding in found] == [
        "acme.pl could not be asked for",
        "acme.de was not asked for within 0.1 seconds; `regulars doctor` asks without a limit",
    ]


def test_free_mail_is_a_fault_and_a_domain_of_examples_is_asked_nothing() -> None:
    (free,) = told({}, "acme@gmail.com")
    assert free.startswith("sender: fault, acme@gmail.com is free mail: in its name only gmail.com itself may send")
    assert told({"acme.example": None}, "hello@acme.example") == [
        "sender: ok, acme.example is a domain of examples: nothing is asked about it"
    ]


@dataclass(frozen=True)
class Mail:
    called: str
    html: str
    text: str = "Dear Ada, thank you"


def test_links_that_filters_distrust_are_told_with_their_mails() -> None:
    mails = [
        Mail("a: one", '<a href="https://bit.ly/x">x</a><a href="http://shop.pl/">y</a>'),
        Mail("b: two", '<a href="https://192.0.2.7/">z</a><a href="https://acme.pl/">ours</a>', ""),
    ]
    found = {f"{one.name}: {one.message}" for one in of_letters(mails, "http://go.else.io", "Springfield", "a@acme.pl")}
    for words in (
        "unsubscribe: List-Unsubscribe without one click: http://go.else.io is not https",
        "postal address: sender.address is 'Springfield'",
        "text part: hardly any words in b: two",
        "links: bit.ly, in a: one: a shortener hides",
        "links: shop.pl, in a: one: the link is not https",
        "links: 192.0.2.7, in b: two: a link to a number",
        "links: links lead to go.else.io, mail comes from acme.pl",
    ):
        assert any(one.startswith(words) for one in found), (words, found)


def test_doctor_looks_at_the_mails_of_the_playbooks_that_run(world: World) -> None:
    world.write(
        "templates/email/short.html", "<a href='https://bit.ly/a'>x</a>{{ unsubscribe() }} {{ sender.address }}"
    )
    world.playbook(
        "wish",
        "trigger: {anniversary: {of: contact.birthday}}\nactions:\n"
        "  - send_email: {id: hello, template: email/short, subject: Hello}\n",
    )
    found = [f"{one.name}: {one.message}" for one in examine(world.app).checks]
    assert any(one.startswith("links: bit.ly, in wish: hello: a shortener") for one in found)
    assert "unsubscribe: every mail has List-Unsubscribe with one click (RFC 8058)" in found
