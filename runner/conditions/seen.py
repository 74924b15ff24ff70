"""What a condition saw: its fields and counts as JSON, written beside a decision, and read back as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from runner.conditions.brought import typed, whole
from runner.conditions.condition import Condition
from runner.conditions.today import Today
from runner.store.functions import json_object

#: So many names and values PostgreSQL makes one object of.
MOST = 50
#: Of which kind a value is does not hang on the day.
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def seen(condition: Condition, today: Today) -> Any:
    """Everything it asks of a contact, a JSON object in SQL: `{"contact.country": "DE", "count(orders)": 0}`."""
    pairs = list(_asked(condition, today))[:MOST]
    return json_object(*(part for name, column in pairs for part in (name, whole(column))))


def values_of(condition: Condition, written: Mapping[str, Any]) -> dict[str, Any]:
    """The same read back, for `clauses`."""
    return {name: typed(written.get(name), column.type) for name, column in _asked(condition, Today(_ANY_DAY, ()))}


def _asked(condition: Condition, today: Today) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
    for name in sorted(condition.used):
        yield name, condition.fields[name].column
    yield from condition.aggregated(today)
