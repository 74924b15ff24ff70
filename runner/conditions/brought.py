"""What a trigger may bring along: the row that made it fire, as fields, as JSON beside an enrollment, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.conditions.fields import FACTS, Field, Fields, custom_value, facts_of
from runner.store.functions import json_object, json_value
from runner.store.types import Exact, Instant

#: The word of each and what it is made of, name by name.
BROUGHT: Mapping[str, Mapping[str, Any]] = {
    word: {str(column.name): column for column in rows.c} for word, rows in FACTS.items() if word != "enrollment"
}


def plain(word: str) -> Mapping[str, Any]:
    """Its columns that people may name."""
    return {name: column for name, column in BROUGHT[word].items() if f"{word}.{name}" in _PLAIN[word]}


_PLAIN = {word: facts_of(word) for word in BROUGHT}


def standing_for(word: str, of: Mapping[str, Any], fields: Fields) -> Fields:
    """The fields with those of a word whose columns are these, such as a subquery's."""
    moved = {name: replace(known, column=_column(known, of)) for name, known in _all(word, fields).items()}
    return replace(fields, by_name={**fields.by_name, **moved})


def _all(word: str, fields: Fields) -> Mapping[str, Field]:
    return facts_of(word, None, fields.event_fields)


def _column(known: Field, of: Mapping[str, Any]) -> Any:
    attr = known.name.partition(".")[2]
    return custom_value(of["custom"], attr, known.kind) if known.is_custom else of[attr]


def kept(word: str, of: Any) -> Any:
    """The row as JSON, from the columns `of` a table or subquery: what the enrollment keeps of it."""
    pairs: list[Any] = []
    for name, column in plain(word).items():
        if name in of:
            pairs += [name, whole(of[name], column.type)]
    if "custom" in of and "custom" in BROUGHT[word]:
        pairs += ["custom", json_value(of["custom"])]
    return json_object(*pairs)


def whole(column: Any, kind: Any = None) -> Any:
    """A column as JSON has it: money in its unit, and not in ten thousandths of it."""
    kind = column.type if kind is None else kind
    if not isinstance(kind, Exact):
        return column
    return sa.type_coerce(column, sa.BigInteger) / sa.literal_column(f"{10**kind.places}.0", sa.Float())


def read(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What an enrollment's facts hold, by word and name, with times as times and money as decimals."""
    if "score" in facts:  # The oldest enrollments have their answer's words at the top.
        facts = {"answer": facts}
    return {word: _row(word, row) for word, row in facts.items() if word in BROUGHT and isinstance(row, Mapping)}


def _row(word: str, written: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict(written.get("custom") or {})
    return row | {name: typed(written.get(name), column.type) for name, column in plain(word).items()}


def named(word: str, facts: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """One of them by every name that it may have; None where it is missing."""
    names = [name.partition(".")[2] for name in _all(word, fields)]
    row = read(facts).get(word, {})
    return {name: row.get(name) for name in names}


def typed(value: Any, kind: Any) -> Any:
    """A value out of JSON as the column that it was of has it."""
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
