"""Figures side by side: the same for the people of each value of a field, such as each country."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from runner.conditions import Kind
from runner.conditions.fields import known_fields
from runner.errors import WrongUsage
from runner.kpis.asked import Period
from runner.kpis.segment import segment_of
from runner.kpis.set import compute_among
from runner.kpis.told import Kpi
from runner.settings import Settings
from runner.store.tables import contacts
from runner.yaml_file import closest

#: Values of a field that are told apart, those of most people first.
LARGEST = 8


def breakdown(
    connection: sa.Connection,
    field: str,
    *,
    period: Period,
    as_of: datetime,
    settings: Settings,
    keys: Iterable[str],
) -> Mapping[str, list[Kpi]]:
    """By value of the field (`contact.country`) the figures of `keys`. Many looks: the tenth difference may be chance.

    Raises WrongUsage for a field that there is not or that holds no words.
    """
    values = _values(connection, field, settings)
    segments = [segment_of(connection, f"{field} == {_written(value)}", as_of, settings) for value in values]
    told = compute_among(connection, period=period, as_of=as_of, settings=settings, keys=tuple(keys), segments=segments)
    return dict(zip(map(str, values), told, strict=True))


def _values(connection: sa.Connection, name: str, settings: Settings) -> list[str | bool]:
    fields = known_fields(connection, settings.currency)
    if name not in fields or not name.startswith("contact."):
        advice = closest(name, [one for one in fields.names if one.startswith("contact.")])
        raise WrongUsage(f"there is no field {name!r} to compare by; {advice}".rstrip("; "))
    field = fields[name]
    if field.kind not in (Kind.TEXT, Kind.BOOL):
        raise WrongUsage(f"{name} is a {field.kind.value}: compare by one that holds words, or write a --segment")
    value = field.written if field.kind is Kind.TEXT else field.column
    living = contacts.c.merged_into.is_(None), contacts.c.deleted_at.is_(None), value.is_not(None)
    each = sa.select(value.label("value")).where(*living).subquery()
    many = sa.select(each.c.value).group_by(each.c.value).order_by(sa.func.count().desc(), each.c.value).limit(LARGEST)
    return list(connection.scalars(many))


def _written(value: str | bool) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "true" if value else "false"
