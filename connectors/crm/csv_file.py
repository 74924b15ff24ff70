"""One CSV file read once: from the place known if all before it is unchanged, else from its first row."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import Page, SetAside
from connectors.crm.csv_header import Header, Unreadable, understand
from connectors.crm.csv_rows import Row, Rows
from connectors.crm.csv_values import Learned, custom_parser, same_kinds
from connectors.records import CustomValue, FieldType, Record

_PAGE = 1000
#: A contact of whom these cannot be read is not written to: the value may have said so.
_MAY_FORBID_MAIL = {"opted_out", "deleted_at", "is_test"}
_Custom = Mapping[str, tuple[int, Callable[[str], CustomValue]]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """How files are to be understood."""

    zone: ZoneInfo
    #: Our field to the column that holds it.
    fields: Mapping[str, str]
    #: Whether a row that is missing is gone.
    snapshot: bool


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read, and what is needed to go on there."""

    offset: int
    line: int
    #: Of all bytes before `offset`.
    digest: str
    #: Whether the row before `offset` ended without a line end: if anything but a line end follows, it has grown.
    open: bool = False
    #: Where an unfinished row began that was left for the next time.
    left: int | None = None
    #: What each custom column holds so far.
    kinds: Mapping[str, str | None] = field(default_factory=dict)


class CsvFile:
    """What an open file holds behind the place known. Raises Unreadable where its header is at fault."""

    def __init__(
        self, record: type[Record], name: str, file: BufferedReader, meaning: Meaning, known: Place | None
    ) -> None:
        self._record = record
        self._name = name
        self._file = file
        self._meaning = meaning
        #: What is appended from now on belongs to the next time.
        self._end = file.seek(0, 2)
        self.header, self._first = self._read_header()
        self._start = self._first
        if known is not None and self._unchanged(known):
            self._start = known
        self._learned = self._learn()

    @property
    def kinds(self) -> Mapping[str, FieldType]:
        """The custom columns' types."""
        return {name: column.kind or FieldType.TEXT for name, column in self._learned.items()}

    def pages(self) -> Iterator[tuple[Place, Page]]:
        """Pages (without their cursor), each with the place it leads to; none where nothing was added."""
        rows = self._rows_from(self._start)
        batch = _Batch(self._record)
        custom = self._custom_parsers()
        warnings = self._first_warnings()
        any_fault = False
        for count, row in enumerate(rows.rows(leave_open=self._leave_open()), start=1):
            record, faults = self._record_of(row, custom)
            batch.add(record, faults)
            any_fault = any_fault or bool(faults)
            if count % _PAGE == 0:
                yield self._place(rows), batch.page(warnings=warnings)
                warnings = []
        warnings += self._last_warnings(rows, batch, any_fault)
        if self._meaning.snapshot or rows.offset > self._start.offset or warnings or self._from_first:
            complete = self._meaning.snapshot and not any_fault
            yield self._place(rows), batch.page(warnings=warnings, complete=complete)

    @property
    def _from_first(self) -> bool:
        return self._start is self._first

    def _leave_open(self) -> int | None:
        """A file read from its first row is taken as it stands; later an unfinished last row has one more time."""
        return None if self._from_first else self._start.left or -1

    def _place(self, rows: Rows) -> Place:
        kinds = {name: column.kind for name, column in self._learned.items()}
        left = rows.offset if rows.left is not None else None
        return Place(rows.offset, rows.line, rows.digest, rows.open, left, kinds)

    def _first_warnings(self) -> list[str]:
        warnings = list(self.header.warnings) if self._from_first else []
        mixed = [(name, column.mixed) for name, column in self._learned.items() if column.mixed]
        return warnings + [f"{self._name}: column {name!r} {words}, so it is read as text" for name, words in mixed]

    def _last_warnings(self, rows: Rows, batch: _Batch, any_fault: bool) -> list[str]:
        warnings = []
        if rows.left is not None:
            warnings.append(f"{self._name}:{rows.left}: has no line end yet, so this row is read the next time")
        if repeated := batch.repeated():
            key = ", ".join(self._record.key)
            rows_have = "1 row has" if repeated == 1 else f"{repeated} rows have"
            warnings.append(f"{self._name}: {rows_have} a later one with the same {key}; the last one counts")
        if self._meaning.snapshot and any_fault:
            warnings.append(f"{self._name}: while rows are at fault, missing ones are not taken for gone; correct them")
        return warnings

    def _read_header(self) -> tuple[Header, Place]:
        rows = self._rows_from(Place(0, 0, ""))
        first = next(rows.rows(), None)
        if first is None:
            raise Unreadable(self._name, [("", "is empty; the first row must name the columns")])
        if self._starts_with(b"\xff\xfe", b"\xfe\xff"):
            raise Unreadable(self._name, [("", "is UTF-16; save it as UTF-8")])
        if first.fault:
            raise Unreadable(self._name, [("", f"in the header, so the file is not read: {first.fault}")])
        names = [name.removeprefix("\ufeff").strip() for name in first.cells]
        header = understand(self._record, self._name, names, self._meaning.fields, self._meaning.zone)
        return header, Place(rows.offset, rows.line, rows.digest)

    def _starts_with(self, *marks: bytes) -> bool:
        self._file.seek(0)
        return self._file.read(2) in marks

    def _rows_from(self, place: Place) -> Rows:
        rows = Rows(self._file, end=self._end)
        rows.skip(place.offset, line=place.line)
        if place.open:
            rows.end_line()
        if place.offset:
            rows.width = self.header.width
        return rows

    def _unchanged(self, known: Place) -> bool:
        rows = Rows(self._file, end=self._end)
        rows.skip(known.offset, line=known.line)
        return rows.digest == known.digest and (not known.open or rows.end_line())

    def _learn(self) -> Mapping[str, Learned]:
        """What the custom columns hold, from a first pass over the rows to be read.

        Only the last row settles a column's type, and pages go out before it is reached: so the custom columns are
        looked through first. New rows that change a column's type send us back to the first row, so that all are
        read alike.
        """
        if not self.header.custom:
            return {}
        known = {name: Learned.of(self._start.kinds.get(name)) for name in self.header.custom}
        learned = self._look_through({name: Learned.of(column.kind) for name, column in known.items()})
        if self._from_first or same_kinds(known.values(), learned.values()):
            return learned
        self._start = self._first
        return self._look_through({name: Learned() for name in self.header.custom})

    def _look_through(self, learned: Mapping[str, Learned]) -> Mapping[str, Learned]:
        places = [(index, learned[name]) for name, index in self.header.custom.items()]
        for row in self._rows_from(self._start).rows(leave_open=self._leave_open()):
            if row.fault:
                continue
            for index, column in places:
                if text := row.cells[index].strip():
                    column.see(text, row.line)
        return learned

    def _custom_parsers(self) -> _Custom:
        zone = self._meaning.zone
        return {name: (index, custom_parser(self.kinds[name], zone)) for name, index in self.header.custom.items()}

    def _record_of(self, row: Row, custom: _Custom) -> tuple[Record | None, list[SetAside]]:
        if row.fault:
            return None, [SetAside(f"{self._name}:{row.line}", "", ",".join(row.cells)[:100], row.fault)]
        cells = row.cells
        if not any(cells):
            return None, []
        faults: list[SetAside] = []
        values: dict[str, Any] = {}
        usable = True
        for column in self.header.known:
            text = cells[column.index].strip()
            try:
                if text:
                    values[column.name] = column.parse(text)
                elif column.required:
                    raise ValueError("is missing")
            except ValueError as error:
                usable = usable and not column.required
                if not column.required and column.name in _MAY_FORBID_MAIL:
                    values["opted_out"] = True
                words = f"{error}; {_consequence(column.name, required=column.required)}"
                faults.append(SetAside(f"{self._name}:{row.line}", column.name, text[:100], words))
        if custom:
            values["custom"] = {
                name: parse(text) if (text := cells[index].strip()) else None for name, (index, parse) in custom.items()
            }
        return self._record(**values) if usable else None, faults


