"""SendGrid's event webhook: what a body tells of our letters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import Actor, MailEvent, MailEventKind
from connectors.mail.message import well_formed

KINDS: Mapping[str, MailEventKind] = {
    "processed": MailEventKind.PROCESSED,
    "delivered": MailEventKind.DELIVERED,
    "deferred": MailEventKind.DEFERRED,
    "bounce": MailEventKind.BOUNCED,  # with the type "blocked" it is BLOCKED
    "blocked": MailEventKind.BLOCKED,
    "dropped": MailEventKind.DROPPED,
    "open": MailEventKind.OPENED,
    "click": MailEventKind.CLICKED,
    "unsubscribe": MailEventKind.UNSUBSCRIBED,
    "group_unsubscribe": MailEventKind.UNSUBSCRIBED,
    "group_resubscribe": MailEventKind.RESUBSCRIBED,
    "spamreport": MailEventKind.COMPLAINED,
}
#: Why SendGrid drops a letter, as far as it tells of the address; the rest concerns one letter.
DROPPED_BECAUSE: Mapping[str, MailEventKind] = {
    "bounced address": MailEventKind.BOUNCED,
    "invalid": MailEventKind.BOUNCED,
    "unsubscribed address": MailEventKind.UNSUBSCRIBED,
    "spam reporting address": MailEventKind.COMPLAINED,
}

#: Of these the address is the visitor's; of the others a mail server's.
_HITS = (MailEventKind.OPENED, MailEventKind.CLICKED)


def events_in(body: bytes) -> Iterator[MailEvent]:
    """The events that we understand, whatever the others are. Raises ValueError for no list of rows."""
    try:
        rows = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep to be a list of events") from error
    if isinstance(rows, dict) and "event" in rows:
        rows = [rows]
    if not isinstance(rows, list):
        raise ValueError(f"must be a list of events, is {type(rows).__name__}")
    for row in rows:
        event = _event(row) if isinstance(row, dict) else None
        if event is not None:
            yield event


def _event(row: Mapping[str, Any]) -> MailEvent | None:
    kind = _kind(row)
    at = _time(row.get("timestamp"))
    if kind is None or at is None:
        return None
    # The id of the call comes first in the id of the message.
    message_id = (_text(row.get("sg_message_id")) or "").partition(".")[0]
    return MailEvent(
        event_id=_text(row.get("sg_event_id")) or _fingerprint(row),
        send_id=_text(row.get("regulars_send")),
        kind=kind,
        at=at,
        address=_text(row.get("email")),
        actor=_actor(kind, row),
        reason=_text(row.get("reason")) or _text(row.get("response")),
        url=_text(row.get("url")) if kind is MailEventKind.CLICKED else None,
        message_id=message_id or None,
        because=_because(kind, row),
        user_agent=_text(row.get("useragent")),
        ip=_text(row.get("ip")) if kind in _HITS else None,
    )


def _kind(row: Mapping[str, Any]) -> MailEventKind | None:
    kind = KINDS.get(_text(row.get("event")) or "")
    if kind is MailEventKind.BOUNCED and row.get("type") == "blocked":
        return MailEventKind.BLOCKED
    return kind


def _because(kind: MailEventKind, row: Mapping[str, Any]) -> MailEventKind | None:
    if kind is not MailEventKind.DROPPED:
        return None
    return DROPPED_BECAUSE.get((_text(row.get("reason")) or "").strip().lower())


def _actor(kind: MailEventKind, row: Mapping[str, Any]) -> Actor | None:
    """SendGrid marks opens that a machine fetched ahead; of anything else it does not know who it was."""
    fetched_ahead = str(row.get("sg_machine_open")).lower() in ("true", "1")
    return Actor.MACHINE if kind is MailEventKind.OPENED and fetched_ahead else None


def _time(stamp: object) -> datetime | None:
    """Unix seconds, as a number or as text."""
    if isinstance(stamp, bool) or not isinstance(stamp, int | float | str):
        return None
    try:
        return datetime.fromtimestamp(int(float(stamp)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: object) -> str | None:
    """Text that every database takes: PostgreSQL has no NUL."""
    if not isinstance(value, str):
        return None
    if value.isascii() and "\0" not in value:
        return value or None
    return well_formed(value.replace("\0", "")) or None


def _fingerprint(row: Mapping[str, Any]) -> str:
    """An id for an event that came without one, the same whenever the same row comes."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
