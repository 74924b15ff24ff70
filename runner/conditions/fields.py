"""The fields a condition may name, what each holds, and where the database keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from connectors.records import FieldType
from runner.store.custom import is_kind
from runner.store.distinct import distinct_values
from runner.store.functions import SqlFunction
from runner.store.ours import CARRIES
from runner.store.tables import (
    alarms,
    answers,
    companies,
    contact_sources,
    contacts,
    custom_fields,
    deals,
    enrollments,
    events,
    facts,
    orders,
    surveys,
    tickets,
)
from runner.store.types import Exact


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

    def is_strange(self, value: Any) -> bool:
        """Whether a custom field's value is of another kind, and therefore counts as missing."""
        return value is not None and self.is_custom and not is_kind(value, _FIELD_TYPES[self.kind])

    @property
    def written(self) -> Any:
        """The column as it is kept: a custom field's text, which an index serves on both databases."""
        return self.column.as_text() if isinstance(self.column, custom_value) else self.column


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Every field that is there, by its full name. Two that say the same have one `signature`."""

    by_name: Mapping[str, Field]
    #: Whether the custom fields are known: before a first sync they are not, and unknown names are warnings.
    complete: bool = True
    #: The custom fields of events, and the kinds of events that have come.
    event_fields: Mapping[str, Kind] = field(default_factory=dict)
    event_kinds: frozenset[str] = frozenset()
    #: The account's, in which money is told.
    currency: str = "EUR"

    def bringing(self, *words: str, rows: sa.FromClause | None = None) -> Fields:
        """These and what else a condition may name there, such as `answer.score`; in SQL of `rows` where given."""
        more = [facts_of(word, rows, self.event_fields) for word in words]
        return replace(
            self, by_name={name: known for fields in (self.by_name, *more) for name, known in fields.items()}
        )

    def answering(self, questions: Mapping[str, Kind]) -> Fields:
        """These and what is answered to a playbook's own questions, which only a passage's answer has."""
        own = {
            f"answer.{id}": Field(f"answer.{id}", kind, sa.cast(sa.null(), _SQL_TYPES[kind]))
            for id, kind in questions.items()
        }
        return replace(self, by_name={**self.by_name, **own})

    @property
    def signature(self) -> tuple[object, ...]:
        """What tells whether a condition must be read again."""
        kinds = tuple((name, each.kind) for name, each in self.by_name.items())
        return kinds, tuple(self.event_fields.items()), self.event_kinds, self.currency, self.complete

    def __getitem__(self, name: str) -> Field:
        return self.by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    @property
    def names(self) -> Iterable[str]:
        return self.by_name.keys()


class custom_value(SqlFunction[Any]):
    """A custom field out of the JSON column, written so that an expression index serves it."""

    _traverse_internals = [  # noqa: RUF012
        *SqlFunction._traverse_internals,
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


# A value of another kind than the field's is missing: two sources may tell of one field. A cast must never fail.


@compiles(custom_value, "sqlite")
def _custom_sqlite(element: custom_value, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.clauses, **kw)
    value, kind = (f"{function}({column}, '$.\"{element.field}\"')" for function in ("json_extract", "json_type"))
    match element.kind:
        case Kind.NUMBER:
            return f"(CASE WHEN {kind} IN ('integer', 'real') AND abs({value}) < 1e299 THEN {value} END)"
        case Kind.BOOL:
            return f"(CASE WHEN {kind} IN ('true', 'false') THEN {value} END)"
        case Kind.DATE:
            # Only with something to add SQLite looks whether the month has that day.
            valid = f"date({value}, '+0 days') = {value} AND {value} > '0001'"
            return f"(CASE WHEN {kind} = 'text' AND {valid} THEN {value} END)"
        case Kind.TIME:
            day = f"substr({value}, 1, 10)"
            # SQLAlchemy keeps times as `2026-11-22 09:00:00.000000`.
            time = f"strftime('%Y-%m-%d %H:%M:%f000', {value})"
            valid = f"length({value}) > 10 AND date({day}, '+0 days') = {day} AND {day} > '0001'"
            return f"(CASE WHEN {kind} = 'text' AND {valid} THEN {time} END)"
    return value


#: A day that the calendar has, from the year 1 on.
_DAY = (
    r"(?!0000)(\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
    r"|(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
_HOUR = r"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.]\d+)?)?(Z|[+-](0\d|1[0-4]):?[0-5]\d)?"
#: How the database calls a kind, and when a text can be cast to it.
_POSTGRES_CASTS = {Kind.DATE: ("date", f"^{_DAY}$"), Kind.TIME: ("timestamptz", f"^{_DAY}{_HOUR}$")}
_POSTGRES_KINDS = {Kind.NUMBER: ("float", "number"), Kind.BOOL: ("boolean", "boolean")}


@compiles(custom_value, "postgresql")
def _custom_postgresql(element: custom_value, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.clauses, **kw)
    value, kind = f"({column} ->> '{element.field}')", f"jsonb_typeof({column} -> '{element.field}')"
    if element.kind in _POSTGRES_KINDS:
        cast, of = _POSTGRES_KINDS[element.kind]
        # A number beyond all floats has more digits.
        return f"(CASE WHEN {kind} = '{of}' AND length({value}) < 300 THEN CAST({value} AS {cast}) END)"
    if element.kind in _POSTGRES_CASTS:
        cast, pattern = _POSTGRES_CASTS[element.kind]
        return f"(CASE WHEN {value} ~ '{pattern}' THEN CAST({value} AS {cast}) END)"
    return value


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


_FIELD_TYPES = {kind: type for type, kind in _CUSTOM_KINDS.items()}


def known_fields(connection: sa.Connection | None, currency: str = "EUR") -> Fields:
    """The columns of `contact` and `company`, and the custom fields that a sync has found."""
    found = dict(_own_columns())
    if connection is None:
        return Fields(found, complete=False, event_fields=_OF_OURS, currency=currency)
    rows = connection.execute(_CUSTOM).all()
    of_events = dict(_OF_OURS)
    for table, name, kind in rows:
        if table == "events" and name.isidentifier() and name not in CARRIES:
            of_events[name] = _CUSTOM_KINDS[FieldType(kind)]
        owner = {"contacts": ("contact", contacts), "companies": ("company", companies)}.get(table)
        if owner is None or not name.isidentifier() or f"{owner[0]}.{name}" in found:
            continue
        word, of = owner
        found[f"{word}.{name}"] = own_field(f"{word}.{name}", FieldType(kind), of)
    somebody = connection.scalar(_SOMEBODY)
    return Fields(found, somebody is not None, of_events, frozenset(connection.scalars(_EVENT_KINDS)), currency)


_CUSTOM = sa.select(custom_fields.c.of_table, custom_fields.c.name, custom_fields.c.type)
_SOMEBODY = sa.select(contacts.c.id).limit(1)
#: What our own events carry is known before the first of them.
_OF_OURS = {name: _CUSTOM_KINDS[kind] for name, kind in CARRIES.items()}
#: The kinds of events there are.
_EVENT_KINDS = distinct_values(events.c.kind)


def own_field(name: str, kind: FieldType, table: sa.Table) -> Field:
    """A custom field by its full name."""
    custom = _CUSTOM_KINDS[kind]
    return Field(name, custom, custom_value(table.c.custom, name.partition(".")[2], custom))


# --- what a trigger brings


def answer_rows() -> sa.Subquery:
    """Every answer given, on our pages or told by a connector: whose, which survey, what, when."""
    owner = contacts.alias("owner")
    whose = sa.func.coalesce(owner.c.merged_into, owner.c.id).label("contact_id")
    ours = sa.select(
        whose,
        answers.c.kind,
        answers.c.score,
        answers.c.reason,
        answers.c.comment,
        answers.c.answered_at.label("at"),
    ).join_from(answers, owner, owner.c.id == answers.c.contact_id)
    told = (
        sa.select(
            whose,
            surveys.c.kind,
            surveys.c.score,
            sa.cast(sa.null(), sa.Text).label("reason"),
            surveys.c.comment,
            surveys.c.responded_at,
        )
        .join_from(surveys, contact_sources, contact_sources.c.id == surveys.c.contact_source)
        .join(owner, owner.c.id == contact_sources.c.contact_id)
        .where(surveys.c.deleted_at.is_(None), surveys.c.responded_at.is_not(None))
    )
    return sa.union_all(ours, told).subquery("answer")


#: The words by which a condition names what a trigger brings, and the rows they stand for.
FACTS: Mapping[str, sa.FromClause] = {
    "answer": answer_rows(),
    "cart": facts["carts"],
    "contract": facts["contracts"],
    "deal": deals,
    "enrollment": enrollments,
    "event": events,
    "exit": facts["exits"],
    "invoice": facts["invoices"],
    "kpi": alarms,
    "mention": facts["mentions"],
    "message": facts["messages"],
    "order": orders,
    "project": facts["projects"],
    "subscription": facts["subscriptions"],
    "ticket": tickets,
}
#: Columns of a fact that are ours alone.
_HIDDEN_OF_FACTS = {"id", "connector", "source_id", "contact_id", "contact_source", "company_source", "custom"}
_HIDDEN_OF_FACTS |= {"row_hash", "seen_at", "deleted_at"}
_OF_ENROLLMENTS = {"occasion", "entered_at"}


def facts_of(
    word: str, rows: sa.FromClause | None = None, event_fields: Mapping[str, Kind] | None = None
) -> dict[str, Field]:
    """The fields of one fact by their full names, of the word's own table or of `rows` with such columns."""
    rows = FACTS[word] if rows is None else rows
    found = {}
    for column in rows.c:
        shown = column.name in _OF_ENROLLMENTS if word == "enrollment" else column.name not in _HIDDEN_OF_FACTS
        if shown:
            places = column.type.places if isinstance(column.type, Exact) else 0
            found[f"{word}.{column.name}"] = Field(f"{word}.{column.name}", _kind(column.type), column, places)
    if word == "event" and "custom" in rows.c:
        for name, kind in (event_fields or {}).items():
            custom = Field(f"event.{name}", kind, custom_value(rows.c.custom, name, kind))
            found.setdefault(custom.name, custom)
    if word == "enrollment":
        # Whether what the last `wait` was for has come: no column holds it.
        found["enrollment.happened"] = Field("enrollment.happened", Kind.BOOL, None)
    return found


@cache
def _own_columns() -> Mapping[str, Field]:
    return dict(_columns("contact", contacts)) | dict(_columns("company", companies))


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
