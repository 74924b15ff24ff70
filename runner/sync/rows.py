"""A page's records as rows ready for the store: with key and hash, and without what no database can keep."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from connectors.base import SetAside
from connectors.records import BY_TABLE, FieldType, Link, Record, columns, key_of
from runner.settings import Settings

#: Money and counts are kept as 64-bit whole numbers of 1/10,000.
_LARGEST = Decimal(900_000_000_000_000)
_LARGEST_COUNT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Pull:
    """One sync of one connector: what its stages need to know."""

    connector: str
    settings: Settings
    now: datetime
    #: The connectors, the one whose word goes first at the head.
    rank: Sequence[str]
    match: str
    #: The contacts' custom fields that were known before: in them an empty value that is filled is a change.
    known_fields: frozenset[str] = frozenset()
    #: The types of custom fields, by table and name, that a connector before this one has told of.
    kinds: Mapping[tuple[str, str], FieldType] = field(default_factory=dict)
    #: How often a row without a key was met so far, by table.
    met: dict[str, Counter[bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A record with what identifies it and what tells whether it changed."""

    source_id: str
    hash: str
    record: Any


def rows_of(pull: Pull, table: str, records: Iterable[Record]) -> tuple[list[Row], list[SetAside]]:
    """The rows, one a key (the last one counts), and what had to be set aside."""
    rows: dict[str, Row] = {}
    aside: list[SetAside] = []
    for record in records:
        storable, faults = _storable(record)
        aside += faults
        if storable is not None:
            row = _row(pull, table, storable)
            rows[row.source_id] = row
    return list(rows.values()), aside


def _row(pull: Pull, table: str, record: Record) -> Row:
    text = _content(record)
    if "customer_id" in _names(record.table):
        text += pull.settings.customers  # it decides what the row points to
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    if record.key:
        return Row(key_of(record), digest.hexdigest(), record)
    met = pull.met.setdefault(table, Counter())
    ordinal = met[digest.digest()]
    met[digest.digest()] += 1
    return Row(f"{digest.hexdigest()}-{ordinal}", digest.hexdigest(), record)


#: Fields that came after the first stores: where they say nothing, a row is what it was.
_LATER = frozenset({"referral_code"})


def _content(record: Record) -> str:
    """Everything the record says, as ASCII text."""
    told = ((name, getattr(record, name)) for name in _names(record.table))
    values = [value for name, value in told if value is not None or name not in _LATER]
    return ascii([sorted(value.items()) if isinstance(value, Mapping) else value for value in values])


@cache
def _names(table: str) -> tuple[str, ...]:
    return tuple(f.name for f in fields(BY_TABLE[table]))


@cache
def _bounded(table: str) -> tuple[str, ...]:
    """The columns whose values may be beyond what a database keeps."""
    return tuple(column.name for column in columns(BY_TABLE[table]) if column.type not in (str, bool))


def _storable(record: Record) -> tuple[Record | None, list[SetAside]]:
    """The record without characters that cannot be kept; None where a number or time cannot."""
    faults = [
        SetAside(_where(record), name, str(value), words)
        for name in _bounded(record.table)
        if (value := getattr(record, name)) is not None and (words := _beyond(value))
    ]
    if faults:
        return None, faults
    if not _suspicious(record):
        return record, []
    cleaned = {name: _clean(getattr(record, name)) for name in _names(record.table)}
    changed = [name for name, value in cleaned.items() if value != getattr(record, name)]
    words = "has a character or number that cannot be kept, so it was replaced"
    aside = [SetAside(_where(record), name, ascii(getattr(record, name)), words) for name in changed]
    return (replace(record, **cleaned) if changed else record), aside


def _suspicious(record: Record) -> bool:
    """Whether a text may hold a NUL or half a character, or a custom field no number; true once too often is fine."""
    content = _content(record)
    numbers = (value for value in getattr(record, "custom", {}).values() if isinstance(value, float))
    return "\\x00" in content or "\\ud" in content or not all(map(math.isfinite, numbers))


def _beyond(value: Any) -> str:
    """Why the value cannot be kept; empty where it can."""
    match value:
        case Decimal() if not value.is_finite() or abs(value) > _LARGEST:
            return f"must be a number of at most {_LARGEST:,}"
        case float() if not math.isfinite(value):
            return "must be a number"
        case int() if abs(value) > _LARGEST_COUNT:
            return f"must be a whole number of at most {_LARGEST_COUNT:,}"
        case datetime() if value.tzinfo is None:
            return "must be a time with its zone"
        case date() if not 1 < value.year < 9999:
            return "must be a year between 2 and 9998"
    return ""


def _where(record: Record) -> str:
    return f"{record.table}/{key_of(record)}".removesuffix("/").replace("\x00", "�")


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "�").encode("utf-8", "replace").decode()
        case float() if not math.isfinite(value):
            return None
        case Link():
            return replace(value, id=_clean(value.id), label=_clean(value.label))
        case tuple():
            return tuple(map(_clean, value))
        case Mapping():
            return {_clean(name): _clean(each) for name, each in value.items()}
    return value
