"""Anchors: the indexes by which the database finds whose day it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runner.conditions import Field, Kind
from runner.store.tables import contacts
from runner.triggers.yearly import month_day_of


@dataclass(frozen=True, slots=True)
class Anchor:
    """An index on contacts by which the database finds who can be due; made when a playbook that needs it is loaded."""

    name: str
    expressions: tuple[Any, ...] = field(compare=False)

    def ddl(self, dialect: sa.Dialect) -> sa.TextClause:
        bare = {"include_table": False, "literal_binds": True}
        parts = ", ".join(f"({e.compile(dialect=dialect, compile_kwargs=bare)})" for e in self.expressions)
        return sa.text(f"CREATE INDEX IF NOT EXISTS {self.name} ON contacts ({parts})".replace(":", r"\:"))


def yearly_anchor(field: Field) -> Anchor:
    """The index that serves a yearly day of a field."""
    if field.kind is Kind.TIME:
        return dated_anchor(field)
    return Anchor(f"ix_anchor_{field.word}_yearly", (month_day_of(field), contacts.c.zone))


def dated_anchor(field: Field) -> Anchor:
    """The index that serves a field's own day; an instant's local day is a span that differs from zone to zone."""
    if field.kind is Kind.TIME and not field.is_custom:
        return Anchor(f"ix_anchor_{field.word}_by_zone", (contacts.c.zone, field.column))
    return Anchor(f"ix_anchor_{field.word}", (field.written,))
