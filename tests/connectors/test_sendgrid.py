"""SendGrid: what its answers mean for each letter, against a server that enforces its limits."""

from __future__ import annotations

import base64
import json
import logging
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import Actor, Address, Letter, MailEventKind, Outcome, Verdict
from connectors.errors import AuthFailed, Permanent, SharedFault
from connectors.limits import Caller
from connectors.mail.sendgrid import SendGridMailer, SendGridSettings
from tests.connectors.test_mailer_contract import Delivered, MailerContract, by_send, letter, mailing
from tests.loopback.sendgrid import LoopbackSendGrid


@pytest.fixture
def sendgrid() -> Iterator[LoopbackSendGrid]:
    with LoopbackSendGrid() as server:
        yield server


def connected(url: str, *, pauses: list[float] | None = None, timeout: float = 20.0, **settings: Any) -> SendGridMailer:
    """A mailer that writes down its pauses in place of making them."""
    pauses = [] if pauses is None else pauses
    return SendGridMailer(
        SendGridSettings(**{"api_key": "SG.loopback", "base_url": url, **settings}),
        workspace=Path(),
        caller=Caller(tries=4, seconds=60.0, sleep=pauses.append),
        timeout=timeout,
    )


@pytest.fixture
def mailer(sendgrid: LoopbackSendGrid) -> SendGridMailer:
    return connected(sendgrid.url)


def letters(count: int) -> list[Letter]:
    return [letter(number) for number in range(count)]


def tally(outcomes: Any) -> Counter[Verdict]:
    return Counter(outcome.verdict for outcome in outcomes)


class TestSendGridContract(MailerContract):
    @pytest.fixture
    def mailer(self, sendgrid: LoopbackSendGrid) -> SendGridMailer:
        self.sendgrid = sendgrid
        return connected(sendgrid.url)

    def delivered(self) -> list[Delivered]:
        return [
            Delivered(
                to=mail.to,
                name=mail.name,
                subject=mail.subject,
                html=mail.html,
                text=mail.text,
                headers=mail.headers,
                send_id=mail.custom_args["regulars_send"],
                files=mail.files,
            )
            for mail in self.sendgrid.mails
            if mail.dropped is None
        ]


# One call


