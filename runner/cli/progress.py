"""Progress on standard error: what was read so far, or how many days are through."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any


class Progress:
    """A line that moves on a terminal; silent where nobody looks at one."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._read: Counter[str] = Counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def page(self, table: str, rows: int) -> None:
        """A sync has stored a page."""
        self._read[table] += rows
        self._start("reading")
        if self._bar is not None:
            told = ", ".join(f"{count:,} {name}" for name, count in self._read.most_common(4))
            self._bar.update(self._task, description=f"read {told}")

    def day(self, words: str, done: int, total: int) -> None:
        """A rehearsal has lived through another day."""
        self._start(words, total=total)
        if self._bar is not None:
            self._bar.update(self._task, description=words, completed=done, total=total)

    def _start(self, words: str, total: int | None = None) -> None:
        if not self._shown or self._bar is not None:
            return
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if total:
            columns += [BarColumn(), TextColumn("{task.completed} of {task.total} days"), TimeRemainingColumn()]
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(words, total=total)
        self._bar.start()
