"""A folder of CSV files, one a table: rows in, records out, and a plain word about all that could not be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from connectors.base import ConnectorSettings, Cursor, Page, SetAside, Source
from connectors.crm.csv_file import CsvFile, Meaning, Place
from connectors.crm.csv_header import Unreadable
from connectors.errors import Permanent
from connectors.records import BY_TABLE, TABLES, FieldType

#: Cursors of another format start from the first rows; counts up when `Place` changes.
_CURSOR_FORMAT = 1


class Mode(StrEnum):
    """What the files mean."""

    #: Rows are added or corrected; a row that is missing says nothing.
    APPEND = "append"
    #: The files are everything there is: a row that is missing is gone.
    SNAPSHOT = "snapshot"


class CsvSettings(ConnectorSettings):
    """`{type: csv, path: data/shop}`."""

    type: str = "csv"
    #: The folder, seen from the workspace.
    path: str
    #: `append`: a row that is missing says nothing. `snapshot`: it is gone.
    mode: Mode = Mode.APPEND
    #: The zone of times without an offset; the account's where it is not given.
    timezone: str | None = None
    #: Our field to the column that holds it, in whichever file has that column.
    fields: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            _zone(name)
        return name

    @field_validator("fields")
    @classmethod
    def _each_column_once(cls, fields: Mapping[str, str]) -> Mapping[str, str]:
        for ours, column in fields.items():
            twice = next((other for other in fields if other != ours and fields[other] == column), None)
            if twice:
                raise ValueError(f"the column {column!r} is given to both {ours!r} and {twice!r}; give it to one")
        return fields


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder of zones, such as "Europe".
        raise ValueError(f"no time zone {name!r}; write one such as Europe/Warsaw") from None


class CsvFolder(Source):
    """Reads `<table>.csv` for every table there is; only what was added since the last time, where that is certain.

    The cursor keeps for each file how many bytes were read and their digest: if they are unchanged, only what
    follows is read, else the file is read from its first row. Digesting takes about a second a gigabyte and
    notices a correction in the middle of a file too.
    """

    type = "csv"
    settings_model = CsvSettings

    @classmethod
    def open(cls, settings: CsvSettings, *, workspace: Path, timezone: str) -> CsvFolder:
        return cls(settings, workspace=workspace, timezone=timezone)

    def __init__(self, settings: CsvSettings, *, workspace: Path, timezone: str = "UTC") -> None:
        self._settings = settings
        self._folder = workspace / settings.path
        zone = settings.timezone or timezone
        self._meaning = Meaning(_zone(zone), settings.fields, settings.mode is Mode.SNAPSHOT)
        #: Files that were read under other settings are read again.
        self._meaning_digest = _digest([_CURSOR_FORMAT, zone, dict(settings.fields), settings.mode])
        self._kinds: dict[str, Mapping[str, FieldType]] = {}
        self._mapped: set[str] = set()

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        """Pages in the order of `records.TABLES`. Raises Permanent where there is no such folder."""
        names = self._names()
        warnings = self._strange(names)
        places = self._places(None if full else cursor)
        for table in (record.table for record in TABLES if f"{record.table}.csv" in names):
            for page in self._file(table, self._folder / f"{table}.csv", places):
                yield replace(page, warnings=[*warnings, *page.warnings])
                warnings = []
        warnings += self._never_found()
        if warnings:
            yield Page("contacts", (), self._cursor(places), warnings=warnings)

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        return self._kinds

    def _file(self, table: str, path: Path, places: dict[str, Any]) -> Iterator[Page]:
        known = places.get(table)
        if not path.is_file():
            yield self._set_aside(table, places, [SetAside(path.name, "", "", "is no file, so it cannot be read")])
            return
        try:
            with path.open("rb") as opened:
                file = CsvFile(BY_TABLE[table], path.name, opened, self._meaning, Place(**known) if known else None)
                self._mapped |= file.header.mapped
                if BY_TABLE[table].takes_custom:
                    self._kinds[table] = file.kinds
                for place, page in file.pages():
                    places[table] = asdict(place)
                    yield replace(page, cursor=self._cursor(places))
        except OSError as error:
            yield self._set_aside(table, places, [SetAside(path.name, "", "", f"cannot be read: {error.strerror}")])
        except Unreadable as unreadable:
            yield self._set_aside(table, places, unreadable.faults)

    def _set_aside(self, table: str, places: Mapping[str, Any], faults: Sequence[SetAside]) -> Page:
        return Page(table, (), self._cursor(places), set_aside=faults)

    def _places(self, cursor: Cursor | None) -> dict[str, Any]:
        if cursor is None or self._meaning.snapshot or cursor.get("meaning") != self._meaning_digest:
            return {}
        return dict(cursor["files"])

    def _cursor(self, places: Mapping[str, Any]) -> Cursor:
        return {"meaning": self._meaning_digest, "files": dict(places)}

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir())
        except OSError as error:
            words = f"cannot be opened as a folder ({error.strerror}); correct `path:`"
            raise Permanent(words, system="csv", request=self._settings.path) from error

    def _strange(self, names: Sequence[str]) -> list[str]:
        """Warnings about files that no table owns; other things than tables (a README) may lie in the folder."""
        known = {f"{table}.csv" for table in BY_TABLE}
        strange = [name for name in names if name not in known and _like_a_table(name)]
        warnings = [f"{name}: not a table's file, so it is not read{_meant(name, known)}" for name in strange]
        if not known.intersection(names):
            warnings.append(f"{self._settings.path}: no table's file is in this folder (contacts.csv, orders.csv …)")
        return warnings

    def _never_found(self) -> list[str]:
        lost = [(ours, column) for ours, column in self._settings.fields.items() if column not in self._mapped]
        return [f"fields: {ours}: no file has a column {column!r}" for ours, column in lost]


def _like_a_table(name: str) -> bool:
    low = name.lower()
    return not name.startswith(".") and (low.endswith(".csv") or low.partition(".")[0] in BY_TABLE)


def _meant(name: str, known: set[str]) -> str:
    likely = get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.7)
    return f"; did you mean {likely[0]}?" if likely else ""


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
