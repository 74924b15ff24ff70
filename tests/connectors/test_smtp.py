"""SMTP: the server's verdict on each recipient, and what stays in doubt when the line breaks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import Address, Letter, Verdict
from connectors.errors import AuthFailed, Permanent, SharedFault, Temporary, Unsupported
from connectors.limits import Caller
from connectors.mail.smtp import Smtp, SmtpSettings
from tests.connectors.test_mailer_contract import Delivered, MailerContract, by_send, letter, mailing
from tests.connectors.test_outbox import read
from tests.loopback.smtp import LoopbackSmtp, self_signed

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[LoopbackSmtp]:
    with LoopbackSmtp() as server:
        yield server


def connected(port: int, *, pauses: list[float] | None = None, **settings: Any) -> Smtp:
    """A mailer that writes down its pauses in place of making them."""
    pauses = [] if pauses is None else pauses
    return Smtp(
        SmtpSettings(**{"host": "127.0.0.1", "port": port, "tls": "none", **settings}),
        workspace=Path(),
        clock=lambda: NOON,
        caller=Caller(tries=4, seconds=60.0, sleep=pauses.append),
        timeout=5.0,
    )


@pytest.fixture
def mailer(server: LoopbackSmtp) -> Smtp:
    return connected(server.port)


def letters(count: int) -> list[Letter]:
    return [letter(number) for number in range(1, count + 1)]


class TestSmtpContract(MailerContract):
    @pytest.fixture
    def mailer(self, server: LoopbackSmtp) -> Smtp:
        self.server = server
        return connected(server.port)

    def delivered(self) -> list[Delivered]:
        mails = [replace(read(mail.content), to=mail.recipients[0]) for mail in self.server.mails]
        assert [read(mail.content).to for mail in self.server.mails] == [mail.to for mail in mails]
        return mails


def test_a_mailing_is_one_connection(server: LoopbackSmtp, mailer: Smtp) -> None:
    outcomes = mailer.send(mailing(letters(5)))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 5
    assert outcomes[0].message_id == "<send-0001@acme.example>"
    assert server.connections == 1
    assert server.mails[0].sender == "hello@acme.example"
    assert b"\r\nDate: Mon, 01 Mar 2027 12:00:00 +0000\r\n" in server.mails[0].content


def test_no_line_is_longer_or_other_than_mail_allows(server: LoopbackSmtp, mailer: Smtp) -> None:
    own = replace(letter(1, name="Ż" * 300), substitutions=dict.fromkeys(letter(1).substitutions, "ż\n" * 3000))
    mailer.send(mailing([own]))
    lines = server.mails[0].content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert all(line.isascii() and b"\n" not in line and b"\r" not in line for line in lines)


def test_a_refused_recipient_concerns_that_one_only(server: LoopbackSmtp, mailer: Smtp) -> None:
    server.answers["p2@people.example"] = "550 5.1.1 no such user"
    outcomes = mailer.send(mailing(letters(3)))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert outcomes[1].reason == "SMTP: 550 5.1.1 no such user"
    assert len(server.mails) == 2


def test_a_full_mailbox_is_for_later(server: LoopbackSmtp, mailer: Smtp) -> None:
    server.answers["p1@people.example"] = "450 4.2.1 try later"
    outcomes = mailer.send(mailing(letters(2)))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.RETURNED, Verdict.ACCEPTED]


@pytest.mark.parametrize(("answer", "verdict"), [("554 spam", Verdict.REFUSED), ("451 later", Verdict.RETURNED)])
def test_the_answer_to_the_text_is_that_letters(
    server: LoopbackSmtp, mailer: Smtp, answer: str, verdict: Verdict
) -> None:
    server.data_answers["p1@people.example"] = answer
    outcomes = mailer.send(mailing(letters(2)))
    assert [outcome.verdict for outcome in outcomes] == [verdict, Verdict.ACCEPTED]


@pytest.mark.parametrize("taken", [True, False])
def test_a_line_that_breaks_after_the_text_leaves_one_letter_in_doubt(
    server: LoopbackSmtp, mailer: Smtp, taken: bool
) -> None:
    (server.break_after_taking if taken else server.break_before_taking).add("p2@people.example")
    outcomes = mailer.send(mailing(letters(4)))
    assert [outcome.verdict for outcome in outcomes] == [
        Verdict.ACCEPTED,
        Verdict.UNSURE,
        Verdict.UNTRIED,
        Verdict.UNTRIED,
    ]
    assert len(server.mails) == (2 if taken else 1)


def test_a_line_that_breaks_before_the_text_leaves_no_doubt(server: LoopbackSmtp, mailer: Smtp) -> None:
    server.break_at_recipient.add("p2@people.example")
    verdicts = [outcome.verdict for outcome in mailer.send(mailing(letters(3)))]
    assert verdicts == [Verdict.ACCEPTED, Verdict.UNTRIED, Verdict.UNTRIED]


def test_a_server_that_closes_down_returns_the_rest(server: LoopbackSmtp, mailer: Smtp) -> None:
    server.answers["p2@people.example"] = "421 4.3.2 closing"
    outcomes = mailer.send(mailing(letters(3)))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED, Verdict.UNTRIED, Verdict.UNTRIED]
    assert server.connections == 1


def test_a_sender_that_may_not_send_is_for_a_person_to_mend(server: LoopbackSmtp, mailer: Smtp) -> None:
    server.sender_answer = "553 5.7.1 not your address"
    with pytest.raises(SharedFault, match=r"SMTP: MAIL FROM: 553 5\.7\.1 not your address"):
        mailer.send(mailing(letters(2)))


def test_a_sender_that_is_refused_when_the_recipient_is_named_is_no_fault_of_the_recipients(
    server: LoopbackSmtp, mailer: Smtp
) -> None:
    server.answers["p1@people.example"] = "553 5.7.1 <hello@acme.example>: Sender address rejected: not owned by user"
    with pytest.raises(SharedFault, match="RCPT TO: 553"):
        mailer.send(mailing(letters(2)))


def test_a_server_that_takes_no_mail_from_us_now_is_asked_once(server: LoopbackSmtp, mailer: Smtp) -> None:
    server.sender_answer = "452 4.3.1 out of space"
    with pytest.raises(Temporary, match="MAIL FROM: 452"):
        mailer.send(mailing(letters(200)))
    assert server.connections == 1


def test_a_closed_door_returns_the_letters_after_some_tries() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pauses: list[float] = []
        outcomes = connected(unused.getsockname()[1], pauses=pauses).send(mailing(letters(2)))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.UNTRIED] * 2
    assert "Connection refused" in (outcomes[0].reason or "")
    assert len(pauses) == 3


def test_an_address_beyond_ascii_is_refused_and_its_domain_is_not(server: LoopbackSmtp, mailer: Smtp) -> None:
    outcomes = by_send(mailer.send(mailing([letter(1, email="josé@x.example"), letter(2, email="jo@bücher.example")])))
    assert outcomes["send-0001"].verdict is Verdict.REFUSED
    assert server.mails[0].recipients == ["jo@xn--bcher-kva.example"]


def test_a_sender_beyond_ascii_is_said_before_anything_is_sent(server: LoopbackSmtp, mailer: Smtp) -> None:
    with pytest.raises(Permanent, match="sender's address 'josé@acme"):
        mailer.send(replace(mailing(letters(1)), sender=Address("josé@acme.example")))
    assert server.connections == 0


def test_mail_travels_encrypted_and_logged_in(locked: LoopbackSmtp) -> None:
    mailer = connected(locked.port, tls="starttls", user="acme", password="s3cret")
    assert [outcome.verdict for outcome in mailer.send(mailing(letters(1)))] == [Verdict.ACCEPTED]
    assert locked.encrypted[-1] is True


def test_mail_travels_encrypted_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with LoopbackSmtp(certificate=certificate, implicit=True) as server:
        mailer = connected(server.port, tls="implicit")
        assert [outcome.verdict for outcome in mailer.send(mailing(letters(1)))] == [Verdict.ACCEPTED]
        assert len(server.mails) == 1


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackSmtp]:
    """A server that wants a password."""
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with LoopbackSmtp(certificate=certificate, login=("acme", "s3cret")) as server:
        yield server


def test_a_wrong_password_is_said_without_it(locked: LoopbackSmtp) -> None:
    with pytest.raises(AuthFailed, match="535") as raised:
        connected(locked.port, tls="starttls", user="acme", password="wr0ng").send(mailing(letters(1)))
    assert "wr0ng" not in str(raised.value)


def test_a_server_that_wants_a_log_in_refuses_nobody(locked: LoopbackSmtp) -> None:
    with pytest.raises(AuthFailed, match="530"):
        connected(locked.port, tls="starttls").send(mailing(letters(2)))


def test_a_server_without_tls_is_not_written_to_in_the_clear(server: LoopbackSmtp) -> None:
    with pytest.raises(Unsupported, match="does not offer what the settings ask for"):
        connected(server.port, tls="starttls").send(mailing(letters(1)))
    assert server.mails == []


def test_a_certificate_nobody_knows_returns_the_letters(tmp_path: Path) -> None:
    with LoopbackSmtp(certificate=self_signed(tmp_path)) as server:
        [outcome] = connected(server.port, tls="starttls").send(mailing(letters(1)))
    assert outcome.verdict is Verdict.UNTRIED
    assert "certificate verify failed" in (outcome.reason or "")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": ""}, "at least 1 character"),
        ({"user": "acme"}, "give both or neither"),
        ({"user": "acme", "password": "hasło-tajne"}, "plain ASCII"),
        ({"tls": "ssl"}, "'starttls', 'implicit' or 'none'"),
        ({"port": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_said_plainly_without_the_password(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as raised:
        SmtpSettings(**{"host": "mail.acme.example", **settings})
    assert "tajne" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "loopback"), [("localhost", True), ("127.0.0.2", True), ("::1", True), ("mail.acme.example", False)]
)
def test_a_rehearsal_is_told_by_its_address(host: str, loopback: bool) -> None:
    assert connected(25, host=host).loopback is loopback
