"""What a trigger may bring along: the row that made it fire, as fields, as JSON beside an enrollment, and read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.conditions.fields import Field, Fields, Kind, custom_value, kind_of
from runner.store.facts import REFERENCES
from runner.store.tables import facts
from runner.store.types import Exact, Instant, json_object, json_value

_surveys = facts["surveys"].c
#: The word of each and what it is made of, name by name; where it takes custom fields they are in `custom`.
BROUGHT: Mapping[str, Mapping[str, sa.Column[Any]]] = {
    "answer": {"kind": _surveys.kind, "score": _surveys.score, "comment": _surveys.comment, "at": _surveys.responded_at}
} | {
    word: {str(column.name): column for column in facts[table].c}
    for word, table in {
        "cart": "carts",
        "contract": "contracts",
        "deal": "deals",
        "event": "events",
        "exit": "exits",
        "invoice": "invoices",
        "mention": "mentions",
        "message": "messages",
        "order": "orders",
        "project": "projects",
        "subscription": "subscriptions",
        "ticket": "tickets",
    }.items()
}
#: Columns that are ours alone, and those by which a row points to somebody.
_HIDDEN = {
    "id",
    "connector",
    "source_id",
    "contact_source",
    "company_source",
    "custom",
    "row_hash",
    "seen_at",
    "deleted_at",
}
_HIDDEN |= set(REFERENCES)


def plain(word: str) -> Mapping[str, sa.Column[Any]]:
    """Its columns that people may name."""
    return {name: column for name, column in BROUGHT[word].items() if name not in _HIDDEN}


#: Of the enrollment itself; `happened`: whether what the last `wait` was for has come.
_ENROLLMENT = {"happened": Kind.BOOL, "entered_at": Kind.TIME, "occasion": Kind.TEXT}


def brought_fields(word: str, custom: Mapping[str, Kind] | None = None, *, of: Any = None) -> Iterator[Field]:
    """Its fields, `event.value`, with their columns in the table or in the columns `of` a subquery."""
    if word == "enrollment":
        yield from (Field(f"enrollment.{name}", kind, None) for name, kind in _ENROLLMENT.items())
        return
    for name, column in plain(word).items():
        places = column.type.places if isinstance(column.type, Exact) else 0
        yield Field(f"{word}.{name}", kind_of(column.type), of[name] if of is not None else column, places)
    for name, kind in (custom or {}).items():
        if name.isidentifier() and name not in plain(word):
            column = of["custom"] if of is not None else BROUGHT[word]["custom"]
            yield Field(f"{word}.{name}", kind, custom_value(column, name, kind))


def kept(word: str, of: Any) -> Any:
    """The row as JSON, from the columns `of` a table or subquery: what the enrollment keeps of it."""
    pairs: list[Any] = []
    for name, column in plain(word).items():
        if name in of:
            exact = isinstance(column.type, Exact)
            pairs += [
                name,
                sa.type_coerce(of[name], sa.BigInteger) / _unit(column.type) if exact else of[name],
            ]
    if "custom" in of and "custom" in BROUGHT[word]:
        pairs += ["custom", json_value(of["custom"])]
    return json_object(*pairs)


def _unit(type_: Any) -> Any:
    return sa.literal_column(f"{10**type_.places}.0", sa.Float())


def read(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What an enrollment's facts hold, by word and name, with times as times and money as decimals."""
    if "score" in facts:  # The oldest enrollments have their answer's words at the top.
        facts = {"answer": facts}
    return {word: _row(word, row) for word, row in facts.items() if word in BROUGHT and isinstance(row, Mapping)}


def _row(word: str, written: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict(written.get("custom") or {})
    return row | {name: _typed(written.get(name), column.type) for name, column in plain(word).items()}


def named(word: str, facts: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """One of them by every name that it may have; None where it is missing."""
    prefix = f"{word}."
    names = [name.removeprefix(prefix) for name in fields.bringing(word).names if name.startswith(prefix)]
    row = read(facts).get(word, {})
    return {name: row.get(name) for name in names}


def _typed(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    match kind:
        case Instant() if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        case sa.Date() if isinstance(value, str):
            return date.fromisoformat(value[:10])
        case sa.Boolean():
            return bool(value)
        case Exact():
            return Decimal(str(value))
    return value
