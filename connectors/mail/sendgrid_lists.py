"""SendGrid's suppression lists: who bounced, complained or unsubscribed, whether or not a webhook told us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from connectors.base import MailEvent, MailEventKind

#: Rows a page, the most that SendGrid gives.
PAGE = 500
#: Each list, by its path, and what standing on it means. Blocks are no reason not to write again.
LISTS: Mapping[str, MailEventKind] = {
    "bounces": MailEventKind.BOUNCED,
    "invalid_emails": MailEventKind.BOUNCED,
    "spam_reports": MailEventKind.COMPLAINED,
    "unsubscribes": MailEventKind.UNSUBSCRIBED,
}


class Ask(Protocol):
    """Asks SendGrid for a list, below /v3/."""

    def __call__(self, path: Sequence[str], query: Mapping[str, int]) -> Any: ...


def entries(ask: Ask, since: datetime | None, until: datetime, group: int | None) -> Iterator[MailEvent]:
    """Whoever was put on a list between the two instants; a group's list, which has no times, as a whole."""
    window = {"end_time": int(until.timestamp())}
    if since is not None:
        window["start_time"] = int(since.timestamp())
    for name, kind in LISTS.items():
        for row in _rows(ask, name, window):
            if (event := _entry(name, kind, row)) is not None:
                yield event
    if group is not None:
        for address in ask(("asm", "groups", str(group), "suppressions"), {}):
            yield _told(f"group {group}", MailEventKind.UNSUBSCRIBED, str(address), until, None)


def _rows(ask: Ask, name: str, window: Mapping[str, int]) -> Iterator[Any]:
    """The window's end is fixed, so new entries do not move the pages."""
    offset = 0
    while True:
        page = ask(("suppression", name), {**window, "limit": PAGE, "offset": offset})
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _entry(name: str, kind: MailEventKind, row: Any) -> MailEvent | None:
    try:
        address, created = str(row["email"]), datetime.fromtimestamp(int(row["created"]), UTC)
    except (TypeError, KeyError, ValueError, OverflowError, OSError):
        return None
    return _told(f"{name} {int(created.timestamp())}", kind, address, created, row.get("reason"))


def _told(where: str, kind: MailEventKind, address: str, at: datetime, reason: Any) -> MailEvent:
    """The id says which entry it is, so that one that is read again is known."""
    words = reason if isinstance(reason, str) and reason else None
    return MailEvent(f"list {where} {address.lower()}", None, kind, at, address=address, reason=words)
