"""What every mailer promises: a mailer's test file inherits `MailerContract` and says only how its letters arrive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from connectors.base import Address, Attachment, Letter, Mailer, Mailing, Outcome, Verdict
from connectors.errors import Permanent

#: Names as a CRM may hold them, and as the receiver may see them.
AWKWARD_NAMES = {
    "Doe, Jane; Dr.": "Doe, Jane; Dr.",
    'Jane "JJ" Doe': 'Jane "JJ" Doe',
    "Jane\r\nBcc: eve@evil.example": "Jane Bcc: eve@evil.example",
    "Back\\slash <eve@evil.example>": "Back\\slash <eve@evil.example>",
    "Zoë 😀 🏳️‍🌈": "Zoë 😀 🏳️‍🌈",
    "دعاء محمد": "دعاء محمد",
    "=?utf-8?q?eve?=": "=?utf-8?q?eve?=",
    "x" * 300: "x" * 300,
    "\ud800 half": "? half",
    "\x00\x1b\u2028": "",
    "": "",
}


@dataclass(frozen=True)
class Delivered:
    """One letter as its receiver got it."""

    to: str
    name: str | None
    subject: str
    html: str
    text: str
    headers: Mapping[str, str]
    send_id: str | None
    files: Mapping[str, bytes] = field(default_factory=dict)


def letter(number: int, *, email: str | None = None, name: str | None = None) -> Letter:
    """A letter to person `number`, its text told apart by the number."""
    return Letter(
        send_id=f"send-{number:04}",
        to=Address(email or f"p{number}@people.example", name),
        substitutions={"%k.s%": f"No. {number}", "%k.h%": f"<b>{number}</b> &amp; é", "%k.t%": f"plain {number}"},
        headers={
            "List-Unsubscribe": f"<https://acme.example/u/{number}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )


def mailing(letters: Sequence[Letter]) -> Mailing:
    return Mailing(
        sender=Address("hello@acme.example", "Acme, Inc."),
        subject="Subject %k.s%",
        html="<p>Dear %k.h%,</p>\n<p>.</p>\n<p>bye %k.h%</p>",
        text="Dear %k.t%,\n.\n..\nFrom us",
        letters=letters,
        reply_to=Address("care@acme.example", "Acme Care"),
        categories=["anniversary"],
    )


def by_send(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {outcome.send_id: outcome for outcome in outcomes}


class MailerContract(ABC):
    """Inherit, give the fixture `mailer`, and say what was delivered."""

    @pytest.fixture
    @abstractmethod
    def mailer(self) -> Mailer: ...

    @abstractmethod
    def delivered(self) -> list[Delivered]: ...

    def test_each_letter_reaches_its_own_address_with_its_own_text(self, mailer: Mailer) -> None:
        outcomes = mailer.send(mailing([letter(number) for number in range(25)]))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        delivered = {mail.to: mail for mail in self.delivered()}
        assert len(self.delivered()) == len(delivered) == 25
        for number in range(25):
            mail = delivered[f"p{number}@people.example"]
            assert mail.subject == f"Subject No. {number}"
            assert mail.html == f"<p>Dear <b>{number}</b> &amp; é,</p>\n<p>.</p>\n<p>bye <b>{number}</b> &amp; é</p>"
            assert mail.text == f"Dear plain {number},\n.\n..\nFrom us"

    def test_each_letter_carries_its_own_unsubscribe_headers_and_send_id(self, mailer: Mailer) -> None:
        mailer.send(mailing([letter(number) for number in range(3)]))
        for mail in self.delivered():
            number = int(mail.to[1 : mail.to.index("@")])
            assert mail.headers["List-Unsubscribe"] == f"<https://acme.example/u/{number}>"
            assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            assert mail.send_id == mail.headers["X-Regulars-Send"] == f"send-{number:04}"

    def test_a_file_goes_along_with_every_letter_byte_for_byte(self, mailer: Mailer) -> None:
        files = [
            Attachment("Żółw & Co: März.pdf", "application/pdf", bytes(range(256)) * 40),
            Attachment("notes.csv", "text/csv", b"a,b\n.\n"),
        ]
        mailer.send(replace(mailing([letter(1), letter(2)]), attachments=files))
        received = self.delivered()
        assert len(received) == 2
        for mail in received:
            assert mail.files == {"Żółw & Co- März.pdf": files[0].content, "notes.csv": files[1].content}
            assert mail.text.startswith("Dear plain")

    def test_every_letter_has_one_outcome(self, mailer: Mailer) -> None:
        letters = [letter(1), letter(2, email="nobody"), letter(3, email="p1@people.example"), letter(4)]
        outcomes = mailer.send(mailing(letters))
        assert sorted(outcome.send_id for outcome in outcomes) == [letter.send_id for letter in letters]
        assert len([mail for mail in self.delivered() if mail.to == "p1@people.example"]) == 2

    @pytest.mark.parametrize(
        "email",
        [
            "nobody",
            "a@b@c.example",
            "eve@x.example\r\nBcc: more@x.example",
            "eve@x.example, more@x.example",
            "",
            "a b@c",
        ],
    )
    def test_a_bad_address_is_refused_and_concerns_that_letter_only(self, mailer: Mailer, email: str) -> None:
        outcomes = by_send(mailer.send(mailing([letter(1), replace(letter(2), to=Address(email)), letter(3)])))
        assert outcomes["send-0002"].verdict is Verdict.REFUSED
        assert repr(email) in (outcomes["send-0002"].reason or "")
        assert sorted(mail.to for mail in self.delivered()) == ["p1@people.example", "p3@people.example"]

    @pytest.mark.parametrize("name", AWKWARD_NAMES, ids=ascii)
    def test_no_name_can_add_a_header_or_a_recipient(self, mailer: Mailer, name: str) -> None:
        mailer.send(mailing([letter(1, name=name), letter(2)]))
        first, second = sorted(self.delivered(), key=lambda mail: mail.to)
        assert (first.to, second.to) == ("p1@people.example", "p2@people.example")
        assert "bcc" not in {header.lower() for header in first.headers}
        assert (first.name or "") == AWKWARD_NAMES[name]

    @pytest.mark.parametrize("words", ["Hi\r\nBcc: eve@evil.example", "a\n\nb", "Łódź ☀", "=?utf-8?q?x?=", "y" * 2000])
    def test_no_subject_can_add_a_header(self, mailer: Mailer, words: str) -> None:
        own = letter(1)
        outcomes = mailer.send(mailing([replace(own, substitutions={**own.substitutions, "%k.s%": words}), letter(2)]))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
        [mail] = [mail for mail in self.delivered() if mail.to == "p1@people.example"]
        assert mail.subject.split() == f"Subject {words}".split()
        assert "bcc" not in {header.lower() for header in mail.headers}

    def test_a_key_inside_somebodys_text_stays_text(self, mailer: Mailer) -> None:
        own = letter(1)
        tricky = replace(own, substitutions={**own.substitutions, "%k.h%": "I am %k.t% and %k.h%", "%k.t%": "%k.s%"})
        mailer.send(mailing([tricky, letter(2)]))
        [mail] = [mail for mail in self.delivered() if mail.to == "p1@people.example"]
        assert mail.html.startswith("<p>Dear I am %k.t% and %k.h%,</p>")
        assert mail.text.startswith("Dear %k.s%,")

    def test_a_letter_without_a_text_for_a_key_is_not_sent(self, mailer: Mailer) -> None:
        with pytest.raises(Permanent, match=r"letter send-0002 has no text for the key '%k\.h%'"):
            mailer.send(mailing([letter(1), replace(letter(2), substitutions={"%k.s%": "2", "%k.t%": "2"})]))
        assert self.delivered() == []

    @pytest.mark.parametrize("header", ["Subject", "bcc", "Content-Type", "X Y", "X:Y", ""])
    def test_a_letter_cannot_set_the_mailers_own_headers(self, mailer: Mailer, header: str) -> None:
        with pytest.raises(Permanent, match="header"):
            mailer.send(mailing([replace(letter(1), headers={header: "x"})]))
        assert self.delivered() == []

    def test_a_header_cannot_carry_another_one(self, mailer: Mailer) -> None:
        mailer.send(mailing([replace(letter(1), headers={"X-Note": "a\r\nBcc: eve@evil.example"})]))
        assert self.delivered()[0].headers["X-Note"] == "a Bcc: eve@evil.example"

    def test_no_letters_are_no_trouble(self, mailer: Mailer) -> None:
        assert list(mailer.send(mailing([]))) == []
