"""Mail events become rows, each once, and roll up into their sends whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from runner.collect import consent
from runner.collect.people import living, lock
from runner.collect.text import storable
from runner.store import Store
from runner.store.tables import contacts, mail_events, sends, writes

#: Events of one transaction: pages must not wait longer than some 50 ms for the write lock.
BATCH = 250

#: How far a letter came; the higher rank stays, since events arrive in any order. A delivered letter may still bounce.
DELIVERY_RANKS: Mapping[str, int] = {
    MailEventKind.PROCESSED: 1,
    MailEventKind.DEFERRED: 2,
    MailEventKind.DELIVERED: 3,
    MailEventKind.BLOCKED: 4,
    MailEventKind.DROPPED: 5,
    MailEventKind.BOUNCED: 6,
}
#: Who it was that opened or clicked; the higher rank stays.
ACTOR_RANKS: Mapping[str, int] = {Actor.MACHINE: 1, Actor.UNKNOWN: 2, Actor.HUMAN: 3}


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of some events."""

    new: int = 0
    #: Told before.
    repeated: int = 0
    #: Kept, but of no letter that this store knows.
    unknown: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.new + other.new, self.repeated + other.repeated, self.unknown + other.unknown)


def events(store: Store, mailer_name: str, told: Iterable[MailEvent], now: datetime) -> Counted:
    """Records events with all that follows from them; one that is told again changes nothing."""
    counted = Counted()
    for batch in _batches(told):
        with store.write() as connection:
            counted += record(connection, store, mailer_name, batch, now)
    return counted


def record(
    connection: sa.Connection, store: Store, mailer_name: str, told: Sequence[MailEvent], now: datetime
) -> Counted:
    """The same within the caller's transaction."""
    new = _insert_new(connection, store, mailer_name, told, now)
    progress = _progress_of(connection, {event.send_id for event in new if event.send_id})
    unknown = 0
    for event in new:
        if event.send_id in progress:
            progress[event.send_id].hears(event, now)
        else:
            unknown += 1
    _write_back(connection, progress.values())
    _prove_messages(connection, {event.send_id for event in new if event.send_id} - progress.keys(), now)
    _lock_people(connection, new, progress)
    _note_clicks(connection, new, progress, now)
    _bind(connection, mailer_name, new, progress, now)
    return Counted(len(new), len(told) - len(new), unknown)


@dataclass(slots=True)
class _Progress:
    """What is known of one send; its fields are the columns of `sends`."""

    id: str
    contact_id: int
    address: str
    state: str
    settled_at: datetime | None
    message_id: str | None
    delivery: str | None
    delivered_at: datetime | None
    opened: str | None
    opened_at: datetime | None
    clicked: str | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None

    def hears(self, event: MailEvent, now: datetime) -> None:
        if self.state in ("claimed", "unsure"):
            # Whatever is told of it, the provider has it.
            self.state, self.settled_at = "accepted", now
        self.message_id = self.message_id or event.message_id
        if DELIVERY_RANKS.get(event.kind, 0) > DELIVERY_RANKS.get(self.delivery or "", 0):
            self.delivery = event.kind.value
        match event.kind:
            case MailEventKind.DELIVERED:
                self.delivered_at = _first(self.delivered_at, event.at)
            case MailEventKind.OPENED:
                self.opened, self.opened_at = _surer(self.opened, self.opened_at, event)
            case MailEventKind.CLICKED:
                self.clicked, self.clicked_at = _surer(self.clicked, self.clicked_at, event)
            case MailEventKind.UNSUBSCRIBED:
                self.unsubscribed_at = _first(self.unsubscribed_at, event.at)
            case MailEventKind.COMPLAINED:
                self.complained_at = _first(self.complained_at, event.at)
            case _:
                pass


_COLUMNS = tuple(field.name for field in fields(_Progress))
_CHANGING = tuple(name for name in _COLUMNS if name not in ("id", "contact_id", "address"))


