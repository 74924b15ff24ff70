"""What commands share: where the workspace is, times as people type them, and how things are printed."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from runner.errors import WrongUsage

if TYPE_CHECKING:
    from rich.console import Console

    from runner.app import App

Folder = Annotated[Path | None, typer.Option("-C", help="The workspace; here where none is given.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to standard output.")]
At = Annotated[str | None, typer.Option("--at", help="Simulate the clock: 2026-11-22T09:00.", metavar="TIME")]

_folder: list[Path | None] = [None]


def remember_folder(folder: Path | None) -> None:
    _folder[0] = folder


def remembered_folder() -> Path | None:
    """What `-C` before the command said."""
    return _folder[0]


def folder_of(folder: Path | None) -> Path:
    """The workspace's folder: the command's own, else the one named before the command, else here."""
    return folder or remembered_folder() or Path()


@contextmanager
def workspace(folder: Path | None, at: str | None = None) -> Iterator[App]:
    """The workspace of this command, its clock set to `at` where one is given."""
    from runner.app import App
    from runner.cli import logs

    logs.configure()
    with App(folder_of(folder)) as app:
        if at is not None:
            moment = instant(at, app.settings.timezone)
            app.now = lambda: moment
        yield app


def moment(app: App, at: str | None) -> datetime:
    """The time a reading command looks at: the one asked for, else now, which in a simulated store is its last tick."""
    from runner.app.clockwork import last_moment

    return app.now() if at else last_moment(app)


#: The years for which a clock may be set: at the ends of all time nothing can be reckoned with.
YEARS = range(1850, 2201)


def instant(text: str, zone: str) -> datetime:
    """A time as typed; without an offset it is in the account's zone, a bare day is its midnight."""
    from runner import clock

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"{text!r} is no time; write 2026-11-22 or 2026-11-22T09:00") from None
    _within_reach(moment, text)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return clock.at_local(moment.date(), moment.time(), zone)


def day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"{text!r} is no day; write 2026-11-22") from None
    _within_reach(found, text)
    return found


def _within_reach(day: date, text: str) -> None:
    if day.year not in YEARS:
        raise WrongUsage(f"{text!r} is too far away: the years are {YEARS[0]} to {YEARS[-1]}")


def print_json(document: Any) -> None:
    print(json.dumps(document, default=_plain, ensure_ascii=False, indent=2))


def print_json_lines(documents: Iterable[Any]) -> None:
    for document in documents:
        print(json.dumps(document, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


class _Trimmed(io.TextIOBase):
    """What is piped on: lines without the blanks that fill a column at their end."""

    def __init__(self, behind: TextIO) -> None:
        self._behind = behind

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        return self._behind.encoding

    def write(self, text: str) -> int:
        self._behind.write(_FILLING.sub("\n", text))
        return len(text)

    def flush(self) -> None:
        self._behind.flush()


_FILLING = re.compile(r" +\n")

#: Columns of what is piped on, at the most: nothing is cut that another program may look for.
PIPED_WIDTH = 160


def console() -> Console:
    from rich.console import Console

    screen = Console(highlight=False, soft_wrap=False)
    if screen.is_terminal:
        return screen
    width = None if "COLUMNS" in os.environ else PIPED_WIDTH
    trimmed = cast("IO[str]", _Trimmed(sys.stdout))
    return Console(highlight=False, soft_wrap=False, width=width, file=trimmed)


def program() -> str:
    """How the command can be called again from here: by its name where that is on the path, else as it was called."""
    import shutil

    return "regulars" if shutil.which("regulars") or not sys.argv[0].endswith("regulars") else sys.argv[0]


def counted(number: int, word: str) -> str:
    """`1 fault`, `2 faults`"""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def say(words: str) -> None:
    """A line for the person at the terminal; never on standard output, which may be JSON."""
    print(words, file=sys.stderr)