def test_a_thousand_letters_are_one_call(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    outcomes = mailer.send(mailing(letters(1000)))
    assert tally(outcomes) == {Verdict.ACCEPTED: 1000}
    assert [(request.letters, request.status) for request in sendgrid.requests] == [(1000, 202)]
    assert {outcome.message_id for outcome in outcomes} == {sendgrid.mails[0].message_id}


def test_what_is_more_than_a_call_holds_goes_in_several(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    twice = [replace(own, send_id=f"again-{own.send_id}") for own in letters(2)]
    assert tally(mailer.send(mailing([*letters(1001), *twice]))) == {Verdict.ACCEPTED: 1003}
    assert [request.letters for request in sendgrid.requests] == [1000, 1, 2]


def test_one_address_in_two_spellings_is_one_address(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    outcomes = mailer.send(mailing([letter(1, email="Ann@people.example"), letter(2, email="ann@People.example")]))
    assert tally(outcomes) == {Verdict.ACCEPTED: 2}
    assert len(sendgrid.requests) == 2


@pytest.mark.parametrize(
    "own",
    [
        {"%k.h%": "й" * 5_000},
        {f"%extra.{number}%": "x" for number in range(101)},
        {"%k.s%": "two\nlines", "%k.t%": "two"},
    ],
    ids=["over 10,000 bytes", "over 100 keys", "a line break for the subject"],
)
def test_a_letter_that_cannot_share_a_call_goes_written_out(
    sendgrid: LoopbackSendGrid, mailer: SendGridMailer, own: dict[str, str]
) -> None:
    large = replace(letter(1), substitutions={**letter(1).substitutions, **own})
    assert tally(mailer.send(mailing([large, letter(2), letter(3)]))) == {Verdict.ACCEPTED: 3}
    assert [request.letters for request in sendgrid.requests] == [1, 2]
    assert large.substitutions["%k.h%"] in sendgrid.to("p1@people.example")[0].html


def test_calls_stay_under_30_megabytes(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    # In JSON each of these characters takes six bytes.
    long = [replace(own, substitutions={**own.substitutions, "%k.h%": "й" * 4_800}) for own in letters(1000)]
    large = replace(mailing(long), html="%k.h%" + "<p>й</p>" * 300_000)
    assert tally(mailer.send(large)) == {Verdict.ACCEPTED: 1000}
    assert [request.letters for request in sendgrid.requests] == [500, 500]


def test_an_international_domain_travels_in_its_ascii_form(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    outcomes = by_send(mailer.send(mailing([letter(1, email="jo@bücher.example"), letter(2, email="josé@x.example")])))
    assert [mail.to for mail in sendgrid.mails] == ["jo@xn--bcher-kva.example"]
    assert outcomes["send-0002"].verdict is Verdict.REFUSED


def test_tracking_is_said_explicitly_and_never_doubled(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    mailer.send(mailing(letters(1)))
    assert sendgrid.requests[0].body["tracking_settings"] == {
        "open_tracking": {"enable": True},
        "click_tracking": {"enable": True, "enable_text": False},
        "subscription_tracking": {"enable": False},
        "ganalytics": {"enable": False},
    }
    assert sendgrid.mails[0].categories == ("anniversary",)
    assert sendgrid.mails[0].reply_to == {"email": "care@acme.example", "name": "Acme Care"}


def test_the_settings_reach_the_call(sendgrid: LoopbackSendGrid) -> None:
    connected(sendgrid.url, tracking=False, unsubscribe_group=7).send(mailing(letters(1)))
    body = sendgrid.requests[0].body
    assert body["asm"] == {"group_id": 7}
    assert body["tracking_settings"]["open_tracking"] == {"enable": False}


def test_the_sandbox_checks_and_sends_nothing(sendgrid: LoopbackSendGrid) -> None:
    [outcome] = connected(sendgrid.url, sandbox=True).send(mailing(letters(1)))
    assert (outcome.verdict, outcome.reason) == (Verdict.ACCEPTED, "the sandbox checked it and sent nothing")
    assert sendgrid.mails == []


def test_a_label_is_no_reason_to_keep_a_mail_back(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    mailer.send(replace(mailing(letters(1)), categories=["Grüße", "Grüße", "тест", "x" * 256, "a\nb"]))
    assert sendgrid.mails[0].categories == ("Grue", "x" * 255, "a b")


def test_too_many_categories_never_leave(mailer: SendGridMailer) -> None:
    with pytest.raises(Permanent, match="at most 10 categories, not 11"):
        mailer.send(replace(mailing(letters(1)), categories=[f"c{number}" for number in range(11)]))


def test_a_key_inside_another_key_is_the_callers_mistake(mailer: SendGridMailer) -> None:
    nested = replace(letter(1), substitutions={**letter(1).substitutions, "%k.s%2": "x"})
    with pytest.raises(Permanent, match=r"the key '%k\.s%' is part of another key"):
        mailer.send(mailing([nested]))


# Refusals


def test_a_letter_that_sendgrid_names_is_refused_alone(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    bad = letter(3, email="no-dot@localhost")
    outcomes = by_send(mailer.send(mailing([letter(1), letter(2), bad, letter(4)])))
    assert outcomes["send-0003"] == Outcome(
        "send-0003", Verdict.REFUSED, reason="SendGrid: 400 Does not contain a valid address."
    )
    assert tally(outcomes.values()) == {Verdict.ACCEPTED: 3, Verdict.REFUSED: 1}
    assert [request.status for request in sendgrid.requests] == [400, 202]


def test_a_refusal_without_a_name_is_narrowed_down(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    sendgrid.unnamed = {"p5@people.example", "p900@people.example"}
    outcomes = by_send(mailer.send(mailing(letters(1000))))
    assert tally(outcomes.values()) == {Verdict.ACCEPTED: 998, Verdict.REFUSED: 2}
    assert outcomes["send-0005"].verdict is outcomes["send-0900"].verdict is Verdict.REFUSED
    assert len(sendgrid.mails) == len({mail.to for mail in sendgrid.mails}) == 998
    assert len(sendgrid.requests) < 45


def test_a_fault_of_the_mailing_is_not_looked_for_in_a_thousand_letters(
    sendgrid: LoopbackSendGrid, mailer: SendGridMailer
) -> None:
    with pytest.raises(SharedFault, match="400 The subject is required"):
        mailer.send(replace(mailing(letters(1000)), subject=""))
    assert len(sendgrid.requests) == 1


def test_a_call_that_is_too_large_is_halved(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    sendgrid.inject("413", times=3)
    assert tally(mailer.send(mailing(letters(8)))) == {Verdict.ACCEPTED: 8}
    assert [(request.letters, request.status) for request in sendgrid.requests[:4]] == [
        (8, 413),
        (4, 413),
        (2, 413),
        (1, 202),
    ]
    assert sorted(mail.to for mail in sendgrid.mails) == sorted(own.to.email for own in letters(8))


@pytest.mark.parametrize("fault", ["401", "403", "406"])
def test_a_wrong_key_takes_nothing(sendgrid: LoopbackSendGrid, mailer: SendGridMailer, fault: str) -> None:
    sendgrid.inject(fault)
    with pytest.raises(Permanent) as raised:
        mailer.send(mailing(letters(3)))
    assert isinstance(raised.value, AuthFailed) == (fault != "406")
    assert "SG." not in str(raised.value)
    assert len(sendgrid.requests) == 1


def test_a_key_that_is_revoked_halfway_loses_no_outcome(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    sendgrid.inject("401", after=1)
    outcomes = mailer.send(mailing(letters(1500)))
    assert tally(outcomes) == {Verdict.ACCEPTED: 1000, Verdict.UNTRIED: 500}


# Trouble


@pytest.mark.parametrize("fault", ["429", "503"])
def test_what_was_certainly_not_taken_is_tried_again(sendgrid: LoopbackSendGrid, fault: str) -> None:
    pauses: list[float] = []
    sendgrid.inject(fault, times=2)
    outcomes = connected(sendgrid.url, pauses=pauses).send(mailing(letters(3)))
    assert tally(outcomes) == {Verdict.ACCEPTED: 3}
    assert len(sendgrid.mails) == 3
    assert len(pauses) == 2


def test_what_stays_refused_for_now_is_returned_with_sendgrids_pause(sendgrid: LoopbackSendGrid) -> None:
    sendgrid.inject("429", times=9)
    outcomes = connected(sendgrid.url).send(mailing(letters(1001)))
    assert tally(outcomes) == {Verdict.UNTRIED: 1001}
    assert 0 <= (outcomes[0].retry_after or -1) <= 2
    assert "429 too many requests" in (outcomes[0].reason or "")
    assert len(sendgrid.requests) == 4


def test_a_closed_door_returns_the_letters() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        pauses: list[float] = []
        outcomes = connected(url, pauses=pauses).send(mailing(letters(2)))
    assert tally(outcomes) == {Verdict.UNTRIED: 2}
    assert "cannot be reached" in (outcomes[0].reason or "")
    assert len(pauses) == 3


def test_a_handshake_that_fails_returns_the_letters(sendgrid: LoopbackSendGrid) -> None:
    outcomes = connected(sendgrid.url.replace("http:", "https:")).send(mailing(letters(2)))
    assert tally(outcomes) == {Verdict.UNTRIED: 2}


@pytest.mark.parametrize(
    ("fault", "taken"),
    [("500", 0), ("500 after", 2), ("502 after", 2), ("drop", 0), ("drop after", 2), ("slow", 2), ("302", 0)],
)
def test_what_nobody_can_know_is_unsure_and_never_sent_again(
    sendgrid: LoopbackSendGrid, fault: str, taken: int
) -> None:
    sendgrid.inject(fault)
    outcomes = connected(sendgrid.url, timeout=0.3).send(mailing(letters(2)))
    assert tally(outcomes) == {Verdict.UNSURE: 2}
    assert outcomes[0].reason
    assert len(sendgrid.mails) == taken
    assert sendgrid.asked == ["POST /v3/mail/send"]


def test_a_lost_call_puts_no_other_in_doubt(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    sendgrid.inject("502 after", after=1)
    outcomes = mailer.send(mailing(letters(2003)))
    assert tally(outcomes) == {Verdict.ACCEPTED: 1000, Verdict.UNSURE: 1000, Verdict.UNTRIED: 3}
    assert len(sendgrid.requests) == 2


def test_nothing_of_a_call_is_logged(
    sendgrid: LoopbackSendGrid, mailer: SendGridMailer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mailer.send(mailing(letters(1)))
    assert "SG.loopback" not in caplog.text
    assert "people.example" not in caplog.text


# Settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api_key": ""}, "must be SendGrid's API key"),
        ({"api_key": "SG.ключ"}, "must be SendGrid's API key"),
        ({"base_url": "http://api.sendgrid.com"}, "must begin with https://"),
        ({"webhook_key": "not a key"}, "must be the verification key"),
        ({"api_keys": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_said_plainly_without_the_key(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as raised:
        SendGridSettings(**{"api_key": "SG.secret", **settings})  # type: ignore[arg-type]
    assert "SG." not in str(raised.value)


def test_a_key_pasted_with_a_line_break_works(sendgrid: LoopbackSendGrid) -> None:
    assert tally(connected(sendgrid.url, api_key="SG.loopback\n").send(mailing(letters(1)))) == {Verdict.ACCEPTED: 1}


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8025", True),
        ("http://localhost:8025/", True),
        ("http://[::1]:8025", True),
        ("https://api.sendgrid.com", False),
        ("https://api.eu.sendgrid.com", False),
        ("https://127.0.0.1.evil.example", False),
    ],
)
def test_a_rehearsal_is_told_by_its_address(url: str, loopback: bool) -> None:
    assert connected(url).loopback is loopback


# Events

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())


def test_sendgrids_events_become_ours(sendgrid: LoopbackSendGrid, mailer: SendGridMailer) -> None:
    mailer.send(mailing([letter(1)]))
    kinds = {
        "processed": (MailEventKind.PROCESSED, None),
        "deferred": (MailEventKind.DEFERRED, None),
        "delivered": (MailEventKind.DELIVERED, None),
        "bounce": (MailEventKind.BOUNCED, None),
        "blocked": (MailEventKind.BLOCKED, None),
        "dropped": (MailEventKind.DROPPED, None),
        "machine_open": (MailEventKind.OPENED, Actor.MACHINE),
        "open": (MailEventKind.OPENED, None),  # by whom, the evidence tells
        "click": (MailEventKind.CLICKED, None),
        "spamreport": (MailEventKind.COMPLAINED, None),
        "unsubscribe": (MailEventKind.UNSUBSCRIBED, None),
        "group_unsubscribe": (MailEventKind.UNSUBSCRIBED, None),
        "group_resubscribe": (MailEventKind.RESUBSCRIBED, None),
    }
    rows = sendgrid.events_for(sendgrid.mails[0], *kinds, at=STAMP)
    events = list(mailer.events(json.dumps(rows).encode()))
    assert [(event.kind, event.actor) for event in events] == list(kinds.values())
    assert {event.send_id for event in events} == {"send-0001"}
    assert {event.message_id for event in events} == {sendgrid.mails[0].message_id}
    assert [event.event_id for event in events] == [row["sg_event_id"] for row in rows]
    assert events[0].at == NOW
    assert "does not exist" in (events[3].reason or "")
    assert events[8].url == "https://acme.example/shop"
    assert [(event.user_agent, event.ip) for event in events[7:10]] == [
        *[("Mozilla/5.0 (Macintosh)", "127.0.0.1")] * 2,
        (None, None),
    ]


def test_garbage_among_events_stops_no_other(mailer: SendGridMailer) -> None:
    good = {"event": "delivered", "timestamp": str(STAMP), "sg_event_id": "e1", "regulars_send": "s1"}
    rows = [
        None,
        7,
        [],
        {},
        {"event": "account_status_change", "timestamp": STAMP},
        {"event": ["open"], "timestamp": STAMP},
        {"event": "open"},
        {"event": "open", "timestamp": "soon"},
        {"event": "open", "timestamp": 1e300},
        {"event": "open", "timestamp": True},
        good,
        {**good, "sg_event_id": 5, "email": {"x": 1}, "regulars_send": 7, "reason": "a\0b\ud800"},
    ]
    events = list(mailer.events(json.dumps(rows).encode()))
    assert [event.send_id for event in events] == ["s1", None]
    assert events[1].reason == "ab?"
    assert events[1].address is None


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"nonsense", b"[" * 100_000, b'"text"', b"null", b'{"errors": 1}'])
def test_a_body_that_is_no_event_list_is_a_fault(mailer: SendGridMailer, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(mailer.events(body))


def test_an_event_without_an_id_is_recognised_when_it_comes_again(mailer: SendGridMailer) -> None:
    body = json.dumps([{"event": "open", "timestamp": STAMP, "email": "a@x.example"}]).encode()
    [first], [again] = list(mailer.events(body)), list(mailer.events(body))
    assert first.event_id == again.event_id
    [other] = mailer.events(body.replace(b"open", b"click"))
    assert other.event_id != first.event_id


def test_a_signed_body_is_sendgrids(sendgrid: LoopbackSendGrid) -> None:
    mailer = connected(sendgrid.url, webhook_key=sendgrid.webhook_key)
    body = '[{"event":"open","email":"żółć@x.example"}]\r\n'.encode()
    headers = sendgrid.sign(body, STAMP)
    assert mailer.verify(headers, body, now=NOW)
    assert mailer.verify(headers, body, now=NOW + timedelta(hours=24, minutes=59))
    assert not mailer.verify(headers, body, now=NOW + timedelta(hours=25, minutes=1))
    assert not mailer.verify(headers, body.rstrip(), now=NOW)
    assert not mailer.verify(headers, body + b" ", now=NOW)


def test_a_key_in_pem_is_the_same_key(sendgrid: LoopbackSendGrid) -> None:
    lines = [
        "-----BEGIN PUBLIC KEY-----",
        sendgrid.webhook_key[:64],
        sendgrid.webhook_key[64:],
        "-----END PUBLIC KEY-----",
    ]
    pem = "\n".join(lines)
    assert connected(sendgrid.url, webhook_key=pem).verify(sendgrid.sign(b"[]", STAMP), b"[]", now=NOW)


SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "nonsense"},
        {SIGNATURE: "é"},
        {SIGNATURE: base64.b64encode(b"0" * 70).decode()},
        {TIMESTAMP: ""},
        {TIMESTAMP: "now"},
        {TIMESTAMP: "9" * 40},
        {TIMESTAMP: str(STAMP + 1)},
        {TIMESTAMP: f" {STAMP}"},
        {TIMESTAMP: "²"},
    ],
)
def test_anything_else_is_not_sendgrids(sendgrid: LoopbackSendGrid, change: dict[str, str]) -> None:
    mailer = connected(sendgrid.url, webhook_key=sendgrid.webhook_key)
    assert not mailer.verify({**sendgrid.sign(b"[]", STAMP), **change}, b"[]", now=NOW)


def test_without_headers_or_without_a_key_nothing_is_sendgrids(sendgrid: LoopbackSendGrid) -> None:
    assert not connected(sendgrid.url, webhook_key=sendgrid.webhook_key).verify({}, b"[]", now=NOW)
    assert not connected(sendgrid.url, webhook_key="").verify(sendgrid.sign(b"[]", STAMP), b"[]", now=NOW)


def test_another_accounts_signature_is_not_ours(sendgrid: LoopbackSendGrid) -> None:
    with LoopbackSendGrid() as stranger:
        mailer = connected(sendgrid.url, webhook_key=sendgrid.webhook_key)
        assert not mailer.verify(stranger.sign(b"[]", STAMP), b"[]", now=NOW)


# The loopback server itself: a test is worth what its double refuses


def call(count: int = 1, **changes: Any) -> dict[str, Any]:
    """A request body that SendGrid takes."""
    return {
        "personalizations": [{"to": [{"email": f"p{number}@people.example"}]} for number in range(count)],
        "from": {"email": "hello@acme.example"},
        "subject": "Hi",
        "content": [{"type": "text/html", "value": "<p>Hi</p>"}],
        **changes,
    }


def personal(**changes: Any) -> dict[str, Any]:
    return call(personalizations=[{"to": [{"email": "a@people.example"}], **changes}])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (call(1001), "personalizations"),
        (call(personalizations=[]), "personalizations"),
        (
            call(personalizations=[{"to": [{"email": "a@x.example"}]}, {"to": [{"email": "A@x.example"}]}]),
            "personalizations",
        ),
        (personal(to=[{"email": "nobody"}]), "personalizations.0.to.0.email"),
        (personal(to=[{"email": "josé@x.example"}]), "personalizations.0.to.0.email"),
        (personal(to=[]), "personalizations.0.to"),
        (personal(substitutions={"a": "é" * 5000}), "personalizations.0.substitutions"),
        (personal(substitutions={str(number): "x" for number in range(101)}), "personalizations.0.substitutions"),
        (personal(substitutions={"a": 1}), None),
        (personal(custom_args={"a": True}), None),
        (personal(headers={"Reply-To": "x"}), "personalizations.0.headers.Reply-To"),
        (personal(unknown=1), None),
        (call(categories=[str(number) for number in range(11)]), "categories"),
        (call(categories=["a", "a"]), "categories"),
        (call(categories=[1]), None),
        (call(subject=""), "subject"),
        (call(content=[]), "content"),
        (call(content=[{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]), "content"),
        (call(**{"from": {"email": "x"}}), "from.email"),
        (call(asm={"group_id": "7"}), "asm.group_id"),
        (call(tracking_settings={"open_tracking": {"enable": "false"}}), "tracking_settings.open_tracking.enable"),
        (call(unknown=1), "unknown"),
    ],
)
def test_the_loopback_refuses_what_sendgrid_refuses(
    sendgrid: LoopbackSendGrid, body: dict[str, Any], field: str | None
) -> None:
    answer = sendgrid.take(json.dumps(body).encode(), "Bearer SG.loopback")
    assert answer.status == 400
    assert field in [error["field"] for error in json.loads(answer.content)["errors"]]
    assert sendgrid.mails == []


def test_the_loopback_takes_what_sendgrid_takes(sendgrid: LoopbackSendGrid) -> None:
    assert sendgrid.take(json.dumps(call(1000)).encode(), "Bearer SG.loopback").status == 202
    assert sendgrid.take(json.dumps(call()).encode(), "Bearer other").status == 401
    assert sendgrid.take(b"{", "Bearer SG.loopback").status == 400
    assert len(sendgrid.mails) == 1000


def test_the_loopback_loses_a_name_with_a_bare_comma(sendgrid: LoopbackSendGrid) -> None:
    body = personal(to=[{"email": "a@people.example", "name": "Doe, Jane"}])
    assert sendgrid.take(json.dumps(body).encode(), "Bearer SG.loopback").status == 202
    assert sendgrid.mails[0].dropped == "Invalid"
    assert sendgrid.to("a@people.example") == []


def test_the_loopback_writes_a_line_for_each_mail_it_takes(tmp_path: Path) -> None:
    with LoopbackSendGrid(record=tmp_path / "mails.jsonl") as server:
        server.inject("drop after")
        connected(server.url).send(mailing([letter(1), letter(2, name="Doe, Jane")]))
    rows = [json.loads(line) for line in (tmp_path / "mails.jsonl").read_text().splitlines()]
    assert [(row["to"], row["send"], row["subject"]) for row in rows] == [
        ("p1@people.example", "send-0001", "Subject No. 1"),
        ("p2@people.example", "send-0002", "Subject No. 2"),
    ]
    assert Address(rows[1]["to"], rows[1]["name"]) == Address("p2@people.example", "Doe, Jane")
