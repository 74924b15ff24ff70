"""People who prove to be one: an address that comes later, or somebody who was deleted and is told anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import contact_sources, contacts, enrollments
from runner.sync.consent import inherit
from runner.sync.derive import derive
from runner.sync.matching import column_of
from runner.sync.pointers import mark_stale
from runner.sync.rows import Pull


@dataclass(frozen=True, slots=True)
class _Person:
    """A contact that has the value in question."""

    id: int
    alive: bool
    #: Connectors that know them today.
    known_to: frozenset[str]
    #: Whether they entered a playbook.
    has_history: bool


def join(connection: sa.Connection, store: Store, pull: Pull, values: Mapping[int, str]) -> dict[int, Sequence[int]]:
    """Joins each of these contacts, which came to have its value of the field that people are matched by, with the
    one other contact that has it, where one of the two has no history and no connector knows both.

    Who was deleted is joined only to be told anew: the newcomer gets the history. Returns who was kept apart, and the
    living people that each shares the value with.
    """
    sharing = _sharing(connection, pull, set(values.values())) if values else {}
    apart: dict[int, Sequence[int]] = {}
    joined: set[int] = set()
    for contact_id, value in values.items():
        people = [person for person in sharing.get(value, ()) if person.id not in joined]
        one = next((person for person in people if person.id == contact_id), None)
        others = [person for person in people if person.id != contact_id]
        if one is None or not others:
            continue
        pair = _pair(one, others)
        if pair is not None:
            joined |= {person.id for person in pair}
            _join(connection, store, pull, *(person.id for person in pair))
        elif one.alive and (living := [person.id for person in others if person.alive]):
            apart[contact_id] = living
    return apart


def values_of(connection: sa.Connection, pull: Pull, contact_ids: Collection[int]) -> dict[int, str]:
    """What people are matched by, of these contacts."""
    if pull.match == "none":
        return {}
    column = column_of(pull.match)
    chosen = contacts.c.id.in_(sorted(contact_ids)), contacts.c.merged_into.is_(None), column.is_not(None)
    return dict(connection.execute(sa.select(contacts.c.id, column).where(*chosen)).all())


def _pair(one: _Person, others: Sequence[_Person]) -> tuple[_Person, _Person] | None:
    """Who stays and who is joined to them; None where they stay apart."""
    living = [person for person in others if person.alive]
    near = living or ([person for person in others if person.has_history] if one.alive else [])
    if len(near) != 1 or one.known_to & near[0].known_to or (one.has_history and near[0].has_history):
        return None
    if not (one.alive and near[0].alive) and not (near[0] if one.alive else one).has_history:
        return None  # Nothing is known of the deleted one that were worth keeping.
    stays, goes = sorted((one, near[0]), key=lambda person: (not person.has_history, person.id))
    return stays, goes


def _sharing(connection: sa.Connection, pull: Pull, values: Collection[str]) -> dict[str, list[_Person]]:
    """Everybody who has one of these values, the deleted too."""
    column = column_of(pull.match)
    chosen = column.in_(sorted(values)), contacts.c.merged_into.is_(None)
    rows = connection.execute(
        sa.select(column.label("value"), contacts.c.id, contacts.c.deleted_at).where(*chosen).order_by(contacts.c.id)
    ).all()
    known_to, old_hands = _known_to(connection, [row.id for row in rows]), _old_hands(connection, rows)
    people = defaultdict(list)
    for row in rows:
        person = _Person(row.id, row.deleted_at is None, frozenset(known_to[row.id]), row.id in old_hands)
        people[row.value].append(person)
    return people


def _known_to(connection: sa.Connection, people: Sequence[int]) -> Mapping[int, set[str]]:
    s = contact_sources.c
    living = s.contact_id.in_(people), s.deleted_at.is_(None), s.row_hash.is_not(None)
    connectors: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(sa.select(s.contact_id, s.connector).where(*living)):
        connectors[row.contact_id].add(row.connector)
    return connectors


def _old_hands(connection: sa.Connection, rows: Sequence[Any]) -> set[int]:
    """Those of them who entered a playbook, as themselves or as somebody merged into them."""
    people = [row.id for row in rows]
    today = sa.func.coalesce(contacts.c.merged_into, contacts.c.id)
    selves = sa.or_(contacts.c.id.in_(people), contacts.c.merged_into.in_(people))
    entered = sa.exists().where(enrollments.c.contact_id == contacts.c.id)
    return set(connection.scalars(sa.select(today).where(selves, entered)))


def _join(connection: sa.Connection, store: Store, pull: Pull, stays: int, goes: int) -> None:
    """What the sources told of the one they tell of the other from now on."""
    s = contact_sources
    connection.execute(sa.update(s).where(s.c.contact_id == goes).values(contact_id=stays))
    moved = sa.or_(contacts.c.id == goes, contacts.c.merged_into == goes)
    connection.execute(sa.update(contacts).where(moved).values(merged_into=stays, changed_at=pull.now))
    inherit(connection, goes, stays)
    derive(connection, store, pull, [stays], joined=[stays])
    mark_stale(connection, store, sa.select(contacts.c.id).where(contacts.c.id == stays))
