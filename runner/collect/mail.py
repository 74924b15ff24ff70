"""Mail events become rows, each once, and roll up into their sends whatever order they come in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from runner.collect import consent, hits
from runner.collect.hits import Seen
from runner.collect.machines import KNOWN, Machines
from runner.collect.people import living, lock
from runner.collect.text import storable
from runner.store import Store
from runner.store.functions import texts_in
from runner.store.many import Many
from runner.store.tables import mail_events, sends, writes

#: Events of one transaction: pages must not wait longer than some 50 ms for the write lock.
BATCH = 250

#: Characters of a program's name for itself.
LONGEST_AGENT = 300

#: How far a letter came; the higher rank stays, since events arrive in any order. A delivered letter may still bounce.
DELIVERY_RANKS: Mapping[str, int] = {
    MailEventKind.PROCESSED: 1,
    MailEventKind.DEFERRED: 2,
    MailEventKind.DELIVERED: 3,
    MailEventKind.BLOCKED: 4,
    MailEventKind.DROPPED: 5,
    MailEventKind.BOUNCED: 6,
}


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


def events(
    store: Store, mailer_name: str, told: Iterable[MailEvent], now: datetime, machines: Machines = KNOWN
) -> Counted:
    """Records events with all that follows from them; one that is told again changes nothing."""
    counted = Counted()
    for batch in _batches(told):
        with store.write() as connection:
            counted += record(connection, store, mailer_name, batch, now, machines)
    return counted


def record(
    connection: sa.Connection,
    store: Store,
    mailer_name: str,
    told: Sequence[MailEvent],
    now: datetime,
    machines: Machines = KNOWN,
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
    clickers = _judge(connection, progress, machines, now)
    _write_back(connection, progress.values())
    _prove_messages(connection, {event.send_id for event in new if event.send_id} - progress.keys(), now)
    _lock_people(connection, new, progress, clickers)
    hits.note_clicks(connection, clickers, now)
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
    look_again_at: datetime | None
    claimed_at: datetime
    #: Whether something was told by which its opens and clicks are to be judged anew.
    is_to_judge: bool = False

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
                self.is_to_judge |= bool(self.opened or self.clicked)
            case MailEventKind.OPENED | MailEventKind.CLICKED:
                self.is_to_judge = True
            case MailEventKind.UNSUBSCRIBED:
                self.unsubscribed_at = _first(self.unsubscribed_at, event.at)
            case MailEventKind.COMPLAINED:
                self.complained_at = _first(self.complained_at, event.at)
            case _:
                pass

    def shows(self, seen: Seen) -> bool:
        """Takes over what its hits come to; whether it is told otherwise now who clicked it, or when."""
        clicks = self.clicked, self.clicked_at
        for name in _SEEN:
            setattr(self, name, getattr(seen, name))
        return Actor.HUMAN in (clicks[0], self.clicked)


_SEEN = tuple(field.name for field in fields(Seen))
_COLUMNS = tuple(field.name for field in fields(_Progress) if field.name != "is_to_judge")
_CHANGING = tuple(name for name in _COLUMNS if name not in ("id", "contact_id", "address", "claimed_at"))


def _first(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _judge(
    connection: sa.Connection, progress: Mapping[str | None, _Progress], machines: Machines, now: datetime
) -> set[int]:
    """Judges the opens and clicks of which something was told; the people whose last click may be another one now."""
    letters = {one.id: one for one in progress.values() if one.is_to_judge}
    arrived = {one.id: one.delivered_at or one.claimed_at for one in letters.values()}
    seen = hits.judge_letters(connection, arrived, machines, now)
    return {letters[id].contact_id for id, what in seen.items() if letters[id].shows(what)}


def _insert_new(
    connection: sa.Connection, store: Store, mailer_name: str, told: Sequence[MailEvent], now: datetime
) -> list[MailEvent]:
    """Those that were not known yet. In the order of their ids, so that two processes do not lock each other out."""
    unique = {event.event_id: event for event in map(_storable, told)}
    if store.is_sqlite:
        # Nobody else writes meanwhile, so those that are there can be asked for.
        asked = {"mailer": mailer_name, "ids": json.dumps(list(unique))}
        known = set(connection.scalars(_KNOWN, asked))
        new = [event for id, event in sorted(unique.items()) if id not in known]
        _INSERT(connection, [_row(event, mailer_name, now) for event in new])
        return new
    rows = [_row(event, mailer_name, now) for _, event in sorted(unique.items())]
    if not rows:
        return []
    insert = store.insert(mail_events).on_conflict_do_nothing(index_elements=["mailer", "event_id"])
    return [unique[id] for id in connection.scalars(insert.returning(mail_events.c.event_id), rows)]


_INSERT = Many(sa.insert(mail_events))
_KNOWN = sa.select(mail_events.c.event_id).where(
    mail_events.c.mailer == sa.bindparam("mailer"), mail_events.c.event_id.in_(texts_in(sa.bindparam("ids")))
)


def _row(event: MailEvent, mailer_name: str, now: datetime) -> dict[str, Any]:
    return {
        "mailer": mailer_name,
        "event_id": event.event_id,
        "send_id": event.send_id,
        "kind": event.kind.value,
        "at": event.at,
        "actor": (event.actor or Actor.UNKNOWN).value if event.kind in _HITS else None,
        "told": event.actor.value if event.actor else None,
        "reason": event.reason,
        "url": event.url,
        "user_agent": event.user_agent[:LONGEST_AGENT] if event.user_agent else None,
        "ip": event.ip,
        "seen_at": now,
    }


def _progress_of(connection: sa.Connection, send_ids: set[str]) -> dict[str | None, _Progress]:
    rows = connection.execute(_SENDS, {"ids": json.dumps(sorted(send_ids))})
    return {row.id: _Progress(*row) for row in rows}


_SENDS = (
    sa.select(*(sends.c[name] for name in _COLUMNS))
    .where(sends.c.id.in_(texts_in(sa.bindparam("ids"))))
    .order_by(sends.c.id)
    .with_for_update(key_share=True)
)


def _write_back(connection: sa.Connection, progress: Iterable[_Progress]) -> None:
    _UPDATE(connection, [{f"new_{name}": getattr(one, name) for name in ("id", *_CHANGING)} for one in progress])


_UPDATE = Many(
    sa.update(sends)
    .where(sends.c.id == sa.bindparam("new_id"))
    .values({name: sa.bindparam(f"new_{name}", type_=sends.c[name].type) for name in _CHANGING})
)


def _prove_messages(connection: sa.Connection, ids: set[str], now: datetime) -> None:
    """Mails to colleagues: whatever is told of one, the provider has it."""
    if ids:
        told = writes.c.id.in_(sorted(ids)), writes.c.state.in_(["claimed", "unsure"])
        connection.execute(sa.update(writes).where(*told).values(state="accepted", settled_at=now))


def _lock_people(
    connection: sa.Connection,
    new: Sequence[MailEvent],
    progress: Mapping[str | None, _Progress],
    clickers: set[int],
) -> None:
    bound = {
        progress[event.send_id].contact_id
        for event in new
        if (event.because or event.kind) in _TOUCHING and event.send_id in progress
    }
    if people := bound | clickers:
        lock(connection, living(connection, people).values())


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
        send = progress.get(event.send_id)
        address = send.address if send else (event.address or "").strip().lower() or None
        if event.kind is MailEventKind.RESUBSCRIBED and address is not None:
            consent.came_back(connection, mailer_name, address, send.contact_id if send else None, event.at, now)
        reason = _BINDING.get(event.because or event.kind)
        if reason is None:
            continue
        person = send.contact_id if send and reason is not consent.Reason.BOUNCED else None
        no = consent.No(reason, address, person, send.id if send else None, mailer_name, event.at, event.reason)
        consent.bind(connection, no, now)


_BINDING: Mapping[MailEventKind, consent.Reason] = {
    MailEventKind.BOUNCED: consent.Reason.BOUNCED,
    MailEventKind.COMPLAINED: consent.Reason.COMPLAINED,
    MailEventKind.UNSUBSCRIBED: consent.Reason.UNSUBSCRIBED,
}


#: What touches the person as well as the letter.
_TOUCHING = (*_BINDING, MailEventKind.RESUBSCRIBED)
_HITS = (MailEventKind.OPENED, MailEventKind.CLICKED)
_TEXTS = ("event_id", "send_id", "address", "reason", "url", "message_id", "user_agent", "ip")


def _storable(event: MailEvent) -> MailEvent:
    texts = {name: getattr(event, name) for name in _TEXTS}
    if "".join(filter(None, texts.values())).isascii() and not any(text and "\0" in text for text in texts.values()):
        return event
    clean: Any = {name: storable(text) for name, text in texts.items() if text is not None}
    return event if all(texts[name] is text for name, text in clean.items()) else replace(event, **clean)


def _batches(told: Iterable[MailEvent]) -> Iterator[list[MailEvent]]:
    coming = iter(told)
    while batch := list(islice(coming, BATCH)):
        yield batch
