"""Mail events become rows, each once, and roll up into their sends whatever order they come in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from runner.collect import consent, hits
from runner.collect.hits import Seen
from runner.collect.judging import Hit
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
    unique = {event.event_id: event for event in map(_storable, told)}
    # Letters are locked before it is asked what is known of them: whoever is told the same at the same time waits here.
    progress = _progress_of(connection, {event.send_id for event in unique.values() if event.send_id})
    new = _new(connection, mailer_name, unique)
    for event in new:
        if (one := progress.get(event.send_id)) is not None:
            one.hears(event, now)
    actors, clickers = _judge(connection, progress, new, machines, now)
    new = _insert(connection, store, [_row(event, mailer_name, actors, now) for event in new], unique)
    _write_back(connection, [one for one in progress.values() if one.has_heard])
    unknown = [event for event in new if event.send_id not in progress]
    _prove_messages(connection, {event.send_id for event in unknown if event.send_id}, now)
    _lock_people(connection, new, progress, clickers)
    hits.note_clicks(connection, clickers, now)
    _bind(connection, mailer_name, new, progress, now)
    return Counted(len(new), len(told) - len(new), len(unknown))


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
    #: Whether something was told of it, and whether its opens and clicks are to be judged anew by that.
    has_heard: bool = False
    is_to_judge: bool = False

    def hears(self, event: MailEvent, now: datetime) -> None:
        self.has_heard = True
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
_COLUMNS = tuple(field.name for field in fields(_Progress) if field.name not in ("has_heard", "is_to_judge"))
_CHANGING = tuple(name for name in _COLUMNS if name not in ("contact_id", "address", "claimed_at"))


def _first(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _judge(
    connection: sa.Connection,
    progress: Mapping[str | None, _Progress],
    new: Sequence[MailEvent],
    machines: Machines,
    now: datetime,
) -> tuple[dict[str, str], set[int]]:
    """Judges the opens and clicks of which something was told, with the new ones, which are not kept yet.

    By event who it was, and the people whose last click may be another one now.
    """
    letters = {one.id: one for one in progress.values() if one.is_to_judge}
    fresh: dict[str, list[Hit]] = {}
    names: dict[int, str] = {}
    for event in new:
        if event.kind in _HITS and event.send_id in letters:
            names[-1 - len(names)] = event.event_id
            fresh.setdefault(event.send_id, []).append(_hit(-len(names), event))
    arrived = {one.id: one.delivered_at or one.claimed_at for one in letters.values()}
    seen, actors = hits.judge_letters(connection, arrived, machines, now, fresh)
    clickers = {letters[id].contact_id for id, what in seen.items() if letters[id].shows(what)}
    return {name: actors[number].value for number, name in names.items()}, clickers


def _hit(number: int, event: MailEvent) -> Hit:
    told = event.actor.value if event.actor else None
    return Hit(number, event.kind.value, event.at, told, event.url, _shortened(event.user_agent), event.ip)


def _new(connection: sa.Connection, mailer_name: str, unique: Mapping[str, MailEvent]) -> list[MailEvent]:
    """Those that were not known yet. In the order of their ids, so that two processes do not lock each other out."""
    known = set(connection.scalars(_KNOWN, {"mailer": mailer_name, "ids": json.dumps(list(unique))}))
    return [event for id, event in sorted(unique.items()) if id not in known]


def _insert(
    connection: sa.Connection, store: Store, rows: Sequence[dict[str, Any]], unique: Mapping[str, MailEvent]
) -> list[MailEvent]:
    """Keeps them. Of a letter that we do not know somebody else may have told the same meanwhile: it is theirs then."""
    if store.is_sqlite:
        _INSERT(connection, rows)
        return [unique[row["event_id"]] for row in rows]
    if not rows:
        return []
    insert = store.insert(mail_events).on_conflict_do_nothing(index_elements=["mailer", "event_id"])
    return [unique[id] for id in connection.scalars(insert.returning(mail_events.c.event_id), rows)]


_INSERT = Many(sa.insert(mail_events))
_KNOWN = sa.select(mail_events.c.event_id).where(
    mail_events.c.mailer == sa.bindparam("mailer"), mail_events.c.event_id.in_(texts_in(sa.bindparam("ids")))
)


def _row(event: MailEvent, mailer_name: str, actors: Mapping[str, str], now: datetime) -> dict[str, Any]:
    actor = actors.get(event.event_id) or (event.actor or Actor.UNKNOWN).value
    return {
        "mailer": mailer_name,
        "event_id": event.event_id,
        "send_id": event.send_id,
        "kind": event.kind.value,
        "at": event.at,
        "actor": actor if event.kind in _HITS else None,
        "told": event.actor.value if event.actor else None,
        "reason": event.reason,
        "url": event.url,
        "user_agent": _shortened(event.user_agent),
        "ip": event.ip,
        "seen_at": now,
    }


def _shortened(user_agent: str | None) -> str | None:
    return user_agent[:LONGEST_AGENT] if user_agent else None


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
    _UPDATE(connection, [dict(zip(_NEW, _told(one), strict=True)) for one in progress])


_told = attrgetter(*_CHANGING)
_NEW = tuple(f"new_{name}" for name in _CHANGING)
_UPDATE = Many(
    sa.update(sends)
    .where(sends.c.id == sa.bindparam("new_id"))
    .values({name: sa.bindparam(f"new_{name}", type_=sends.c[name].type) for name in _CHANGING if name != "id"})
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
    texts = "".join(filter(None, _texts_of(event)))
    if texts.isascii() and "\0" not in texts:
        return event
    clean: Any = {name: storable(text) for name in _TEXTS if (text := getattr(event, name)) is not None}
    return event if all(getattr(event, name) is text for name, text in clean.items()) else replace(event, **clean)


_texts_of = attrgetter(*_TEXTS)


def _batches(told: Iterable[MailEvent]) -> Iterator[list[MailEvent]]:
    coming = iter(told)
    while batch := list(islice(coming, BATCH)):
        yield batch
