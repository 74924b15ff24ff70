"""Requests by mail become tickets, our answers answer them, and what machines wrote is nobody's request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Cursor, Page
from connectors.errors import AuthFailed, Permanent, Temporary
from connectors.feeds.imap import Imap, ImapSettings
from connectors.feeds.letters import Unanswered, records_of
from connectors.limits import Caller
from connectors.records import Contact, Message, Record, Ticket
from tests.loopback.imap import PASSWORD, USER, LoopbackImap

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
OURS = ("support@acme.example",)
ASKED = """\
From: "Ada Lovelace" <Ada@example.org>
To: Support <support@acme.example>
Subject: =?utf-8?q?Wo_bleibt_=C3=A4s=3F?=
Date: Tue, 10 Mar 2026 12:30:00 +0100
Message-ID: <q1@example.org>"""
ANSWERED = """\
From: support@acme.example
To: ada@example.org
Subject: Re: Wo
Date: Tue, 10 Mar 2026 13:00:00 +0100
Message-ID: <a1@acme.example>
In-Reply-To: <q1@example.org>
References: <q1@example.org>"""


def read(head: str) -> Any:
    return records_of(head.encode(), OURS, NOON)


def test_a_request_is_a_ticket_of_whoever_wrote_with_its_subject_and_time() -> None:
    contact, ticket, message = read(ASKED)
    assert (contact.contact_id, contact.first_name, contact.last_name) == ("ada@example.org", "Ada", "Lovelace")
    assert (ticket.ticket_id, ticket.message_id, ticket.subject) == (
        "<q1@example.org>",
        "<q1@example.org>",
        "Wo bleibt äs?",
    )
    assert ticket.created_at == message.at == datetime(2026, 3, 10, 11, 30, tzinfo=UTC)


def test_our_answer_is_a_message_of_the_same_thread() -> None:
    (message,) = read(ANSWERED)
    assert (message.thread_id, message.direction, message.contact_id) == ("<q1@example.org>", "out", "ada@example.org")


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; type=vacation",
        "Precedence: bulk",
        "List-Id: <news.example.org>",
        "List-Unsubscribe: <mailto:off@example.org>",
        "X-Auto-Response-Suppress: All",
        "Return-Path: <>",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    ],
)
def test_what_a_machine_or_a_list_sent_is_nobodys_request(line: str) -> None:
    assert isinstance(read(f"{ASKED}\n{line}"), Unanswered)
    assert not isinstance(read(f"{ASKED}\nAuto-Submitted: no"), Unanswered)


@pytest.mark.parametrize(
    "who", ["MAILER-DAEMON", "no-reply", "noreply+17", "owner-list", "list-request", "bounces+a=b"]
)
def test_nobody_answers_who_reads_no_answers(who: str) -> None:
    assert isinstance(read(ASKED.replace("Ada@example.org", f"{who}@example.org")), Unanswered)


def test_mail_that_names_none_of_our_addresses_or_no_sender_begins_nothing() -> None:
    assert isinstance(read(ASKED.replace("support@acme.example", "others@acme.example")), Unanswered)
    assert isinstance(read(ASKED.replace("From:", "X-From:")), Unanswered)
    assert isinstance(read("\x00\xff nonsense"), Unanswered)


def test_a_date_of_tomorrow_or_none_is_the_time_it_came() -> None:
    for date in ("Date: Wed, 11 Mar 2099 12:30:00 +0100", "Date: soon", "X: y"):
        assert read(ASKED.replace("Date: Tue, 10 Mar 2026 12:30:00 +0100", date))[1].created_at == NOON


@pytest.fixture
def imap() -> Iterator[LoopbackImap]:
    with LoopbackImap() as running:
        yield running


def pulled(imap: LoopbackImap, cursor: Cursor | None = None, **told: Any) -> tuple[list[Record], list[Page]]:
    keys = {"host": "127.0.0.1", "port": imap.port, "user": USER, "password": PASSWORD, "addresses": OURS, "tls": False}
    settings = ImapSettings.model_validate({"type": "imap", **keys, **told})
    with closing(Imap(settings, caller=Caller(tries=1))) as source:
        pages = list(source.pull(cursor, full=False, now=NOON))
    return [record for page in pages for record in page.records], pages


def test_a_mailbox_is_read_from_where_it_was_left_and_nothing_in_it_is_marked(imap: LoopbackImap) -> None:
    imap.deliver("INBOX", ASKED.replace("q1", "q0"), NOON - timedelta(days=100))
    imap.deliver("INBOX", ASKED, NOON)
    imap.deliver("Sent", ANSWERED, NOON)
    records, pages = pulled(imap)
    assert [type(record) for record in records] == [Contact, Ticket, Message, Message]
    assert pulled(imap, pages[-1].cursor) == ([], [])
    imap.deliver("INBOX", ASKED.replace("q1", "q2"), NOON)
    again, _ = pulled(imap, pages[-1].cursor)
    assert [one.ticket_id for one in again if isinstance(one, Ticket)] == ["<q2@example.org>"]
    assert {line.split()[1] for line in imap.said} <= {"CAPABILITY", "LOGIN", "EXAMINE", "UID", "LOGOUT"}


def test_a_mailbox_that_was_made_anew_is_read_from_its_beginning(imap: LoopbackImap) -> None:
    imap.deliver("INBOX", ASKED, NOON)
    _, pages = pulled(imap)
    imap.validity = 8
    assert len(pulled(imap, pages[-1].cursor)[0]) == 3


def test_a_mailboxs_errors_are_named_for_what_the_caller_does(imap: LoopbackImap) -> None:
    with pytest.raises(AuthFailed, match="Invalid credentials"):
        pulled(imap, password="wrong")
    with pytest.raises(Permanent, match="there is no folder 'Gesendet'"):
        pulled(imap, sent="Gesendet")
    with pytest.raises(Temporary, match="no answer"):
        pulled(imap, port=9)
