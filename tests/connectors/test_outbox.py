"""The outbox: files anybody can open, and a page that lists them."""

from __future__ import annotations

import email
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest

from connectors.base import Address, Verdict
from connectors.errors import Permanent, Temporary
from connectors.mail.outbox import Outbox, OutboxSettings
from tests.connectors.test_mailer_contract import Delivered, MailerContract, letter, mailing

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def outbox(workspace: Path) -> Outbox:
    return Outbox(OutboxSettings(), workspace=workspace, clock=lambda: NOON)


def read(raw: bytes) -> Delivered:
    """A MIME message as a mail client reads it."""
    message = cast(EmailMessage, email.message_from_bytes(raw, policy=policy.default))
    assert message.defects == []
    assert len(message["To"].addresses) == 1
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    assert html is not None
    assert text is not None
    return Delivered(
        to=message["To"].addresses[0].addr_spec,
        name=message["To"].addresses[0].display_name,
        subject=str(message["Subject"]),
        html=html.get_content().replace("\r\n", "\n"),
        text=text.get_content().replace("\r\n", "\n"),
        headers={name: str(value) for name, value in message.items()},
        send_id=str(message["Message-ID"]).strip("<").partition("@")[0],
        files={str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_attachments()},
    )


class TestOutboxContract(MailerContract):
    @pytest.fixture
    def mailer(self, tmp_path: Path) -> Outbox:
        self.folder = tmp_path / "outbox"
        return outbox(tmp_path)

    def delivered(self) -> list[Delivered]:
        return [read(path.read_bytes()) for path in sorted(self.folder.glob("*.eml"))]


def page(workspace: Path) -> str:
    return (workspace / "outbox" / "index.html").read_text("utf-8")


def test_a_letter_is_a_mail_file_and_a_page(tmp_path: Path) -> None:
    outbox(tmp_path).send(mailing([letter(1)]))
    assert sorted(path.name for path in (tmp_path / "outbox").iterdir()) == [
        "index.html",
        "index.jsonl",
        "send-0001.eml",
        "send-0001.html",
    ]
    assert "Dear <b>1</b> &amp; é" in (tmp_path / "outbox" / "send-0001.html").read_text("utf-8")
    message = email.message_from_bytes((tmp_path / "outbox" / "send-0001.eml").read_bytes(), policy=policy.default)
    assert message["Date"].datetime == NOON
    assert message["Reply-To"] == "Acme Care <care@acme.example>"
    assert message["From"].addresses[0].display_name == "Acme, Inc."


def test_the_same_send_twice_is_one_letter(tmp_path: Path) -> None:
    mailer = outbox(tmp_path)
    mailer.send(mailing([letter(1)]))
    before = (tmp_path / "outbox" / "send-0001.eml").read_bytes()
    outcomes = outbox(tmp_path).send(mailing([letter(1)]))
    assert outcomes[0].verdict is Verdict.ACCEPTED
    assert (tmp_path / "outbox" / "send-0001.eml").read_bytes() == before
    assert page(tmp_path).count("<article>") == 1
    assert "1 letter," in page(tmp_path)


def test_the_page_lists_the_newest_first_and_links_to_each(tmp_path: Path) -> None:
    mailer = outbox(tmp_path)
    mailer.send(mailing([letter(1)]))
    mailer.send(mailing([letter(2, name='Eve <script>"')]))
    html = page(tmp_path)
    assert html.index("Subject No. 2") < html.index("Subject No. 1")
    assert 'href="send-0002.html"' in html
    assert "anniversary" in html
    assert "01 Mar 2027, 12:00 UTC" in html
    assert "<script>" not in html


def test_the_page_shows_200_and_says_how_many_more(tmp_path: Path) -> None:
    mailer = outbox(tmp_path)
    mailer.send(mailing([letter(number) for number in range(220)]))
    assert page(tmp_path).count("<article>") == 200
    assert "220 letters" in page(tmp_path)
    assert "and 20 older ones" in page(tmp_path)


def test_two_outboxes_on_one_folder_list_each_others_letters(tmp_path: Path) -> None:
    one, other = outbox(tmp_path), outbox(tmp_path)
    one.send(mailing([letter(1)]))
    other.send(mailing([letter(2)]))
    one.send(mailing([letter(3)]))
    assert page(tmp_path).count("<article>") == 3


def test_a_line_cut_short_in_the_ledger_costs_nothing_else(tmp_path: Path) -> None:
    outbox(tmp_path).send(mailing([letter(1)]))
    ledger = tmp_path / "outbox" / "index.jsonl"
    ledger.write_bytes(ledger.read_bytes() + b'{"send_id": "half')
    outbox(tmp_path).send(mailing([letter(2)]))
    assert outbox(tmp_path).send(mailing([letter(3)]))[0].verdict is Verdict.ACCEPTED
    assert page(tmp_path).count("<article>") == 3


def test_a_killed_writer_leaves_nothing_behind(tmp_path: Path) -> None:
    outbox(tmp_path).send(mailing([letter(1)]))
    (tmp_path / "outbox" / "send-0001.eml").unlink()
    draft = tmp_path / "outbox" / ".send-0001.eml.1.1.part"
    draft.write_text("half a let")
    os.utime(draft, (1, 1))
    outbox(tmp_path).send(mailing([letter(1), letter(2)]))
    assert not draft.exists()
    assert page(tmp_path).count("<article>") == 2


def test_a_send_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    outbox(tmp_path).send(mailing([replace(letter(1), send_id="../../evil")]))
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]
    assert (tmp_path / "outbox" / "______evil.eml").exists()


def test_an_address_in_any_script_is_kept(tmp_path: Path) -> None:
    outbox(tmp_path).send(mailing([letter(1, email="josé@bücher.example")]))
    assert "josé@bücher.example" in (tmp_path / "outbox" / "send-0001.eml").read_text("utf-8")


def test_a_file_where_the_folder_should_be_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(Temporary, match=r"cannot write to .*outbox: File exists; .* choose another `path:`"):
        outbox(tmp_path).send(mailing([letter(1)]))


def test_a_letter_that_cannot_be_written_is_returned_alone(tmp_path: Path) -> None:
    (tmp_path / "outbox" / "send-0001.html").mkdir(parents=True)
    outcomes = {outcome.send_id: outcome for outcome in outbox(tmp_path).send(mailing([letter(1), letter(2)]))}
    assert outcomes["send-0001"].verdict is Verdict.RETURNED
    assert outcomes["send-0002"].verdict is Verdict.ACCEPTED


def test_the_date_is_the_clocks(tmp_path: Path) -> None:
    times = iter([NOON, NOON + timedelta(days=1)])
    mailer = Outbox(OutboxSettings(), workspace=tmp_path, clock=lambda: next(times))
    mailer.send(mailing([letter(1)]))
    mailer.send(mailing([letter(2)]))
    assert "02 Mar 2027" in page(tmp_path)
    assert "01 Mar 2027" in page(tmp_path)


def test_a_mailing_without_a_sender_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="sender"):
        outbox(tmp_path).send(replace(mailing([letter(1)]), sender=Address("")))
