"""The fields a condition may name, what each holds, and where the database keeps it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal

from connectors.records import FieldType
from runner import clock
from runner.store.tables import companies, contacts, custom_fields
from runner.store.types import Exact, json_text


class Kind(StrEnum):
    """What a part of a condition yields."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "yes or no"
    DATE = "date"
    TIME = "time"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `contact.birthday` holds a date."""

    name: str
    kind: Kind
    column: Any
    #: Decimal places of a money column, 0 for any other.
    places: int = 0

    @property
    def word(self) -> str:
        """The name as an identifier."""
        return self.name.replace(".", "_")

    @property
    def is_custom(self) -> bool:
        return isinstance(self.column, custom_value)

    @property
    def written(self) -> Any:
        """The column as it is kept: a custom field's text, which an index serves on both databases."""
        return self.column.as_text() if isinstance(self.column, custom_value) else self.column


@dataclass(frozen=True, slots=True)
class Fields:
    """Every field that is there, by its full name."""

    by_name: Mapping[str, Field]
    #: Whether the custom fields are known: before a first sync they are not, and unknown names are warnings.
    complete: bool = True

    def __getitem__(self, name: str) -> Field:
        return self.by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    @property
    def names(self) -> Iterable[str]:
        return self.by_name.keys()

    def bringing(self, *words: str) -> Fields:
        """These and what else a condition may name there: the answer to a survey, the enrollment itself."""
        more = {name: Field(name, kind, None) for word in words for name, kind in _BROUGHT[word].items()}
        return replace(self, by_name={**self.by_name, **more})


_BROUGHT: Mapping[str, Mapping[str, Kind]] = {
    "answer": {
        "answer.kind": Kind.TEXT,
        "answer.score": Kind.NUMBER,
        "answer.comment": Kind.TEXT,
        "answer.at": Kind.TIME,
    },
    #: `happened`: whether what the last `wait` was for has come.
    "enrollment": {
        "enrollment.happened": Kind.BOOL,
        "enrollment.entered_at": Kind.TIME,
        "enrollment.occasion": Kind.TEXT,
    },
}


class Today:
    """The local date in each contact's zone at one instant, for SQL and for one contact."""

    def __init__(
        self,
        now: datetime,
        zones: Iterable[str],
        *,
        value: Callable[[Callable[[Today], Any], sa.types.TypeEngine[Any]], Any] | None = None,
    ) -> None:
        self.now = now
        #: Something about this moment for a statement; a statement that outlives it asks for it anew.
        self.value = value or (lambda of, kind: sa.literal(of(self), kind))
        days: dict[date, list[str]] = {}
        for name in zones:
            days.setdefault(clock.local(now, name).date(), []).append(name)
        #: At any instant the world knows at most three dates; the commonest needs no list.
        ordered = sorted(days.items(), key=lambda day: -len(day[1]))
        self.days = [*(day for day, _ in ordered), *[now.date()] * 3][:3]
        self.places = [*(names for _, names in ordered), *([], [], [])][:3]

    def sql(self, zone: Any = None) -> Any:
        zone = contacts.c.zone if zone is None else zone
        day = [self.value(lambda today, n=n: today.days[n], sa.Date()) for n in range(3)]  # type: ignore[misc]
        return sa.case((self._lies_in(zone, 1), day[1]), (self._lies_in(zone, 2), day[2]), else_=day[0])

    def _lies_in(self, zone: Any, place: int) -> Any:
        names = self.value(lambda today: json.dumps(today.places[place]), sa.Text())
        rows = sa.func.json_rows(names).table_valued(sa.column("value"))
        return zone.in_(sa.select(json_text(rows.c.value)))

    def of(self, zone: str) -> date:
        return clock.local(self.now, zone).date()


