"""Whether a person one connector tells of is somebody another one told of already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connectors.base import SetAside
from runner.store.tables import contact_sources, contacts
from runner.sync.person import Fields, address
from runner.sync.rows import Pull

#: Columns of `contacts` that `match:` may name; other names are custom fields.
COLUMNS = ("first_name", "last_name", "country", "language", "owner", "lifecycle_stage")


@dataclass(frozen=True, slots=True)
class Matches:
    """Who was recognised, by source id, and who may be somebody known and was kept apart."""

    people: dict[str, int]
    doubtful: Sequence[SetAside]


def recognise(connection: sa.Connection, pull: Pull, told: Mapping[str, Fields]) -> Matches:
    """Exactly one living person of another connector with the same value is the same person.

    Two such people, or one who has a row of this connector already, are left alone and told.
    """
    values = {source_id: value for source_id, fields in told.items() if (value := value_of(pull, fields))}
    candidates = _candidates(connection, pull, set(values.values())) if values else {}
    taken = _taken(connection, pull, [person for people in candidates.values() for person in people])
    people: dict[str, int] = {}
    doubtful: list[SetAside] = []
    for source_id, value in values.items():
        all_of_them = candidates.get(value, [])
        if len(all_of_them) == 1 and all_of_them[0] not in taken:
            people[source_id] = all_of_them[0]
            taken[all_of_them[0]] = True
        elif any(taken.get(person, True) for person in all_of_them):
            doubtful.append(doubt(pull, source_id, value, all_of_them))
    return Matches(people, doubtful)


def value_of(pull: Pull, fields: Fields) -> str | None:
    """What this source says of the field that people are matched by."""
    if pull.match == "none" or "merged_into" in fields:
        return None
    if pull.match == "email":
        return address(fields.get("email"))
    value = fields.get(pull.match, fields["custom"].get(pull.match))
    return None if value is None else str(value)


def _candidates(connection: sa.Connection, pull: Pull, values: set[str]) -> dict[str, list[int]]:
    column = column_of(pull.match)
    living = contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None)
    found = sa.select(column.label("value"), contacts.c.id).where(column.in_(sorted(values)), *living)
    people = defaultdict(list)
    for row in connection.execute(found.order_by(contacts.c.id)):
        people[row.value].append(row.id)
    return people


def column_of(match: str) -> sa.ColumnElement[str]:
    if match == "email":
        return contacts.c.address
    return contacts.c[match] if match in COLUMNS else sa.cast(contacts.c.custom[match].as_string(), sa.Text)


def _taken(connection: sa.Connection, pull: Pull, people: Sequence[int]) -> dict[int, bool]:
    """People with a living row of this connector → whether another connector knows them too."""
    if not people:
        return {}
    living = contact_sources.c.contact_id.in_(people), contact_sources.c.deleted_at.is_(None)
    connectors: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(sa.select(contact_sources.c.contact_id, contact_sources.c.connector).where(*living)):
        connectors[row.contact_id].add(row.connector)
    return {person: len(known) > 1 for person, known in connectors.items() if pull.connector in known}


def doubt(pull: Pull, source_id: str, value: Any, people: Sequence[int]) -> SetAside:
    others = "1 contact of another connector" if len(people) == 1 else f"{len(people)} contacts"
    words = (
        f"is the {pull.match} of {others} already, so this one was kept apart; "
        f"give it another {pull.match}, or merge them at the source"
    )
    return SetAside(f"contacts/{source_id}", pull.match, value, words)
