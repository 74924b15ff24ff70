"""The head of a mail as records: a ticket a thread, a message each; what machines wrote is nobody's request.

Only the head is read and kept: what somebody wrote stays in the mailbox.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parsedate_to_datetime

from connectors.records import Contact, Message, Record, Ticket

_ID = re.compile(r"<[^<>\s]{1,500}>")
#: Who writes by itself, by what stands before the @.
_ROBOTS = re.compile(
    r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|notifications?|auto-?reply|owner-.*|.*-request|.*-bounces?)"
    r"([+=.-].*)?"
)
LONGEST_SUBJECT = 500


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A mail that begins nothing, and why."""

    reason: str


def records_of(head: bytes, ours: Collection[str], received: datetime) -> Sequence[Record] | Unanswered:
    """What a mail tells: somebody asks, or one of us answers. `ours` are our addresses in small letters."""
    mail = message_from_bytes(head, policy=SMTP)
    sender = _first(mail, "from")
    if sender is None:
        return Unanswered("it names no sender")
    if (reason := machine(mail)) is not None:
        return Unanswered(reason)
    ids = _ids(mail)
    at = _at(mail, received)
    thread = (ids["references"] or ids["in-reply-to"] or ids["message-id"] or [f"{sender.addr_spec}|{at.isoformat()}"])[
        0
    ]
    writer = sender.addr_spec.lower()
    if writer in ours:
        asked = next((a.addr_spec.lower() for a in _all(mail, "to") if a.addr_spec.lower() not in ours), None)
        return [_message(thread, asked, "out", at)] if asked else Unanswered("we wrote to ourselves")
    if not {a.addr_spec.lower() for name in ("to", "cc") for a in _all(mail, name)} & set(ours):
        return Unanswered("it is to none of our addresses by name, as mail of lists is")
    first, last = _names(sender)
    subject = " ".join(str(mail.get("subject", "")).split())[:LONGEST_SUBJECT]
    return [
        Contact(contact_id=writer, email=sender.addr_spec, first_name=first, last_name=last, created_at=at),
        Ticket(
            ticket_id=thread,
            contact_id=writer,
            created_at=at,
            subject=subject or None,
            message_id=next(iter(ids["message-id"]), None),
        ),
        _message(thread, writer, "in", at),
    ]


def machine(mail: EmailMessage) -> str | None:
    """Why nobody is waiting for an answer (RFC 3834): a machine wrote it, or a list sent it on."""

    def says(name: str) -> str:
        return str(mail.get(name, "")).strip().lower()

    if says("auto-submitted").partition(";")[0].strip() not in ("", "no"):
        return f"Auto-Submitted: {says('auto-submitted')}"
    if says("precedence") in ("bulk", "junk", "list", "auto_reply"):
        return f"Precedence: {says('precedence')}"
    lists = next((name for name in mail if name.lower().startswith("list-")), None)
    if lists is not None:
        return f"it has {lists}"
    for name in ("x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-loop", "feedback-id"):
        if says(name):
            return f"it has {name.title()}"
    if "return-path" in mail and says("return-path") in ("", "<>"):
        return "it has no return path, as bounces have none"
    if mail.get_content_type() in ("multipart/report", "message/delivery-status"):
        return "it is a report of delivery"
    sender = _first(mail, "from")
    if sender is not None and _ROBOTS.fullmatch(sender.username.lower()):
        return f"{sender.username.lower()} is nobody who reads answers"
    return None


def _message(thread: str, person: str, direction: str, at: datetime) -> Message:
    return Message(thread_id=thread, customer_id=person, contact_id=person, direction=direction, at=at)


def _all(mail: EmailMessage, name: str) -> list[Address]:
    """The addresses of a field, as far as it can be read."""
    try:
        return [a for field in mail.get_all(name, []) for a in field.addresses if "@" in a.addr_spec]
    except (AttributeError, ValueError, IndexError):
        return []


def _first(mail: EmailMessage, name: str) -> Address | None:
    return next(iter(_all(mail, name)), None)


def _ids(mail: EmailMessage) -> dict[str, list[str]]:
    return {name: _ID.findall(str(mail.get(name, ""))) for name in ("references", "in-reply-to", "message-id")}


def _names(sender: Address) -> tuple[str | None, str | None]:
    """First and last name where the shown name is two or three plain words."""
    words = " ".join(sender.display_name.split()).split(" ")
    plain = 2 <= len(words) <= 3 and all(word.replace("-", "").replace("'", "").isalpha() for word in words)
    return (words[0], " ".join(words[1:])) if plain else (None, None)


def _at(mail: EmailMessage, received: datetime) -> datetime:
    """When it was written; not later than it came, and not where it has no such time."""
    try:
        at = parsedate_to_datetime(str(mail["date"]))
    except (TypeError, ValueError):
        return received
    return min((at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), received)