class custom_value(FunctionElement[Any]):
    """A custom field out of the JSON column, written so that an expression index serves it."""

    inherit_cache = True
    name = "custom_value"
    _traverse_internals = [  # noqa: RUF012
        *FunctionElement._traverse_internals,
        ("field", InternalTraversal.dp_string),
        ("kind", InternalTraversal.dp_string),
    ]

    def __init__(self, column: Any, name: str, kind: Kind) -> None:
        if not name.isidentifier():
            raise ValueError(f"a field that a playbook names must be a plain word, is {name!r}")
        self.field, self.kind = name, kind
        self.type = _SQL_TYPES[kind]
        super().__init__(column)

    def as_text(self) -> custom_value:
        return custom_value(next(iter(self.clauses)), self.field, Kind.TEXT)


_SQL_TYPES: Mapping[Kind, sa.types.TypeEngine[Any]] = {
    Kind.TEXT: sa.Text(),
    Kind.NUMBER: sa.Float(),
    Kind.BOOL: sa.Boolean(),
    Kind.DATE: sa.Date(),
    Kind.TIME: sa.DateTime(),
}


@compiles(custom_value, "sqlite")
def _custom_sqlite(element: custom_value, compiler: SQLCompiler, **kw: Any) -> str:
    value = f"json_extract({compiler.process(element.clauses, **kw)}, '$.\"{element.field}\"')"
    # SQLAlchemy keeps times as `2026-11-22 09:00:00.000000`.
    return f"strftime('%Y-%m-%d %H:%M:%f000', {value})" if element.kind is Kind.TIME else value


_POSTGRES_CASTS = {Kind.NUMBER: "float", Kind.BOOL: "boolean", Kind.DATE: "date", Kind.TIME: "timestamptz"}


@compiles(custom_value, "postgresql")
def _custom_postgresql(element: custom_value, compiler: SQLCompiler, **kw: Any) -> str:
    value = f"({compiler.process(element.clauses, **kw)} ->> '{element.field}')"
    cast = _POSTGRES_CASTS.get(element.kind)
    return f"CAST({value} AS {cast})" if cast else value


#: Columns that are ours alone.
_HIDDEN = {
    "id",
    "key",
    "draw",
    "custom",
    "merged_into",
    "deleted_at",
    "company_id",
    "bad_timezone",
    "seen_at",
    "changed_at",
    "last_order_id",
}
_CUSTOM_KINDS = {
    FieldType.TEXT: Kind.TEXT,
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.BOOL: Kind.BOOL,
    FieldType.DATE: Kind.DATE,
    FieldType.TIME: Kind.TIME,
}


def known_fields(connection: sa.Connection | None) -> Fields:
    """The columns of `contact` and `company`, and the custom fields that a sync has found."""
    found = dict(_columns("contact", contacts)) | dict(_columns("company", companies))
    if connection is None:
        return Fields(found, complete=False)
    rows = connection.execute(sa.select(custom_fields.c.of_table, custom_fields.c.name, custom_fields.c.type)).all()
    for table, name, kind in rows:
        owner = {"contacts": ("contact", contacts), "companies": ("company", companies)}.get(table)
        if owner is None or not name.isidentifier() or f"{owner[0]}.{name}" in found:
            continue
        word, of = owner
        found[f"{word}.{name}"] = own_field(f"{word}.{name}", FieldType(kind), of)
    synced = connection.scalar(sa.select(contacts.c.id).limit(1))
    return Fields(found, complete=synced is not None)


def own_field(name: str, kind: FieldType, table: sa.Table) -> Field:
    """A custom field by its full name."""
    custom = _CUSTOM_KINDS[kind]
    return Field(name, custom, custom_value(table.c.custom, name.partition(".")[2], custom))


def _columns(word: str, table: sa.Table) -> Iterable[tuple[str, Field]]:
    for column in table.c:
        if column.name in _HIDDEN:
            continue
        places = column.type.places if isinstance(column.type, Exact) else 0
        yield f"{word}.{column.name}", Field(f"{word}.{column.name}", _kind(column.type), column, places)


def _kind(type_: sa.types.TypeEngine[Any]) -> Kind:
    match type_:
        case Exact() | sa.Integer() | sa.Float():
            return Kind.NUMBER
        case sa.Boolean():
            return Kind.BOOL
        case sa.Date():
            return Kind.DATE
        case sa.Text():
            return Kind.TEXT
    return Kind.TIME
