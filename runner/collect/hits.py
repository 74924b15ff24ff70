"""The opens and clicks of letters are judged, all of one letter together, and its send and its person told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor, MailEventKind
from runner.circumstances import once_known_as
from runner.collect.judging import Hit, Judged, judge
from runner.collect.machines import KNOWN, Machines
from runner.collect.people import living, lock
from runner.store import Store
from runner.store.functions import numbers_in, texts_in
from runner.store.many import Many
from runner.store.tables import UNJUDGED, contacts, mail_events, sends

#: Letters of one transaction: pages must not wait longer than some 50 ms for the write lock.
CHUNK = 200
#: Who it was that opened or clicked; the higher rank stays.
ACTOR_RANKS: Mapping[str, int] = {"machine": 1, "unknown": 2, "human": 3}


@dataclass(frozen=True, slots=True)
class Seen:
    """Who opened and clicked a letter first; its fields are the columns of `sends`."""

    opened: str | None = None
    opened_at: datetime | None = None
    clicked: str | None = None
    clicked_at: datetime | None = None
    look_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What came of judging anew."""

    letters: int = 0
    #: Letters of which something else is said now, by what was said of their opens and clicks before and after.
    changed: int = 0

    def __add__(self, other: Rejudged) -> Rejudged:
        return Rejudged(self.letters + other.letters, self.changed + other.changed)


def judge_letters(
    connection: sa.Connection,
    arrived: Mapping[str, datetime],
    machines: Machines,
    now: datetime,
    fresh: Mapping[str, Sequence[Hit]] = MappingProxyType({}),
) -> tuple[dict[str, Seen], dict[int, Actor]]:
    """What is seen of these letters, each with when it arrived; those that nobody opened are left out.

    `fresh` are hits of them that are not kept yet, by numbers below zero; of these it is also told who it was.
    """
    if not arrived:
        return {}, {}
    kept: dict[str, list[Any]] = {}
    for row in connection.execute(_HITS, {"ids": json.dumps(sorted(arrived))}):
        kept.setdefault(row.send_id, []).append(row)
    seen: dict[str, Seen] = {}
    corrected: list[dict[str, Any]] = []
    actors: dict[int, Actor] = {}
    for send_id in kept.keys() | fresh.keys():
        rows = kept.get(send_id, ())
        hits = [Hit(row.id, row.kind, row.at, row.told, row.url, row.user_agent, row.ip) for row in rows]
        hits += fresh.get(send_id, ())
        judged = judge(hits, arrived[send_id], machines, now)
        actors |= judged.actors
        corrected += [
            {"hit": row.id, "said": judged.actors[row.id].value} for row in rows if row.actor != judged.actors[row.id]
        ]
        seen[send_id] = _seen(hits, judged)
    _CORRECT(connection, corrected)
    return seen, actors


_HITS = (
    sa.select(
        *(mail_events.c[name] for name in ("send_id", "id", "kind", "at", "told", "url", "user_agent", "ip", "actor"))
    )
    .where(
        mail_events.c.send_id.in_(texts_in(sa.bindparam("ids"))),
        mail_events.c.kind.in_([MailEventKind.OPENED.value, MailEventKind.CLICKED.value]),
    )
    .order_by(mail_events.c.send_id, mail_events.c.id)
)
_CORRECT = Many(
    sa.update(mail_events).where(mail_events.c.id == sa.bindparam("hit")).values(actor=sa.bindparam("said"))
)


def _seen(hits: Sequence[Hit], judged: Judged) -> Seen:
    """The surest actor and that actor's first time, of opens and of clicks."""
    opened, opened_at = _first(hits, judged, MailEventKind.OPENED)
    clicked, clicked_at = _first(hits, judged, MailEventKind.CLICKED)
    return Seen(opened, opened_at, clicked, clicked_at, judged.again_at)


def _first(hits: Sequence[Hit], judged: Judged, kind: MailEventKind) -> tuple[str | None, datetime | None]:
    """Following a link that stops the mail is no click on what it offers."""
    counting = [
        (-ACTOR_RANKS[judged.actors[hit.id]], hit.at) for hit in hits if hit.kind == kind and not hit.stops_mail
    ]
    if not counting:
        return None, None
    rank, at = min(counting)
    return _RANKED[-rank], at


_RANKED = {rank: actor for actor, rank in ACTOR_RANKS.items()}


