"""Who has arrived at a playbook's door: whom a tick looks at, what it finds, and whether its last look stands."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.edge import Edge
from runner.enroll.door import door_of
from runner.news import answers, sifted
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store import Store, look_by_index
from runner.store.functions import texts_in
from runner.store.marks import Marks, forget
from runner.store.tables import playbooks
from runner.store.types import Instant
from runner.triggers import Window

#: People looked at by one question.
LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Who stands otherwise at a playbook's door than is written down."""

    contacts: Sequence[int] = ()
    #: Occasions that begin now: all, and those of people who are written to.
    welcome: int = 0
    treated: int = 0
    #: Occasions refused, or refused for another reason than before.
    refused: int = 0
    #: Who was looked at one by one; None where it was everybody.
    among: Sequence[int] | None = None

    def __add__(self, other: Arrivals) -> Arrivals:
        return Arrivals(
            [*self.contacts, *other.contacts],
            self.welcome + other.welcome,
            self.treated + other.treated,
            self.refused + other.refused,
            self.among,
        )


def seek(
    store: Store,
    connection: sa.Connection,
    looked_at: Sequence[tuple[Playbook, Window]],
    settings: Settings,
    marks: Marks,
    edge: Edge,
) -> dict[str, Sequence[int]]:
    """For whom something is new since the last tick, playbook by playbook; their numbers, in order."""
    look_by_index(connection)
    concerned, asked, may_fire = {}, {}, {}
    for playbook, window in looked_at:
        with edge.of(playbook.id, "enroll"), _apart(connection):
            search = door_of(store, playbook, window, settings).search
            concerned[playbook.id] = search.concerned(connection, marks)
            asked[playbook.id] = list(search.questions(window))
            if search.may_fire is not None:
                may_fire[playbook.id] = search.may_fire
    concerned = sifted(connection, concerned, may_fire)
    answered = _answers(connection, asked, edge)
    return {playbook: sorted(concerned[playbook] | people) for playbook, people in answered.items()}


def _answers(
    connection: sa.Connection, asked: Mapping[str, Sequence[sa.SelectBase]], edge: Edge
) -> dict[str, set[int]]:
    try:
        with _apart(connection):
            return answers(connection, asked)
    except Exception:
        # Asked one by one, so that it is known which failed and the others are answered.
        found: dict[str, set[int]] = {}
        for playbook, questions in asked.items():
            with edge.of(playbook, "enroll"), _apart(connection):
                found |= answers(connection, {playbook: questions})
        return found


def _apart(connection: sa.Connection) -> AbstractContextManager[object]:
    """What fails within does not spoil the transaction for those who come after, as it would on PostgreSQL."""
    return connection.begin_nested() if connection.dialect.name == "postgresql" else nullcontext()


def look(
    store: Store,
    connection: sa.Connection,
    playbook: Playbook,
    window: Window,
    settings: Settings,
    among: Sequence[int] | None = None,
) -> Arrivals:
    """What a tick has to write of these people, or of everybody."""
    door = door_of(store, playbook, window, settings)
    look_by_index(connection)
    if among is None:
        door.move(window)
        if door.turned is None:
            return _told(connection.execute(door.news_of_all))
        among = sorted(set(connection.scalars(door.turned)))
    arrivals = Arrivals(among=among)
    for portion in portions(among, LOOKED_AT):
        door.move(window, portion)
        arrivals += _told(connection.execute(door.news_of_some))
    return arrivals


def stands(
    store: Store, connection: sa.Connection, playbook: Playbook, window: Window, settings: Settings, contact: int
) -> sa.Row[Any] | None:
    """How somebody stands at a playbook's door whose trigger has fired; None where it has not, or they are inside."""
    door = door_of(store, playbook, window, settings)
    door.move(window, [contact])
    return connection.execute(door.stands).one_or_none()


def portions(people: Sequence[int], size: int) -> list[Sequence[int]]:
    return [people[start : start + size] for start in range(0, len(people), size)]


def _told(rows: sa.Result[Any]) -> Arrivals:
    contacts, welcome, treated, refused = array("q"), 0, 0, 0
    for row in rows:
        contacts.append(row.contact_id)
        welcome, treated, refused = welcome + row.welcome, treated + row.treated, refused + row.refused
    return Arrivals(contacts, welcome, treated, refused)


def strangers(
    store: Store,
    connection: sa.Connection,
    looked_at: Sequence[tuple[Playbook, Window]],
    settings: Settings,
    edge: Edge,
) -> frozenset[str]:
    """The playbooks whose last look does not stand for today's: new, edited, left out since then, or failing."""
    rows = {row.id: row for row in connection.execute(_LAST_LOOKS)}
    latest = max((row.last_tick_at for row in rows.values() if row.looked_by), default=None)
    found = {playbook.id for playbook, _ in looked_at}
    for playbook, window in looked_at:
        with edge.of(playbook.id, "enroll"):
            row, door = rows.get(playbook.id), door_of(store, playbook, window, settings)
            if row and not window.first_look and row.looked_by == door.looked_by and row.last_tick_at == latest:
                found.remove(playbook.id)
    return frozenset(found)


def finish(
    store: Store,
    looked_at: Sequence[tuple[Playbook, Window]],
    settings: Settings,
    marks: Marks,
    now: datetime,
    anew: Set[str],
) -> None:
    """The tick is through: the next one asks what is new from here on. Of those `anew` everybody was looked at."""
    ids = json.dumps([playbook.id for playbook, _ in looked_at])
    with store.note() as connection:
        connection.execute(_LOOKED, {"ids": ids, "now": now})
        for playbook, window in looked_at:
            if playbook.id in anew:
                digest = door_of(store, playbook, window, settings).looked_by
                connection.execute(playbooks.update().where(playbooks.c.id == playbook.id).values(looked_by=digest))
    forget(store, marks)


_LAST_LOOKS = sa.select(playbooks.c.id, playbooks.c.last_tick_at, playbooks.c.looked_by)
_LOOKED = (
    playbooks.update()
    .where(playbooks.c.id.in_(texts_in(sa.bindparam("ids", type_=sa.Text()))))
    .values(last_tick_at=sa.bindparam("now", type_=Instant()))
)
