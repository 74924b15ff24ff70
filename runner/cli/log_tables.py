"""Rows of the action log as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from rich.table import Table
from rich.text import Text

from runner import clock
from runner.app.log_words import asides, came_of
from runner.cli.sheets import blank_table, plain
from runner.log import LogRow

#: Rows of the log laid out at a time, so that a long one appears at once.
PAGE = 200
#: Each status has its colour; the word always stands beside it.
COLOURS = {
    "do": "green",
    "done": "green",
    "hold": "yellow",
    "skip": "yellow",
    "end": "dim",
    "held": "yellow",
    "skipped": "yellow",
    "ended": "dim",
    "failed": "red",
    "unsure": "bold red",
}


def log_table(
    rows: Iterable[LogRow], *, zone: str = "UTC", show_header: bool = True, why: str = "Why, and what came back"
) -> Table:
    """Decisions, one a line: when, who, by which playbook and step, what happened and why."""
    table = blank_table(show_header=show_header)
    table.add_column("When", width=16, no_wrap=True)
    table.add_column("Contact", ratio=5, overflow="fold")
    table.add_column("Playbook, step", ratio=5, overflow="fold")
    table.add_column("", width=7, no_wrap=True)
    table.add_column(why, ratio=8)
    for row in rows:
        table.add_row(
            f"{clock.local(row.at, zone):%Y-%m-%d %H:%M}",
            plain(row.contact.email or row.contact.source_id),
            plain(f"{row.playbook}, {row.step}" if row.step else row.playbook),
            Text(row.status, COLOURS.get(row.status, "")),
            _why(row, zone),
        )
    return table


def log_pages(rows: Iterable[LogRow], *, zone: str = "UTC") -> Iterator[Table]:
    """A log of any length as tables that stand under one another as one."""
    remaining = iter(rows)
    first = True
    while page := list(islice(remaining, PAGE)):
        yield log_table(page, zone=zone, show_header=first)
        first = False


def _why(row: LogRow, zone: str) -> Text:
    """`quiet hours, until Tue 3 Mar 08:00` · `birthday today · opened, answered 9`"""
    text = plain(row.reason).append(asides(row, zone))
    for came in came_of(row):
        text.append(" · ", "dim").append_text(plain(came))
    return text
