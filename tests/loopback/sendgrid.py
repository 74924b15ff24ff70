"""A SendGrid on this machine: takes mail as the real one does, enforces its documented limits, and fails on demand.

    with LoopbackSendGrid() as sendgrid:
        mailer = SendGridMailer(SendGridSettings(api_key=sendgrid.api_key, base_url=sendgrid.url), workspace=folder)
        sendgrid.inject("502 after")                   # accepts the next call, then answers 502
        mailer.send(mailing)
        assert sendgrid.mails[0].to == "ann@acme.example"
        assert sendgrid.requests[0].status == 502

        events = sendgrid.events_for(sendgrid.mails[0], "delivered", "open", "click")
        body = json.dumps(events).encode()
        headers = sendgrid.sign(body, timestamp=1767225600)    # `sendgrid.webhook_key` is the key to check with

As a process of its own, for tests that kill the sender and count at the receiver:

    python -m tests.loopback.sendgrid --port 0 --record FILE

prints its port, and appends one JSON line to FILE for each mail before it answers the call that brought it. The faults
of such a process are set by POST /_loopback/faults {"fault": "502 after", "times": 1, "after": 0}, and those that have
not come to pass are forgotten by POST /_loopback/mend.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import signal
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

#: What can be injected, and what the client then sees.
FAULTS = {
    "401": "nothing taken: the key is wrong",
    "403": "nothing taken: the sender is not verified",
    "413": "nothing taken: too large",
    "406": "nothing taken: a page of HTML, as the edge serves them",
    "429": "nothing taken: too many requests, with X-RateLimit-Reset",
    "500": "nothing taken, but the client cannot know",
    "503": "nothing taken: unavailable",
    "302": "nothing taken: sent elsewhere, where a GET is answered 200",
    "502 after": "taken, then a bad gateway in front",
    "500 after": "taken, then an error",
    "drop": "the connection is closed before anything is taken",
    "drop after": "taken, then the connection is closed without an answer",
    "slow": "taken, and no answer until the server stops",
}

_LISTS = ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")
_RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."
_KNOWN = frozenset(
    {"personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments", "template_id"}
    | {"headers", "categories", "custom_args", "send_at", "batch_id", "asm", "ip_pool_name", "sections"}
    | {"mail_settings", "tracking_settings"}
)
_KNOWN_PERSONAL = frozenset(
    {
        "to",
        "cc",
        "bcc",
        "from",
        "subject",
        "headers",
        "substitutions",
        "dynamic_template_data",
        "custom_args",
        "send_at",
    }
)


@dataclass(frozen=True)
class Mail:
    """One mail as its receiver would get it."""

    to: str
    name: str | None
    headers: Mapping[str, str]
    custom_args: Mapping[str, str]
    categories: tuple[str, ...]
    sender: str
    #: The request that brought it, counted from 1.
    request: int
    message_id: str
    #: Why SendGrid drops it although it answered 202; None where it is delivered.
    dropped: str | None
    substitutions: Mapping[str, str]
    body: Mapping[str, Any] = field(repr=False)

    @cached_property
    def subject(self) -> str:
        return self._filled(self.body["subject"])

    @cached_property
    def files(self) -> dict[str, bytes]:
        return {file["filename"]: base64.b64decode(file["content"]) for file in self.body.get("attachments", ())}

    @cached_property
    def html(self) -> str:
        return self._content("text/html")

    @cached_property
    def text(self) -> str:
        return self._content("text/plain")

    @cached_property
    def reply_to(self) -> Mapping[str, str]:
        return {key: self._filled(value) for key, value in self.body.get("reply_to", {}).items()}

    def _content(self, type: str) -> str:
        return self._filled(next((part["value"] for part in self.body["content"] if part["type"] == type), ""))

    def _filled(self, text: str) -> str:
        # The order is undocumented: one after the other shows who relies on it.
        for key, value in self.substitutions.items():
            text = text.replace(key, value)
        return text

    def line(self, *, bodies: bool) -> bytes:
        """The mail as one JSON line, with html and text where `bodies`."""
        row: dict[str, Any] = {
            "to": self.to,
            "name": self.name,
            "subject": self.subject,
            "send": self.custom_args.get("regulars_send"),
            "headers": dict(self.headers),
            "custom_args": dict(self.custom_args),
            "categories": list(self.categories),
            "request": self.request,
            "message_id": self.message_id,
            "dropped": self.dropped,
        }
        if bodies:
            row |= {"html": self.html, "text": self.text}
        return json.dumps(row).encode() + b"\n"


@dataclass(frozen=True)
class Request:
    """One call of /v3/mail/send and its answer; status 0: none was given."""

    number: int
    status: int
    letters: int
    body: Mapping[str, Any] = field(repr=False)


@dataclass
class _Fault:
    name: str
    times: int
    after: int


class LoopbackSendGrid:
    """Takes mail on 127.0.0.1; `mails` and `requests` tell what came."""

    def __init__(
        self,
        *,
        api_key: str = "SG.loopback",
        port: int = 0,
        record: Path | None = None,
        bodies: bool = False,
        latency_ms: float = 0,
        max_body: int = 30_000_000,
    ) -> None:
        self.api_key = api_key
        self.mails: list[Mail] = []
        self.requests: list[Request] = []
        #: Every path asked for, also of requests that were redirected here.
        self.asked: list[str] = []
        #: The suppression lists by name (bounces, blocks, invalid_emails, spam_reports, unsubscribes), newest first.
        self.lists: dict[str, list[dict[str, Any]]] = {name: [] for name in _LISTS}
        #: The addresses of each unsubscribe group.
        self.groups: dict[int, list[str]] = {}
        #: Whether the key may send and nothing else.
        self.only_sends = False
        #: Addresses that make SendGrid refuse a call without saying which letter it was.
        self.unnamed: set[str] = set()
        self.latency_ms = latency_ms
        self.max_body = max_body
        self._bodies = bodies
        self._faults: deque[_Fault] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if record else None
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.sendgrid = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> LoopbackSendGrid:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._record is not None:
            os.close(self._record)

    def inject(self, fault: str, *, times: int = 1, after: int = 0) -> None:
        """Fails the next `times` calls, once `after` calls have gone well; several faults wait in line."""
        if fault not in FAULTS:
            raise ValueError(f"no fault {fault!r}: {', '.join(FAULTS)}")
        with self._lock:
            self._faults.append(_Fault(fault, times, after))

    def mend(self) -> None:
        """Forgets the faults that have not come to pass."""
        with self._lock:
            self._faults.clear()

    def to(self, address: str) -> list[Mail]:
        """The mails that one address got."""
        return [mail for mail in self.mails if mail.to.lower() == address.lower() and not mail.dropped]

    # Webhooks

    @property
    def webhook_key(self) -> str:
        """The public key as SendGrid's settings page shows it."""
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(self._key.public_key().public_bytes(*form)).decode()

    def sign(self, body: bytes, timestamp: int | None = None) -> dict[str, str]:
        """The signature headers, names in lower case as a web server hands them on."""
        stamp = str(int(time.time()) if timestamp is None else timestamp)
        signature = self._key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "content-type": "application/json",
            "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
            "x-twilio-email-event-webhook-timestamp": stamp,
        }

    def events_for(self, mail: Mail, *kinds: str, at: int | None = None) -> list[dict[str, Any]]:
        """SendGrid's events of one mail, a second apart from `at` (unix seconds).

        Kinds: processed, deferred, delivered, bounce, blocked, dropped, open, machine_open, click, spamreport,
        unsubscribe, group_unsubscribe.
        """
        start = int(time.time()) if at is None else at
        return [_event(mail, kind, start + number) for number, kind in enumerate(kinds)]

    # What it keeps of who may not be written to

    def list_of(self, path: str, authorization: str) -> Answer:
        """One page of a suppression list, or a group's addresses; 404 for any other path."""
        parts = urlsplit(path)
        asked = {name: int(value) for name, value in parse_qsl(parts.query)}
        if authorization != f"Bearer {self.api_key}":
            return _BEFORE["401"]
        if self.only_sends:
            return Answer(403, [_error("access forbidden", None)])
        match parts.path.split("/")[2:]:
            case ["suppression", name] if name in self.lists:
                if asked.get("limit", 0) > 500:
                    return Answer(400, [_error("limit must be at most 500", "limit")])
                between = range(asked.get("start_time", 0), asked.get("end_time", 2**40) + 1)
                rows = [row for row in self.lists[name] if row["created"] in between]
                start = asked.get("offset", 0)
                return Answer(200, told=rows[start : start + asked.get("limit", 500)])
            case ["asm", "groups", number, "suppressions"] if number.isdigit() and int(number) in self.groups:
                return Answer(200, told=self.groups[int(number)])
        return Answer(404, [_error("Not Found", None)])

    # Taking mail

    def take(self, raw: bytes, authorization: str) -> Answer:
        """What SendGrid does with one call; a mail is recorded before the answer is made."""
        with self._lock:
            number = len(self.requests) + 1
            fault = self._next_fault()
            body, answer = self._answer(raw, authorization, fault, number)
            personal = body.get("personalizations")
            letters = len(personal) if isinstance(personal, list) else 0
            self.requests.append(Request(number, answer.status, letters, body))
        if self.latency_ms:
            self._stopping.wait(self.latency_ms / 1000)
        if fault == "slow":
            self._stopping.wait()
        return answer

    def _next_fault(self) -> str | None:
        if not self._faults:
            return None
        fault = self._faults[0]
        if fault.after > 0:
            fault.after -= 1
            return None
        fault.times -= 1
        if fault.times == 0:
            self._faults.popleft()
        return fault.name

    def _answer(self, raw: bytes, authorization: str, fault: str | None, number: int) -> tuple[dict[str, Any], Answer]:
        if fault in _BEFORE:
            return _parsed(raw) or {}, _BEFORE[fault]
        if authorization != f"Bearer {self.api_key}":
            return {}, _BEFORE["401"]
        if len(raw) > self.max_body:
            return {}, _BEFORE["413"]
        body = _parsed(raw)
        if body is None:
            return {}, Answer(400, [_error("Bad Request", None)])
        errors = list(_errors(body))
        if any(letter["to"][0]["email"] in self.unnamed for letter in body["personalizations"] if not errors):
            errors = [_error("Bad Request", None)]
        if errors:
            return body, Answer(400, errors)
        if body.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
            return body, Answer(200)
        message_id = uuid.uuid4().hex[:22]
        self._accept([_mail(body, letter, number, message_id) for letter in body["personalizations"]])
        return body, _AFTER.get(fault or "") or Answer(202, headers={"X-Message-Id": message_id})

    def _accept(self, mails: list[Mail]) -> None:
        if self._record is not None:
            os.write(self._record, b"".join(mail.line(bodies=self._bodies) for mail in mails))
        self.mails += mails