def _consequence(column: str, *, required: bool) -> str:
    if required:
        return "the row is left out until it is corrected"
    if column in _MAY_FORBID_MAIL:
        return "the person counts as opted out until it is corrected"
    return "the row is kept without it"


class _Batch:
    """The records of the next page; of rows with one key the last."""

    def __init__(self, record: type[Record]) -> None:
        self._table = record.table
        self._key: Callable[[Any], Any] | None = attrgetter(*record.key) if record.key else None
        self._keyed: dict[Any, Record] = {}
        self._unkeyed: list[Record] = []
        self._set_aside: list[SetAside] = []
        #: Eight bytes a row, so that a large file's repetitions can be counted.
        self._hashes = array("q")

    def add(self, record: Record | None, faults: Sequence[SetAside]) -> None:
        self._set_aside += faults
        if record is None:
            return
        if self._key is None:
            self._unkeyed.append(record)
            return
        key = self._key(record)
        self._hashes.append(hash(key))
        self._keyed.pop(key, None)
        self._keyed[key] = record

    def page(self, *, warnings: Sequence[str], complete: bool = False) -> Page:
        records = self._unkeyed or list(self._keyed.values())
        page = Page(self._table, records, {}, self._set_aside, complete=complete, warnings=warnings)
        self._keyed, self._unkeyed, self._set_aside = {}, [], []
        return page

    def repeated(self) -> int:
        """Rows that have a later one with their key; counted by shares, so that millions need little memory."""
        shares = len(self._hashes) // 500_000 + 1
        distinct = sum(len({each for each in self._hashes if each % shares == share}) for share in range(shares))
        return len(self._hashes) - distinct
