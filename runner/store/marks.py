"""What changed of whom since the last tick, as the database notes it (`notes`): whom a playbook need look at.

Whoever is not noted is not looked at before the next nightly full look.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.visitors import iterate

from runner.store.engine import Store
from runner.store.functions import numbers_in
from runner.store.tables import (
    AT_THE_DOOR,
    changed_contacts,
    company_sources,
    contact_companies,
    contact_sources,
    contacts,
    decisions,
)
from runner.store.types import Id, Instant

#: With more changes than this it costs less to look at everybody.
MANY = 20_000
#: Notes deleted in one transaction.
_CHUNK = 10_000
#: What matters to every playbook: who somebody is, and whether they are there.
_WHO = frozenset(
    {
        *("contacts", "contacts.merged_into", "contacts.deleted_at", "contacts.seen_at"),
        *("contact_sources", "company_sources", "contact_companies"),
    }
)


@dataclass(frozen=True, slots=True)
class Marks:
    """The changes that a tick has seen."""

    #: What changed, in the words of `changed_contacts.what`, and of whom.
    changed: Mapping[str, Set[int]] = field(default_factory=dict)
    #: Playbook → those of them whom it turned away not long ago.
    turned_away: Mapping[str, Set[int]] = field(default_factory=dict)
    #: The numbers of the notes, from and to: between the two none is missing.
    runs: Sequence[tuple[int, int]] = ()
    #: Whether there are so many that `changed` does not list them.
    many: bool = False
    #: Companies that people came to or left, who themselves are among those who changed.
    staff_changed: Sequence[int] = ()

    @property
    def contacts(self) -> set[int]:
        return set().union(*self.changed.values())

    def concerning(self, read: Set[str]) -> set[int]:
        """Of whom something changed that is among the words of what is read, or that matters to every playbook."""
        matters = _WHO | read
        return set().union(*(people for what, people in self.changed.items() if not matters.isdisjoint(what.split())))


def marks_of(connection: sa.Connection, *, refused_since: datetime | None = None) -> Marks:
    """Every change noted so far. One that is written meanwhile is not among them and stays noted.

    Who was turned away is looked up as far back as `refused_since`, and not without it.
    """
    people: dict[str, set[int]] = defaultdict(set)
    firms: dict[str, set[int]] = defaultdict(set)
    staff_changed: set[int] = set()
    distinct: set[tuple[int | None, int | None]] = set()
    runs: list[tuple[int, int]] = []
    many = False
    # A portion of rows at a time, and each column by itself: row by row they cost four times as much.
    for portion in connection.execute(_NOTED).partitions():
        numbers, whom, whose, words = zip(*portion, strict=True)
        runs += _runs(numbers)
        if many := many or _are_many(distinct, zip(whom, whose, strict=True)):
            continue
        for what, contact, company in zip(words, whom, whose, strict=True):
            if contact is None:
                firms[what].add(company)
                continue
            people[what].add(contact)
            if company is not None:
                staff_changed.add(company)
    if not many:
        for what, theirs in firms.items():
            people[what] |= _people_of(connection, theirs)
    marks = Marks(people, {}, runs, staff_changed=sorted(staff_changed))
    if many or len(everybody := marks.contacts) > MANY:
        return Marks(runs=runs, many=True)
    if refused_since is None or not everybody:
        return marks
    return replace(marks, turned_away=_turned_away(connection, everybody, refused_since))


_NOTED = sa.select(changed_contacts).order_by(changed_contacts.c.id).execution_options(yield_per=_CHUNK)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """From and to, wherever between the two none is missing."""
    first = numbers[0]
    for before, number in pairwise(numbers):
        if number != before + 1:
            yield first, before
            first = number
    yield first, numbers[-1]


def _are_many(distinct: set[tuple[int | None, int | None]], more: Iterable[tuple[int | None, int | None]]) -> bool:
    """Whether these are too many with those before, or concern everybody."""
    distinct.update(more)
    return len(distinct) > MANY or (None, None) in distinct


def read_by(statement: sa.SelectBase) -> frozenset[str]:
    """What a statement reads, in the words of `changed_contacts.what`: tables, and of contacts the columns."""
    columns = {one for one in iterate(statement) if isinstance(one, sa.Column)}
    own = {base for column in columns for base in column.base_columns if isinstance(base, sa.Column)}
    return frozenset(
        f"contacts.{column.name}" if column.table is contacts else str(column.table.name) for column in own
    )


def _turned_away(connection: sa.Connection, people: Set[int], since: datetime) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    named = {"people": json.dumps(sorted(people)), "since": since}
    for playbook, contact in connection.execute(_REFUSED, named):
        found[playbook].add(contact)
    return found


def _people_of(connection: sa.Connection, firms: Set[int]) -> set[int]:
    if not firms:
        return set()
    named = {"firms": json.dumps(sorted(firms))}
    return {id for chosen in (_EMPLOYED, _STAFF) for id in connection.scalars(chosen, named)}


def _listed(name: str) -> Any:
    return numbers_in(sa.bindparam(name, type_=sa.Text()))


_REFUSED = sa.select(decisions.c.playbook, decisions.c.contact_id).where(
    decisions.c.contact_id.in_(_listed("people")),
    AT_THE_DOOR,
    decisions.c.at >= sa.bindparam("since", type_=Instant()),
)
#: Whose main company it is, and whom any source tells of as one of its people.
_EMPLOYED = sa.select(contacts.c.id).where(
    contacts.c.company_id.is_not(None), contacts.c.company_id.in_(_listed("firms"))
)
_STAFF = (
    sa.select(sa.func.coalesce(contacts.c.merged_into, contacts.c.id))
    .join_from(company_sources, contact_companies, contact_companies.c.company_source == company_sources.c.id)
    .join(contact_sources, contact_sources.c.id == contact_companies.c.contact_source)
    .join(contacts, contacts.c.id == contact_sources.c.contact_id)
    .where(company_sources.c.company_id.in_(_listed("firms")))
)


def colleagues(connection: sa.Connection, marks: Marks, people: Set[int]) -> set[int]:
    """Everybody of the companies of these people, and of those that somebody came to or left."""
    named = {"people": json.dumps(sorted(people))}
    theirs = {firm for chosen in _FIRMS for firm in connection.scalars(chosen, named)}
    return _people_of(connection, theirs.union(marks.staff_changed))


_own = contacts.alias("own")
_FIRMS = [
    sa.select(company_sources.c.company_id)
    .join_from(_own, contact_sources, contact_sources.c.contact_id == _own.c.id)
    .join(contact_companies, contact_companies.c.contact_source == contact_sources.c.id)
    .join(company_sources, company_sources.c.id == contact_companies.c.company_source)
    .where(company_sources.c.company_id.is_not(None), me.in_(_listed("people")))
    .distinct()
    for me in (_own.c.id, _own.c.merged_into)
]


def forget(store: Store, marks: Marks) -> None:
    """These changes have been looked at, by every playbook."""
    for portion in _portions(marks.runs):
        with store.note() as connection:
            connection.execute(_FORGET, [{"first": first, "last": last} for first, last in portion])


_FORGET = changed_contacts.delete().where(
    changed_contacts.c.id.between(sa.bindparam("first", type_=Id), sa.bindparam("last", type_=Id))
)


def _portions(runs: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The runs in transactions of a size that lets others write in between."""
    portion: list[tuple[int, int]] = []
    room = _CHUNK
    for first, last in runs:
        while first <= last:
            end = min(last, first + room - 1)
            portion.append((first, end))
            room -= end - first + 1
            first = end + 1
            if not room:
                yield portion
                portion, room = [], _CHUNK
    if portion:
        yield portion
