"""The rows of a CSV file, with the place in bytes after each: cells out, and a fault where a row cannot be read."""

from __future__ import annotations

import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

#: Bytes of a line at the most; a longer one is no CSV and comes in pieces, each at fault.
_LONGEST_LINE = 1 << 20
_CHUNK = 1 << 20
_DIGEST_ROWS = 1000
_UNCLOSED = "a quotation mark is opened and not closed in this row; close or remove it"


class Row(NamedTuple):
    """A row, with the line it begins at; `fault` says why its cells are not to be trusted."""

    line: int
    cells: list[str]
    fault: str | None


class Rows:
    """Iterates over the rows up to byte `end`; what is appended meanwhile is left for the next time.

    `offset`, `line` and `digest` stand behind the last row handed out, so that reading can go on there another day
    and see whether anything before has changed.
    """

    def __init__(self, file: BufferedReader, *, end: int) -> None:
        self.offset = 0
        #: Lines passed so far.
        self.line = 0
        #: Whether the last row handed out ended without a line end.
        self.open = False
        #: Cells a row must have; None while the header is read.
        self.width: int | None = None
        #: The line of an unfinished last row that was left for the next time.
        self.left: int | None = None
        self._file = file
        self._end = end
        self._fetched = 0
        self._digest = hashlib.blake2b(digest_size=16)
        self._undigested: list[bytes] = []
        self._again: deque[bytes] = deque()
        self._raw: list[bytes] = []
        self._fault: str | None = None

    @property
    def digest(self) -> str:
        """Of every byte before `offset`."""
        self._digest_passed()
        return self._digest.copy().hexdigest()

    def skip(self, offset: int, *, line: int) -> None:
        """Passes over the bytes before `offset` unread; `digest` then tells whether they are the ones known."""
        self._file.seek(0)
        while self.offset < min(offset, self._end):
            chunk = self._file.read(min(_CHUNK, offset - self.offset))
            if not chunk:
                break
            self._digest.update(chunk)
            self.offset += len(chunk)
        self._fetched = self.offset
        self.line = line

    def end_line(self) -> bool:
        """Passes over the line end that an open row was still to get; false where the row has grown instead."""
        if self.offset >= self._end:
            return True
        ahead = self._file.read(2)
        self._file.seek(self.offset)
        if ahead == b"\r":
            return True
        if ahead != b"\r\n" and not ahead.startswith(b"\n"):
            return False
        self._raw = [self._fetch()]
        self._pass()
        self.line -= 1
        return True

    def rows(self, *, leave_open: int | None = None) -> Iterator[Row]:
        """The rows from here. An unfinished last row is left unread, save where it begins at byte `leave_open`.

        None reads it as it stands.
        """
        reader = csv.reader(self._lines(), strict=True)
        while True:
            self._begin()
            try:
                cells = next(reader)
                misread = None if self.width in (None, len(cells)) else self._ragged(cells)
            except StopIteration:
                return
            except csv.Error as error:
                cells, misread = [], _words(error)
            if leave_open not in (None, self.offset) and self._unfinished(misread):
                self.left = self.line + 1
                return
            if misread is not None:
                misread = self._only_first_line(misread)
                reader = csv.reader(self._lines(), strict=True)
            line = self.line + 1
            self._pass()
            fault = self._fault or misread
            if cells or fault:
                yield Row(line, cells, fault)

    def _begin(self) -> None:
        self._raw.clear()
        self._fault = None

    def _only_first_line(self, misread: str) -> str:
        """A quote that was opened and not closed swallows the rows below: they are read again without it."""
        if len(self._raw) == 1:
            return misread
        self._again.extendleft(reversed(self._raw[1:]))
        del self._raw[1:]
        return _UNCLOSED

    def _lines(self) -> Iterator[str]:
        while raw := self._again.popleft() if self._again else self._fetch():
            self._raw.append(raw)
            if b"\0" in raw:
                self._fault = "there are NUL bytes in this row; export the file again as plain UTF-8 text"
            try:
                yield raw.decode()
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                self._fault = f"this row is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
                yield raw.decode(errors="replace")

    def _fetch(self) -> bytes:
        raw = self._file.readline(min(_LONGEST_LINE, self._end - self._fetched)) if self._fetched < self._end else b""
        self._fetched += len(raw)
        return raw

    def _pass(self) -> None:
        raw = self._raw[0] if len(self._raw) == 1 else b"".join(self._raw)
        self._undigested.append(raw)
        if len(self._undigested) == _DIGEST_ROWS:
            self._digest_passed()
        self.offset += len(raw)
        self.line += len(self._raw)
        self.open = not raw.endswith(b"\n")

    def _digest_passed(self) -> None:
        self._digest.update(b"".join(self._undigested))
        self._undigested.clear()

    def _unfinished(self, misread: str | None) -> bool:
        """Whether this is the file's last row and more of it may come."""
        last = self._fetched >= self._end and not self._again
        return last and (not self._raw[-1].endswith(b"\n") or misread == _UNCLOSED)

    def _ragged(self, cells: list[str]) -> str | None:
        """Empty cells behind the last column carry nothing, nor does a row without a single value."""
        width = self.width or 0
        if not any(cells) or (len(cells) > width and not any(cells[width:])):
            del cells[width:]
            cells.extend([""] * (width - len(cells)))
            return None
        return f"has {len(cells)} cells where the header has {width}; quote cells that contain commas"


def _words(error: csv.Error) -> str:
    if "field larger" in str(error) or "unexpected end" in str(error):
        return _UNCLOSED
    if "new-line" in str(error):
        return "there is a lone carriage return in this row; save the file with ordinary line ends"
    return f"cannot be read as CSV ({error}); write a quotation mark inside a quoted cell twice"
