"""Cells of a CSV file as values: text in; dates, UTC times, exact decimals and truths out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from connectors.records import CustomValue, FieldType

#: Takes a cell that is stripped and not empty; raises ValueError with words for the file's author.
Parse = Callable[[str], Any]

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
#: Larger amounts are a wrong column or a broken export, and no database keeps them exactly.
_LARGEST = Decimal(10) ** 15
#: Leading zeros, a plus sign, exponents and more than 15 digits belong to codes and telephone numbers, not to amounts.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,20})?", re.ASCII)
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parser(kind: type, zone: tzinfo) -> Parse:
    """How a cell of a column of that type is read; times without an offset are in `zone`."""
    parsers: dict[type, Parse] = {
        str: str,
        bool: _truth,
        int: _whole,
        float: _float,
        Decimal: _decimal,
        date: _day,
        datetime: _times(zone),
    }
    return parsers[kind]


def custom_parser(kind: FieldType, zone: tzinfo) -> Callable[[str], CustomValue]:
    """How a cell of a custom column is kept: dates and times as ISO 8601, times in UTC."""
    time = _times(zone)
    parsers: dict[FieldType, Callable[[str], CustomValue]] = {
        FieldType.TEXT: str,
        FieldType.NUMBER: lambda text: float(text) if "." in text else int(text),
        FieldType.BOOL: _truth,
        FieldType.DATE: lambda text: _day(text).isoformat(),
        FieldType.TIME: lambda text: time(text).isoformat(),
    }
    return parsers[kind]


def _times(zone: tzinfo) -> Callable[[str], datetime]:
    """A local time that the clock change skips is moved on by the gap; one that comes twice is the first of the two."""

    def time(text: str) -> datetime:
        try:
            written = datetime.fromisoformat(text)
            return (written if written.tzinfo else written.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(
                "is not a time; write 2026-03-01T09:30:00+01:00, or 2026-03-01 09:30 for the account's time zone"
            ) from None

    return time


def _day(text: str) -> date:
    """The day as it is written: a birthday at midnight UTC is not the day before in New York."""
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text).date()
    except ValueError:
        raise ValueError("is not a date; write 2026-03-01") from None


def _truth(text: str) -> bool:
    try:
        return _TRUTHS[text.lower()]
    except KeyError:
        raise ValueError("is neither true nor false; write true, false, yes, no, 1 or 0") from None


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number; write 1234.50, without currency sign, spaces or thousands separators")
    number = Decimal(text)
    if len(text) > 15 and abs(number) >= _LARGEST:
        raise ValueError("is too large to be kept exactly; is it in the right column?")
    return number


def _whole(text: str) -> int:
    number = _decimal(text)
    if number != number.to_integral_value():
        raise ValueError("is not a whole number")
    return int(number)


def _float(text: str) -> float:
    return float(_decimal(text))


@lru_cache(maxsize=4096)
def kind_of(text: str) -> FieldType:
    """What a custom cell looks like; 0 and 1 are numbers."""
    if _PLAIN_NUMBER.fullmatch(text):
        return FieldType.NUMBER
    if text.lower() in _TRUTHS:
        return FieldType.BOOL
    if _ISO_DAY.match(text):
        try:
            written = datetime.fromisoformat(text)
            written.replace(tzinfo=written.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            return FieldType.TEXT
        return FieldType.DATE if len(text) == 10 else FieldType.TIME
    return FieldType.TEXT


@dataclass(slots=True)
class Learned:
    """What a custom column has held so far."""

    #: None: nothing yet.
    kind: FieldType | None = None
    #: Cells read while the kind stayed the same.
    alike: int = 0
    #: The words to say when a column that looked like numbers or dates turned out to be text.
    mixed: str | None = None

    @classmethod
    def of(cls, kind: str | None) -> Learned:
        return cls(FieldType(kind) if kind else None)

    def see(self, text: str, line: int) -> None:
        if self.kind is FieldType.TEXT:
            return
        seen = kind_of(text)
        if self.kind is None or seen is self.kind:
            self.kind, self.alike = seen, self.alike + 1
        elif {seen, self.kind} == {FieldType.DATE, FieldType.TIME}:
            self.kind = FieldType.TIME
        else:
            if self.alike >= 10:
                self.mixed = f"holds a {self.kind} in {self.alike} rows and then {text[:40]!r} (line {line})"
            self.kind = FieldType.TEXT


def same_kinds(before: Iterable[Learned], after: Iterable[Learned]) -> bool:
    """Whether cells read as `before` would be read alike as `after`."""
    return all(old.kind in (None, new.kind) for old, new in zip(before, after, strict=True))
