"""What a record is: one frozen row of one table, with fields that nobody knew before where the table takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, TypeVar, dataclass_transform

#: A custom field's value as it is kept: text, number, truth, or a date or time in ISO 8601.
CustomValue = str | int | float | bool | None
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(kind: type[T]) -> type[T]:
    """A frozen dataclass, save that mypy alone sees to it: at run time that would double what making one costs."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)


class FieldType(StrEnum):
    """What a custom field holds, learned from a CRM's properties or a CSV column's rows."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    DATE = "date"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Link:
    """An association to another object of the same source: a contact's company, a deal's contact."""

    id: str
    label: str | None = None
    is_primary: bool = False


@record
class Record:
    """One row of one table, as a source tells it."""

    #: The table's name: the store's table and the CSV file's name without ending.
    table: ClassVar[str]
    #: The fields that identify a row within its connector; empty where the row's content and ordinal must do.
    key: ClassVar[tuple[str, ...]]
    #: Whether columns we do not know become custom fields.
    takes_custom: ClassVar[bool] = False


def key_of(record: Record) -> str:
    """The row's id within its connector; several key fields are joined by `|`."""
    return "|".join(str(getattr(record, name)) for name in record.key)
