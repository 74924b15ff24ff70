"""Records as rows of the CSV files that the `csv` connector reads."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from connectors.records import (
    Company,
    Contact,
    Contract,
    Deal,
    Email,
    Order,
    Record,
    Refund,
    Survey,
    Ticket,
    columns,
)

#: Custom columns of contacts.
CUSTOM = ("renewal_date", "plan")
_RECORDS = (Company, Contact, Deal, Order, Refund, Contract, Ticket, Survey, Email)


def begin(folder: Path) -> None:
    """Every table's file with nothing but its header; older files of these tables are overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in _RECORDS:
        names = [column.name for column in columns(record)]
        with (folder / f"{record.table}.csv").open("w", newline="", encoding="utf-8") as file:
            _writer(file).writerow([*names, *CUSTOM] if record is Contact else names)


def append(folder: Path, records: Iterable[Record]) -> None:
    """Further rows at the ends of the files."""
    for table, rows in _by_table(records).items():
        with (folder / f"{table}.csv").open("a", newline="", encoding="utf-8") as file:
            _write_rows(file, rows)


def _write_rows(file: TextIO, records: Sequence[Record]) -> None:
    names = [column.name for column in columns(type(records[0]))]
    writer = _writer(file)
    for record in records:
        row = [_cell(getattr(record, name)) for name in names]
        if isinstance(record, Contact):
            row += [_cell(record.custom.get(name)) for name in CUSTOM]
        writer.writerow(row)


def _writer(file: TextIO) -> Any:
    return csv.writer(file, lineterminator="\n")


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return str(value).lower() if isinstance(value, bool) else value


def _by_table(records: Iterable[Record]) -> dict[str, list[Record]]:
    by_table: dict[str, list[Record]] = {}
    for record in records:
        by_table.setdefault(record.table, []).append(record)
    return by_table