@dataclass(frozen=True)
class Answer:
    """Status 0 closes the connection without a word."""

    status: int
    errors: list[dict[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: str | None = None
    told: Any = None

    @property
    def content(self) -> bytes:
        if self.told is not None:
            return json.dumps(self.told).encode()
        if self.page is not None:
            return self.page.encode()
        return json.dumps({"errors": self.errors}).encode() if self.errors is not None else b""


def _error(message: str, name: str | None, anchor: str = "") -> dict[str, Any]:
    return {"message": message, "field": name, "help": f"{_HELP}{anchor}" if anchor else None}


_BEFORE: Mapping[str | None, Answer] = {
    "401": Answer(401, [_error("The provided authorization grant is invalid, expired, or revoked", None)]),
    "403": Answer(
        403,
        [
            _error(
                "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is"
                " resolved.",
                "from",
                "from",
            )
        ],
    ),
    "413": Answer(413, [_error("The JSON payload you have included in your request is too large.", None)]),
    "406": Answer(406, page="<html><body><h1>406 Not Acceptable</h1></body></html>"),
    "429": Answer(429, [{"field": None, "message": "too many requests"}], headers={"X-RateLimit-Remaining": "0"}),
    "500": Answer(500, [_error("An error occurred on a SendGrid server.", None)]),
    "503": Answer(503, [_error("The SendGrid v3 Web API is not available.", None)]),
    "302": Answer(302, headers={"Location": "/elsewhere"}),
    "drop": Answer(0),
}
_AFTER: Mapping[str, Answer] = {
    "502 after": Answer(502, page="<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "500 after": Answer(500, [_error("An error occurred on a SendGrid server.", None)]),
    "drop after": Answer(0),
    "slow": Answer(0),
}


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _mail(body: Mapping[str, Any], letter: Mapping[str, Any], number: int, message_id: str) -> Mail:
    to = letter["to"][0]
    name, dropped = _name(to.get("name"))
    return Mail(
        to=to["email"],
        name=name,
        headers={**body.get("headers", {}), **letter.get("headers", {})},
        custom_args={**body.get("custom_args", {}), **letter.get("custom_args", {})},
        categories=tuple(body.get("categories", ())),
        sender=body["from"]["email"],
        request=number,
        message_id=message_id,
        dropped=dropped,
        substitutions=letter.get("substitutions", {}),
        body=body,
    )


def _name(name: str | None) -> tuple[str | None, str | None]:
    """The name as a mail client shows it; an unquoted comma makes an address of its first word: the mail is lost."""
    if name and re.fullmatch(r'"([^"\\]|\\.)*"', name):
        return re.sub(r"\\(.)", r"\1", name[1:-1]), None
    return name, "Invalid" if name and re.search("[,;]", name) else None


# What SendGrid refuses


def _errors(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every reason to refuse the call, in SendGrid's words; the whole call falls with one bad letter."""
    for name in sorted(set(body) - _KNOWN):
        yield _error(f"Additional property {name} is not allowed", name)
    yield from _sender_errors(body)
    yield from _content_errors(body)
    yield from _attachment_errors(body)
    yield from _category_errors(body)
    yield from _setting_errors(body)
    personal = body.get("personalizations")
    if not isinstance(personal, list) or not personal:
        yield _error(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
            "personalizations",
        )
        return
    if len(personal) > 1000:
        yield _error(
            "There is a limit of 1000 personalizations per API request.", "personalizations", "personalizations"
        )
    for number, letter in enumerate(personal):
        yield from _letter_errors(letter, f"personalizations.{number}")
    yield from _recipient_errors(personal)


def _sender_errors(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    sender = body.get("from")
    if not isinstance(sender, dict) or not _is_address(sender.get("email")):
        yield _error("The from email does not contain a valid address.", "from.email", "from")
    if "reply_to" in body and (not isinstance(body["reply_to"], dict) or not body["reply_to"].get("email")):
        yield _error("The reply_to email does not contain a valid address.", "reply_to.email", "reply_to")
    if "reply_to" in body and "reply_to_list" in body:
        yield _error("Only one of reply_to or reply_to_list may be given.", "reply_to", "reply_to")


def _content_errors(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if not isinstance(body.get("subject"), str) or not body["subject"]:
        yield _error(
            "The subject is required. You can get around this requirement if you use a template with a subject defined"
            " or if every personalization has a subject defined.",
            "subject",
            "subject",
        )
    content = body.get("content")
    if not isinstance(content, list) or not content:
        yield _error("Unless a valid template_id is provided, the content parameter is required.", "content", "content")
        return
    for number, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("value"), str) or not part["value"]:
            yield _error(
                "The content value must be a string at least one character in length.",
                f"content.{number}.value",
                "content",
            )
    types = [part.get("type") for part in content if isinstance(part, dict)]
    if "text/plain" in types[1:]:
        yield _error(
            "If present, text/plain must be first, followed by text/html, followed by any other content.", "content"
        )


def _attachment_errors(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number, file in enumerate(body.get("attachments", [])):
        where = f"attachments.{number}"
        if not isinstance(file.get("content"), str) or not file["content"]:
            yield _error("The attachment content is required.", f"{where}.content", "attachments")
        if not isinstance(file.get("filename"), str) or not file["filename"]:
            yield _error("The attachment filename is required.", f"{where}.filename", "attachments")
        if not file.get("type", "x") or re.search(r"[;\r\n]", file.get("type", "x")):
            yield _error("The attachment type cannot contain ; or CRLF.", f"{where}.type", "attachments")
        if file.get("disposition", "attachment") not in ("attachment", "inline"):
            yield _error("The attachment disposition is inline or attachment.", f"{where}.disposition", "attachments")


def _category_errors(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    categories = body.get("categories", [])
    if not isinstance(categories, list) or not all(isinstance(category, str) for category in categories):
        yield _error("Bad Request", None)
        return
    if len(categories) > 10:
        yield _error("The categories parameter is limited to 10 categories.", "categories", "categories")
    if len(set(categories)) < len(categories):
        yield _error("The categories must be unique.", "categories", "categories")
    if any(len(category) > 255 or not category.isascii() for category in categories):
        yield _error("A category is US-ASCII and at most 255 characters long.", "categories", "categories")


def _setting_errors(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    asm = body.get("asm")
    if asm is not None and (not isinstance(asm, dict) or type(asm.get("group_id")) is not int):
        yield _error("The asm group_id parameter must be an integer.", "asm.group_id", "asm")
    for group in ("tracking_settings", "mail_settings"):
        for name, setting in body.get(group, {}).items():
            if type(setting.get("enable")) is not bool:
                yield _error("The enable parameter must be a boolean.", f"{group}.{name}.enable", group)


def _letter_errors(letter: Any, where: str) -> Iterator[dict[str, Any]]:
    if not isinstance(letter, dict) or set(letter) - _KNOWN_PERSONAL:
        yield _error("Bad Request", None)
        return
    to = letter.get("to")
    if not isinstance(to, list) or not to:
        yield _error(
            "The to array is required for all personalization objects, and must have at least one email object with a"
            " valid email address.",
            f"{where}.to",
            "personalizations.to",
        )
        return
    for number, recipient in enumerate(to):
        if not _is_address(recipient.get("email")):
            yield _error("Does not contain a valid address.", f"{where}.to.{number}.email", "personalizations.to")
    for name in ("substitutions", "headers", "custom_args"):
        if not _is_text_by_text(letter.get(name, {})):
            # The real one does not say which letter it was.
            yield _error("Bad Request", None)
            return
    substitutions = letter.get("substitutions", {})
    if sum(len(key.encode()) + len(value.encode()) for key, value in substitutions.items()) > 10_000:
        yield _error(
            "The substitutions are limited to 10000 bytes for each personalization block.",
            f"{where}.substitutions",
            "personalizations.substitutions",
        )
    if len(substitutions) > 100:
        yield _error(
            "There is a limit of 100 substitutions.", f"{where}.substitutions", "personalizations.substitutions"
        )
    for name, value in letter.get("headers", {}).items():
        if name.lower() in _RESERVED or re.search(r"[^!-9;-~]", name) or re.search(r"[\r\n]", value):
            yield _error(f"The header {name} is reserved or not valid.", f"{where}.headers.{name}", "headers")
    if sum(len(key.encode()) + len(value.encode()) for key, value in letter.get("custom_args", {}).items()) >= 10_000:
        yield _error("The custom_args are limited to 10000 bytes.", f"{where}.custom_args", "custom_args")


def _recipient_errors(personal: list[Any]) -> Iterator[dict[str, Any]]:
    recipients = [
        str(recipient.get("email", "")).lower()
        for letter in personal
        if isinstance(letter, dict)
        for group in ("to", "cc", "bcc")
        for recipient in letter.get(group) or ()
    ]
    if len(recipients) > 1000:
        yield _error(
            "There is a limit of 1000 total recipients per API request.", "personalizations", "recipient-errors"
        )
    twice = [email for email, times in Counter(recipients).items() if times > 1]
    if twice:
        yield _error(
            "Each email address in the personalization block should be unique between to, cc, and bcc. We found the"
            f" first duplicate instance of [{twice[0]}] in the personalizations.0.to field.",
            "personalizations",
            "recipient-errors",
        )


def _is_address(email: object) -> bool:
    return isinstance(email, str) and len(email) <= 320 and _ADDRESS.fullmatch(email) is not None


def _is_text_by_text(mapping: object) -> bool:
    return isinstance(mapping, dict) and all(isinstance(value, str) for value in mapping.values())


# What SendGrid tells afterwards

_OWN: Mapping[str, Mapping[str, Any]] = {
    "processed": {"event": "processed"},
    "deferred": {"event": "deferred", "response": "450 4.2.1 mailbox busy", "attempt": "1"},
    "delivered": {"event": "delivered", "response": "250 OK", "ip": "127.0.0.1", "tls": 1},
    "bounce": {
        "event": "bounce",
        "type": "bounce",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist",
        "status": "5.1.1",
        "bounce_classification": "Invalid Address",
    },
    "blocked": {"event": "bounce", "type": "blocked", "reason": "554 5.7.1 blocked for now", "status": "5.7.1"},
    "dropped": {"event": "dropped", "reason": "Bounced Address"},
    "open": {"event": "open", "sg_machine_open": False, "useragent": "Mozilla/5.0 (Macintosh)", "ip": "127.0.0.1"},
    "machine_open": {"event": "open", "sg_machine_open": True, "useragent": "Mozilla/5.0", "ip": "127.0.0.1"},
    "click": {
        "event": "click",
        "url": "https://acme.example/shop",
        "url_offset": {"index": 0, "type": "html"},
        "useragent": "Mozilla/5.0 (Macintosh)",
        "ip": "127.0.0.1",
    },
    "spamreport": {"event": "spamreport"},
    "unsubscribe": {"event": "unsubscribe"},
    "group_resubscribe": {"event": "group_resubscribe", "asm_group_id": 1, "ip": "127.0.0.1"},
    "group_unsubscribe": {"event": "group_unsubscribe", "asm_group_id": 1, "ip": "127.0.0.1"},
}


def _event(mail: Mail, kind: str, at: int) -> dict[str, Any]:
    return {
        "email": mail.to,
        "timestamp": at,
        "sg_event_id": base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
        "sg_message_id": f"{mail.message_id}.recvd-{random.randrange(10**6)}-1.0",
        "smtp-id": f"<{mail.message_id}@geopod-ismtpd>",
        "category": list(mail.categories),
        **mail.custom_args,
        **_OWN[kind],
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sendgrid: LoopbackSendGrid

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed, or that stopped waiting, is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self.server.sendgrid.asked.append(f"POST {self.path}")
        length = int(self.headers.get("Content-Length", "0"))
        raw = self.rfile.read(length)
        if len(raw) < length:
            # The sender died in the middle of its request: nothing to take, nobody to answer.
            self.close_connection = True
            return
        match self.path:
            case "/v3/mail/send":
                self._give(self.server.sendgrid.take(raw, self.headers.get("Authorization", "")))
            case "/_loopback/faults":
                self.server.sendgrid.inject(**json.loads(raw))
                self._give(Answer(204))
            case "/_loopback/mend":
                self.server.sendgrid.mend()
                self._give(Answer(204))
            case _:
                self._give(Answer(404, [_error("Not Found", None)]))

    def do_GET(self) -> None:
        self.server.sendgrid.asked.append(f"GET {self.path}")
        if self.path == "/elsewhere":
            self._give(Answer(200))
        else:
            self._give(self.server.sendgrid.list_of(self.path, self.headers.get("Authorization", "")))

    def _give(self, answer: Answer) -> None:
        self.close_connection = True
        if answer.status == 0:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status == 429:
            self.send_header("X-RateLimit-Reset", str(int(time.time()) + 2))
        self.send_header("Content-Type", "text/html" if answer.page else "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests`."""


def main() -> None:
    options = argparse.ArgumentParser(description="A SendGrid on this machine.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--record", type=Path, help="append one JSON line a mail to this file")
    options.add_argument("--bodies", action="store_true", help="record html and text too")
    options.add_argument("--api-key", default="SG.loopback")
    options.add_argument("--latency-ms", type=float, default=0)
    chosen = options.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LoopbackSendGrid(
        api_key=chosen.api_key,
        port=chosen.port,
        record=chosen.record,
        bodies=chosen.bodies,
        latency_ms=chosen.latency_ms,
    ) as sendgrid:
        print(sendgrid.port, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