def _first(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _surer(actor: str | None, since: datetime | None, event: MailEvent) -> tuple[str, datetime]:
    """The surest actor and the first time of that actor: a machine's hour is never shown as a person's."""
    told = (event.actor or Actor.UNKNOWN).value
    if actor is None or ACTOR_RANKS[told] > ACTOR_RANKS[actor]:
        return told, event.at
    if ACTOR_RANKS[told] == ACTOR_RANKS[actor]:
        return actor, _first(since, event.at)
    return actor, since or event.at


def _insert_new(
    connection: sa.Connection, store: Store, mailer_name: str, told: Sequence[MailEvent], now: datetime
) -> list[MailEvent]:
    """Those that were not known yet. In the order of their ids, so that two processes do not lock each other out."""
    unique = {event.event_id: event for event in map(_storable, told)}
    if not unique:
        return []
    rows = [
        {
            "mailer": mailer_name,
            "event_id": event_id,
            "send_id": event.send_id,
            "kind": event.kind.value,
            "at": event.at,
            "actor": event.actor.value if event.actor else None,
            "reason": event.reason,
            "url": event.url,
            "seen_at": now,
        }
        for event_id, event in sorted(unique.items())
    ]
    insert = store.insert(mail_events).on_conflict_do_nothing(index_elements=["mailer", "event_id"])
    new = connection.scalars(insert.returning(mail_events.c.event_id), rows)
    return [unique[event_id] for event_id in new]


def _progress_of(connection: sa.Connection, send_ids: set[str]) -> dict[str | None, _Progress]:
    chosen = sa.select(*(sends.c[name] for name in _COLUMNS)).where(sends.c.id.in_(sorted(send_ids)))
    return {
        row.id: _Progress(*row)
        for row in connection.execute(chosen.order_by(sends.c.id).with_for_update(key_share=True))
    }


def _write_back(connection: sa.Connection, progress: Iterable[_Progress]) -> None:
    rows = [{f"new_{name}": getattr(one, name) for name in ("id", *_CHANGING)} for one in progress]
    if rows:
        changes: Any = {name: sa.bindparam(f"new_{name}") for name in _CHANGING}
        connection.execute(sa.update(sends).where(sends.c.id == sa.bindparam("new_id")).values(changes), rows)


def _prove_messages(connection: sa.Connection, ids: set[str], now: datetime) -> None:
    """Mails to colleagues: whatever is told of one, the provider has it."""
    if ids:
        told = writes.c.id.in_(sorted(ids)), writes.c.state.in_(["claimed", "unsure"])
        connection.execute(sa.update(writes).where(*told).values(state="accepted", settled_at=now))


def _lock_people(connection: sa.Connection, new: Sequence[MailEvent], progress: Mapping[str | None, _Progress]) -> None:
    touching = {MailEventKind.CLICKED, *_BINDING}
    people = {
        progress[event.send_id].contact_id for event in new if event.kind in touching and event.send_id in progress
    }
    if people:
        lock(connection, living(connection, people).values())


def _note_clicks(
    connection: sa.Connection, new: Sequence[MailEvent], progress: Mapping[str | None, _Progress], now: datetime
) -> None:
    """The last click of each person; a machine's click says nothing of its owner."""
    clicks = [
        e for e in new if e.kind is MailEventKind.CLICKED and e.actor is not Actor.MACHINE and e.send_id in progress
    ]
    people = living(connection, {progress[event.send_id].contact_id for event in clicks})
    latest: dict[int, datetime] = {}
    for event in clicks:
        contact_id = people[progress[event.send_id].contact_id]
        latest[contact_id] = max(event.at, latest.get(contact_id, event.at))
    rows = [{"who": contact_id, "at": at, "now": now} for contact_id, at in sorted(latest.items())]
    if rows:
        at = sa.bindparam("at", type_=contacts.c.last_click_at.type)
        later = contacts.c.last_click_at.is_(None) | (contacts.c.last_click_at < at)
        clicked = sa.update(contacts).where(contacts.c.id == sa.bindparam("who"), later)
        connection.execute(clicked.values(last_click_at=at, changed_at=sa.bindparam("now")), rows)


def _bind(
    connection: sa.Connection,
    mailer_name: str,
    new: Sequence[MailEvent],
    progress: Mapping[str | None, _Progress],
    now: datetime,
) -> None:
    """A bounce binds the address, a no the person and the address, a complaint both.

    An address is bound even where the letter is not one of ours: somebody at it said no to this sender.
    """
    for event in new:
        reason = _BINDING.get(event.kind)
        if reason is None:
            continue
        send = progress.get(event.send_id)
        address = send.address if send else (event.address or "").strip().lower() or None
        person = send.contact_id if send and reason is not consent.Reason.BOUNCED else None
        no = consent.No(reason, address, person, send.id if send else None, mailer_name, event.at, event.reason)
        consent.bind(connection, no, now)


_BINDING: Mapping[str, consent.Reason] = {
    MailEventKind.BOUNCED: consent.Reason.BOUNCED,
    MailEventKind.COMPLAINED: consent.Reason.COMPLAINED,
    MailEventKind.UNSUBSCRIBED: consent.Reason.UNSUBSCRIBED,
}


def _storable(event: MailEvent) -> MailEvent:
    texts = {name: getattr(event, name) for name in ("event_id", "send_id", "address", "reason", "url", "message_id")}
    clean: Any = {name: storable(text) for name, text in texts.items() if text is not None}
    return event if all(texts[name] is text for name, text in clean.items()) else replace(event, **clean)


def _batches(told: Iterable[MailEvent]) -> Iterator[list[MailEvent]]:
    coming = iter(told)
    while batch := list(islice(coming, BATCH)):
        yield batch
