"""A custom field has one type: that of the first connector in rank. What another one tells of it is read as that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from connectors.base import SetAside
from connectors.records import FieldType, Record, key_of
from runner.store.custom import as_kind
from runner.store.tables import custom_fields
from runner.sync.rows import Pull


def kept_kinds(connection: sa.Connection, connector: str, rank: Sequence[str]) -> dict[tuple[str, str], FieldType]:
    """The types of the fields, by table and name, that a connector before this one has told of."""
    before = set(rank[: rank.index(connector)] if connector in rank else rank)
    rows = connection.execute(sa.select(custom_fields))
    return {(row.of_table, row.name): FieldType(row.type) for row in rows if row.connector in before}


def fitting(pull: Pull, records: Sequence[Record]) -> tuple[Sequence[Record], list[SetAside]]:
    """The records with their custom values as the kept types have them, and the values that are none."""
    if not pull.kinds or not records or not hasattr(records[0], "custom"):
        return records, []
    aside: list[SetAside] = []
    return [_fitting(pull, record, aside) for record in records], aside


def _fitting(pull: Pull, record: Any, aside: list[SetAside]) -> Any:
    fits = dict(_fits(pull, record, aside))
    return record if fits == record.custom else replace(record, custom=fits)


def _fits(pull: Pull, record: Any, aside: list[SetAside]) -> Iterator[tuple[str, Any]]:
    for name, value in record.custom.items():
        kind = pull.kinds.get((record.table, name))
        try:
            yield name, value if kind is None or value == "" else as_kind(value, kind)
        except ValueError as error:
            words = f"{error}, as another connector before this one has it; the row is kept without it"
            aside.append(SetAside(f"{record.table}/{key_of(record)}", name, str(value)[:100], words))
