"""The columns of a table, read off its record type."""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from connectors.records.row import Record


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table as a source may fill it."""

    name: str
    #: str, bool, int, float, Decimal, date or datetime.
    type: type
    required: bool


_COLUMNS: dict[type[Record], tuple[Column, ...]] = {}


def columns(record: type[Record]) -> tuple[Column, ...]:
    """The table's columns in the order of its definition, without custom fields and links."""
    if record not in _COLUMNS:
        _COLUMNS[record] = _columns(record)
    return _COLUMNS[record]


def _columns(record: type[Record]) -> tuple[Column, ...]:
    hints = get_type_hints(record)
    return tuple(
        Column(f.name, plain, f.default is MISSING and f.default_factory is MISSING)
        for f in fields(record)
        if (plain := _plain(hints[f.name])) is not None
    )


def _plain(hint: Any) -> type | None:
    """The value type of `T` or `T | None`; None for custom fields and links."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    return hint if isinstance(hint, type) and get_origin(hint) is None else None
