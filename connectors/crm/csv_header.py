"""The first row of a CSV file: which column is which field, which are custom, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from difflib import get_close_matches

from connectors.base import SetAside
from connectors.crm.csv_values import Parse, parser
from connectors.records import Column, Record, columns


class Unreadable(Exception):
    """The file as a whole cannot be read; the faults say why."""

    def __init__(self, file: str, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = [SetAside(f"{file}:1", column, "", words) for column, words in faults]
        super().__init__(self.faults)


@dataclass(frozen=True, slots=True)
class Known:
    """A column of the table and where the file has it."""

    index: int
    name: str
    parse: Parse
    required: bool


@dataclass(frozen=True, slots=True)
class Header:
    """What the first row of a file says."""

    width: int
    known: tuple[Known, ...]
    #: Custom field to the place of its column.
    custom: Mapping[str, int]
    #: The columns that `fields:` maps and that are here.
    mapped: frozenset[str]
    warnings: tuple[str, ...]


def understand(
    record: type[Record], file: str, names: Sequence[str], fields: Mapping[str, str], zone: tzinfo
) -> Header:
    """Raises Unreadable with every fault of the header; `fields` is our field to the file's column."""
    mapped = {column: ours for ours, column in fields.items()}
    ours = [mapped.get(name, name) for name in names]
    table = {column.name: column for column in columns(record)}
    if faults := [*_twice(ours), *_missing(ours, names, table)]:
        raise Unreadable(file, faults)
    return Header(
        width=len(names),
        known=tuple(_known(index, table[name], zone) for index, name in enumerate(ours) if name in table),
        custom={name: index for index, name in enumerate(ours) if name and name not in table}
        if record.takes_custom
        else {},
        mapped=frozenset(mapped.keys() & set(names)),
        warnings=tuple(_warnings(record, file, ours, table)),
    )


def _known(index: int, column: Column, zone: tzinfo) -> Known:
    return Known(index, column.name, parser(column.type, zone), column.required)


def _twice(ours: Sequence[str]) -> list[tuple[str, str]]:
    twice = {name: None for place, name in enumerate(ours) if name and name in ours[:place]}
    return [(name, f"column {name!r} is there twice, so the file is not read; keep one") for name in twice]


def _missing(ours: Sequence[str], names: Sequence[str], table: Mapping[str, Column]) -> list[tuple[str, str]]:
    missing = [name for name, column in table.items() if column.required and name not in ours]
    separator = next((mark for mark in ";\t|" if mark in names[0]), None) if len(names) == 1 else None
    if missing and separator:
        return [("", f"the columns are separated by {separator!r}; save the file with commas")]
    return [
        (name, f"column {name!r} is missing, so the file is not read; {_advice(name, ours, table)}") for name in missing
    ]


def _advice(name: str, ours: Sequence[str], table: Mapping[str, Column]) -> str:
    likely = get_close_matches(name, [given for given in ours if given and given not in table], n=1)
    return f"rename {likely[0]!r}, or map it in `fields:`" if likely else "add it, or map another one in `fields:`"


def _warnings(record: type[Record], file: str, ours: Sequence[str], table: Mapping[str, Column]) -> list[str]:
    warnings = []
    for index, name in enumerate(ours):
        if name in table:
            continue
        likely = get_close_matches(name.lower(), sorted(table.keys() - set(ours)), n=1, cutoff=0.8)
        meant = f"; did you mean {likely[0]!r}?" if likely else ""
        if not name:
            warnings.append(f"{file}:1: column {index + 1} has no name, so it is not read")
        elif not record.takes_custom:
            warnings.append(f"{file}:1: no column {name!r} in {record.table}, so it is not read{meant}")
        elif meant:
            warnings.append(f"{file}:1: column {name!r} becomes a custom field{meant}")
        elif not name.isidentifier():
            example = f"`fields: {{{_identifier(name)}: {name!r}}}`"
            warnings.append(f"{file}:1: no condition can name the custom field {name!r}; map it, as in {example}")
    return warnings


def _identifier(name: str) -> str:
    word = "".join(letter if letter.isalnum() else "_" for letter in name.lower()).strip("_")
    return word if word.isidentifier() else f"field_{word}"
