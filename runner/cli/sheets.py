"""What tables at a terminal look like: calm, aligned, readable at 100 columns."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text


class _Sheet(Table):
    """As wide as what stands in it, unless a column takes the room that is left, or words below it need the room.

    Where nobody looks at a terminal no room is filled: each column is as wide as what stands in it, as long as all of
    them have the room, and the words below are lines of their own.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        below = self.caption
        if console.is_terminal or self.__rich_measure__(console, options).maximum > options.max_width:
            self.expand = any(column.ratio is not None for column in self.columns)
        if console.is_terminal:
            if below is not None and not self.expand:
                self.columns[0].ratio, self.expand = 1, True
            yield from super().__rich_console__(console, options)
            return
        self.caption = None
        yield from super().__rich_console__(console, options)
        self.caption = below
        if below is not None:
            yield Text(below) if isinstance(below, str) else below


def blank_table(*, show_header: bool = True) -> Table:
    return _Sheet(box=SIMPLE_HEAD, pad_edge=False, show_header=show_header, show_edge=False, padding=(0, 1, 0, 0))


def plain(text: str) -> Text:
    """What came from outside, without the control characters that a terminal would obey."""
    return Text("".join(letter if letter.isprintable() else " " for letter in text))
