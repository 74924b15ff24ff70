"""How many contacts of each CRM lack a value, field by field: a wrong mapping shows as a field that nobody has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.tables import contact_sources, custom_fields

#: Told of by HubSpot and by every shop, and worth a look when they are empty.
COLUMNS = ("email", "first_name", "last_name", "country", "language", "timezone", "lifecycle_stage", "owner")
DATES = ("birthday", "customer_since")


@dataclass(frozen=True, slots=True)
class Filled:
    """One connector's contacts."""

    connector: str
    people: int
    #: Field → how many have none of it; those that all have are left out.
    empty: dict[str, int]

    def __str__(self) -> str:
        nobody = [name for name, count in self.empty.items() if count == self.people]
        some = [f"{name} {count:,}" for name, count in self.empty.items() if 0 < count < self.people]
        told = [f"empty for all: {', '.join(nobody)}"] if nobody else []
        told += [f"empty for some: {', '.join(some)}"] if some else []
        return f"of {self.people:,} contacts " + ("; ".join(told) or "all have every field")


def filled(connection: sa.Connection, connector: str) -> Filled | None:
    """None where the connector has told of nobody."""
    s = contact_sources.c
    own = sa.select(custom_fields.c.name).where(
        custom_fields.c.of_table == "contacts", custom_fields.c.connector == connector
    )
    custom = sorted(connection.scalars(own))
    names = [*COLUMNS, *DATES, *custom]
    has = [sa.func.count(_value(name, is_custom=name in custom)) for name in names]
    # Who was merged into somebody else is told of by name alone.
    alone = s.fields["merged_into"].as_string().is_(None)
    told = s.connector == connector, s.row_hash.is_not(None), s.deleted_at.is_(None), alone
    people, *counts = connection.execute(sa.select(sa.func.count(), *has).where(*told)).one()
    if not people:
        return None
    empty = {name: people - count for name, count in zip(names, counts, strict=True) if count < people}
    return Filled(connector, people, empty)


def of_crms(connection: sa.Connection, crms: list[str]) -> Iterator[Filled]:
    for name in crms:
        if (one := filled(connection, name)) is not None:
            yield one


def _value(name: str, *, is_custom: bool) -> sa.ColumnElement[str]:
    """What the source says of the field as text; NULL where it says nothing."""
    fields = contact_sources.c.fields
    told: sa.ColumnElement[str] = (fields["custom", name] if is_custom else fields[name]).as_string()
    return told