def note_clicks(connection: sa.Connection, contact_ids: set[int], now: datetime) -> None:
    """The last click of each of these people, whoever they were then; a machine's says nothing of its owner."""
    if not contact_ids:
        return
    people = json.dumps(sorted(set(living(connection, contact_ids).values())))
    known = {row.id: row for row in connection.execute(_SELVES, {"people": people})}
    last: dict[int, datetime] = {}
    for contact_id, at in connection.execute(_LAST_CLICKS, {"selves": json.dumps(list(known))}):
        person = known[contact_id].merged_into or contact_id
        last[person] = max(at, last.get(person, at))
    rows = [
        {"who": id, "clicked_at": last.get(id), "now": now}
        for id, person in known.items()
        if person.merged_into is None and person.last_click_at != last.get(id)
    ]
    _CLICKED(connection, rows)


#: These people and all who were merged into them.
_SELVES = sa.select(contacts.c.id, contacts.c.merged_into, contacts.c.last_click_at).where(
    contacts.c.id.in_(once_known_as(sa.bindparam("people", type_=sa.Text())))
)
_LAST_CLICKS = (
    sa.select(sends.c.contact_id, sa.func.max(mail_events.c.at))
    .join_from(sends, mail_events, mail_events.c.send_id == sends.c.id)
    .where(
        sends.c.contact_id.in_(numbers_in(sa.bindparam("selves", type_=sa.Text()))),
        sends.c.clicked == Actor.HUMAN.value,
        mail_events.c.kind == MailEventKind.CLICKED.value,
        mail_events.c.actor == Actor.HUMAN.value,
    )
    .group_by(sends.c.contact_id)
)
_CLICKED = Many(
    sa.update(contacts)
    .where(contacts.c.id == sa.bindparam("who"))
    .values(
        last_click_at=sa.bindparam("clicked_at", type_=contacts.c.last_click_at.type),
        changed_at=sa.bindparam("now", type_=contacts.c.changed_at.type),
    )
)


# --- judged again: since time has passed, or a rule has changed


def settle_clicks(store: Store, now: datetime, machines: Machines = KNOWN) -> Rejudged:
    """Clicks that were too young when they came are judged for good."""
    total = Rejudged()
    while True:
        with store.read() as connection:
            ids = list(connection.scalars(_DUE, {"now": now}))
        if not ids:
            return total
        total += _again(store, ids, machines, now)


_DUE = (
    sa.select(sends.c.id)
    .where(UNJUDGED, sends.c.look_again_at <= sa.bindparam("now", type_=sends.c.look_again_at.type))
    .order_by(sends.c.id)
    .limit(CHUNK)
)


def reclassify(store: Store, now: datetime, machines: Machines = KNOWN) -> Rejudged:
    """Every open and click that is kept is judged by the rules as they are now."""
    total, after = Rejudged(), ""
    touched = sa.select(sends.c.id).where(sends.c.opened.is_not(None) | sends.c.clicked.is_not(None))
    while True:
        with store.read() as connection:
            ids = list(connection.scalars(touched.where(sends.c.id > after).order_by(sends.c.id).limit(CHUNK)))
        if not ids:
            return total
        total, after = total + _again(store, ids, machines, now), ids[-1]


def _again(store: Store, ids: Sequence[str], machines: Machines, now: datetime) -> Rejudged:
    with store.write() as connection:
        chosen = _LETTERS.where(sends.c.id.in_(ids)).order_by(sends.c.id).with_for_update(key_share=True)
        letters = {row.id: row for row in connection.execute(chosen)}
        arrived = {row.id: row.delivered_at or row.claimed_at for row in letters.values()}
        seen, _ = judge_letters(connection, arrived, machines, now)
        new = {id: one for id in letters if (one := seen.get(id, Seen())) != _as_seen(letters[id])}
        _write(connection, new)
        moved = {letters[id].contact_id for id, one in new.items() if one.clicked != letters[id].clicked}
        lock(connection, living(connection, moved).values())
        note_clicks(connection, moved, now)
    said = [id for id, one in new.items() if (one.opened, one.clicked) != (letters[id].opened, letters[id].clicked)]
    return Rejudged(len(letters), len(said))


_COLUMNS = ("opened", "opened_at", "clicked", "clicked_at", "look_again_at")
_LETTERS = sa.select(*(sends.c[name] for name in ("id", "contact_id", "delivered_at", "claimed_at", *_COLUMNS)))


def _as_seen(row: sa.Row[Any]) -> Seen:
    return Seen(*(getattr(row, name) for name in _COLUMNS))


def _write(connection: sa.Connection, new: Mapping[str, Seen]) -> None:
    if new:
        values: Any = {name: sa.bindparam(f"new_{name}") for name in _COLUMNS}
        rows = [{"of": id} | {f"new_{name}": getattr(one, name) for name in _COLUMNS} for id, one in new.items()]
        connection.execute(sa.update(sends).where(sends.c.id == sa.bindparam("of")).values(values), rows)
