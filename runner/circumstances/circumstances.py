"""One person's circumstances, read in one go for a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.circumstances.due import Due
from runner.circumstances.permission import latest_words, suppressed
from runner.conditions import Condition, Today
from runner.conditions.brought import read
from runner.playbook import Playbook
from runner.store.tables import companies, contacts

# Named tuples: a batch makes thousands of each, and they are made three times as fast as frozen dataclasses.


class Passage(NamedTuple):
    """What happened on one enrollment's way."""

    #: When the goal was reached after entering.
    goal_at: datetime | None = None
    #: The latest survey that went out, its answer, and until when it may be given.
    asked: str | None = None
    answer: Mapping[str, Any] | None = None
    asked_until: datetime | None = None
    #: When what this step waits for came.
    happened_at: datetime | None = None
    #: Whether what the last `wait` was for has come.
    happened: bool | None = None
    #: Who entered for the same occasion, is the same person by a merge, and goes first.
    rival: int | None = None


class Circumstances(NamedTuple):
    """One person's, at one moment."""

    #: The columns of `contacts` and, below `company`, of the company; custom fields below `custom`.
    contact: Mapping[str, Any]
    company: Mapping[str, Any] | None = None
    #: Why we may not write: the reason of a suppression in force, and when it began.
    suppressed: tuple[str, datetime] | None = None
    #: The latest word on the topic: yes, no, or unknown.
    consent: str = "unknown"
    #: Whether `exit_when` holds.
    exits: bool = False
    #: What the counts, sums and lasts of the step's conditions come to, by their text.
    measured: Mapping[str, Any] = MappingProxyType({})
    passage: Passage = Passage()
    #: The review site whose turn it is, where a step asks for one.
    site: str | None = None

    @property
    def zone(self) -> str:
        return str(self.contact["zone"])

    @property
    def address(self) -> str | None:
        address: str | None = self.contact["address"]
        return address

    def values(self, due: Due | None = None) -> dict[str, Any]:
        """The fields by their full names, as conditions have them; with an enrollment's own, and what was brought."""
        named = {f"contact.{name}": value for name, value in plain(self.contact).items()}
        named |= {f"company.{name}": value for name, value in plain(self.company or {}).items()}
        named |= self.measured
        if due is None:
            return named
        brought = {**read(due.facts), "answer": self.answer(due) or {}}
        named |= {f"{word}.{name}": value for word, row in brought.items() for name, value in row.items()}
        return named | {
            "enrollment.happened": self.passage.happened,
            "enrollment.entered_at": due.entered_at,
            "enrollment.occasion": due.occasion,
        }

    def answer(self, due: Due) -> Mapping[str, Any] | None:
        """What was answered to the playbook's survey; where it sent none, the answer that let the person in."""
        if self.passage.answer is not None or self.passage.asked_until is not None:
            return self.passage.answer
        return read(due.facts).get("answer")


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A person's or a company's fields by their names, custom ones among them."""
    return {**(row.get("custom") or {}), **row}


class Known(Mapping[str, Any]):
    """The fields that there are of a person or a company, custom ones among them; a missing one is None."""

    __slots__ = ("_custom", "_names", "_row")

    def __init__(self, names: Collection[str], row: Mapping[str, Any]) -> None:
        self._names = names
        self._row = row
        self._custom: Mapping[str, Any] = row.get("custom") or {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._row[name] if name in self._row else self._custom.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def look_at(
    connection: sa.Connection,
    playbook: Playbook,
    people: Mapping[int, Mapping[str, Any]],
    *,
    topic: str | None,
    now: datetime,
    zones: Sequence[str],
    asking: Iterable[Condition] = (),
) -> dict[int, Circumstances]:
    """The circumstances of these people, by contact; whether they may be written to only where a topic asks for it.

    `asking` are the conditions that are to be asked of them one by one.
    """
    firms = _firms(connection, [p["company_id"] for p in people.values() if p.get("company_id") is not None])
    noes = suppressed(connection, people) if topic is not None else {}
    words = latest_words(connection, list(people), topic) if topic is not None else {}
    today = Today(now, zones)
    leaving = _leaving(connection, playbook, list(people), today)
    measured: dict[int, dict[str, Any]] = {id: {} for id in people}
    for condition in asking:
        for id, found in condition.measured(connection, list(people), today).items():
            measured[id] |= found
    return {
        id: Circumstances(
            contact=person,
            company=firms.get(person.get("company_id") or 0),
            suppressed=noes.get(id),
            consent=words.get(id, "unknown"),
            exits=id in leaving,
            measured=measured[id],
        )
        for id, person in people.items()
    }


def who_they_are(connection: sa.Connection, person: Mapping[str, Any]) -> Circumstances:
    """A person and their company, before anything is asked of them."""
    company = person["company_id"]
    return Circumstances(person, None if company is None else _firms(connection, [company]).get(company))


def _firms(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    if not ids:
        return {}
    rows = connection.execute(_FIRMS, {"ids": sorted(set(ids))}).mappings()
    return {row["id"]: dict(row) for row in rows}


_FIRMS = sa.select(companies).where(companies.c.id.in_(sa.bindparam("ids", expanding=True)))


def _leaving(connection: sa.Connection, playbook: Playbook, ids: Sequence[int], today: Today) -> set[int]:
    if playbook.exit_when is None:
        return set()
    return set(
        connection.scalars(
            sa.select(contacts.c.id)
            .outerjoin_from(contacts, companies, companies.c.id == contacts.c.company_id)
            .where(contacts.c.id.in_(ids), playbook.exit_when.sql(today))
        )
    )
