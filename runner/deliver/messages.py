"""What a webhook or a mail to a colleague says: the message as it is kept, and as it goes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from typing import Any

from connectors.base import Address, Letter, Mailing
from runner.circumstances import Circumstances, Due
from runner.deliver.ledger import Book
from runner.deliver.office import Office

#: What a receiver is told of the contact unasked; whatever else it needs stands in the step's `body:`.
_OF_CONTACT = ("email", "first_name", "last_name")


def is_mail(target: str) -> bool:
    return "@" in target and not target.startswith("https://")


def payload_of(
    office: Office, book: Book, one: Due, facts: Circumstances, target: str, said: Mapping[str, Any], source_id: str
) -> dict[str, Any]:
    """The message as it is kept: JSON that stays the same however often it is tried."""
    said = {key: _json(value) for key, value in said.items()}
    hook = office.settings.webhooks.get(target)
    if is_mail(target):
        return said
    if hook is not None and hook.style == "slack":
        return said["body"] if isinstance(said["body"], dict) else {"text": f"*{said['subject']}*\n{said['body']}"}
    contact = {"id": one.contact_id, "source_id": source_id, **{name: facts.contact[name] for name in _OF_CONTACT}}
    about = {"playbook": book.playbook.id, "occasion": one.occasion, "step": book.step.id, "contact": contact}
    return {"type": f"step.{book.step.action.name}", "timestamp": _instant(book.now), "data": {**about, **said}}


def as_body(payload: Mapping[str, Any]) -> bytes:
    """Byte for byte the same from any database: one of them keeps JSON's keys in an order of its own."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "replace")


def as_mailing(office: Office, playbook: str, write_id: str, target: str, payload: Mapping[str, Any]) -> Mailing:
    """A mail to a colleague: plain words, with no way to unsubscribe, since nothing is advertised."""
    subject, body = str(payload["subject"]), str(payload["body"])
    paragraphs = "".join(f"<p>{escape(part).replace(chr(10), '<br>')}</p>" for part in body.split("\n\n"))
    return Mailing(
        sender=office.sender(None),
        subject=" ".join(subject.split()),
        html=f"<!doctype html><html><body>{paragraphs}</body></html>",
        text=body,
        letters=[Letter(write_id, Address(target))],
        categories=[playbook],
    )


def _json(value: Any) -> Any:
    """The value as JSON carries it: times in ISO 8601, exact amounts as numbers."""
    match value:
        case Mapping():
            return {str(key): _json(below) for key, below in value.items()}
        case list() | tuple():
            return [_json(below) for below in value]
        case datetime():
            return _instant(value) if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case None | bool() | int():
            return value
        case float():
            return int(value) if value.is_integer() else value
    return str(value).replace("\0", "")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
