"""Progress on standard error: what was read so far, how fast and for how long still, or how many days are through."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any


class Progress:
    """A line that moves on a terminal; silent where nobody looks at one."""

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self._clock = clock
        self._began = clock()
        self._read: dict[str, int] = {}
        self._expected = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def expect(self, rows: int) -> None:
        """So many rows will come, as far as anybody knows."""
        self._expected, self._began = rows, self._clock()

    def page(self, table: str, rows: int) -> None:
        """A sync has stored a page: so many rows of the table so far."""
        self._read[table] = rows
        self._start("reading", total=self._expected or None, unit="rows")
        if self._bar is not None:
            self._bar.update(self._task, description=self.words(), completed=sum(self._read.values()))

    def words(self) -> str:
        """`830 rows a second: 12,300 contacts, 40 companies`."""
        most = sorted(self._read.items(), key=lambda read: -read[1])[:4]
        told = ", ".join(f"{count:,} {name}" for name, count in most if count) or "nothing so far"
        took = self._clock() - self._began
        rate = f"{sum(self._read.values()) / took:,.0f} rows a second: " if took > 0 else ""
        return f"{rate}{told}"

    def day(self, words: str, done: int, total: int) -> None:
        """A rehearsal has lived through another day."""
        self._start(words, total=total, unit="days")
        if self._bar is not None:
            self._bar.update(self._task, description=words, completed=done, total=total)

    def _start(self, words: str, *, total: int | None, unit: str) -> None:
        if not self.shown or self._bar is not None:
            return
        from rich.console import Console
        from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        columns: list[ProgressColumn] = [SpinnerColumn()]
        if total:
            of = TextColumn(f"{{task.completed:,}} of {{task.total:,}} {unit}")
            columns += [BarColumn(16), of, TimeRemainingColumn(), TextColumn("left,")]
        # On a narrow terminal the words give way, never what is left.
        words_last = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns.append(TextColumn("{task.description}", table_column=words_last))
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True, expand=True)
        self._task = self._bar.add_task(words, total=total)
        self._bar.start()
