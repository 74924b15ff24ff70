"""Due days as a table that a SELECT joins: who lives in a day's zone, and whose field lies on the day it is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from runner.conditions import Field, Kind
from runner.store.functions import row_field, unindexed
from runner.store.tables import contacts
from runner.store.types import Instant
from runner.triggers.due_days import DueDay, local_span
from runner.triggers.window import Window


class DayTable:
    """Due days as rows for a SELECT to join: `zone`, the target's `number`, `target`, its `start_at` and `end_at`, …

    The rows travel as one JSON parameter, so that the statement is the same at every tick and compiled once.
    """

    def __init__(self, window: Window, rows: Callable[[Window], list[tuple[Any, ...]]], name: str = "due_days") -> None:
        self._window, self._rows = window, _once(rows)
        written = window.value(lambda current: json.dumps(self._rows(current), default=_written), sa.Text())
        row = sa.func.json_rows(written).table_valued(sa.column("value"))
        columns = [row_field(row.c.value, place, kind).label(column) for place, (column, kind) in enumerate(_COLUMNS)]
        # Read once: the database would take the text apart again for every contact it looks at.
        self.values = sa.select(*columns).select_from(row).cte(name).prefix_with("MATERIALIZED")

    @property
    def c(self) -> Any:
        return self.values.c

    def spanned(self, column: Any) -> Any:
        """Whether a date or instant lies between the first of the days and the last.

        Where people are looked at one by one it is asked before the days are, and spares most of them that.
        """
        if self._window.among is None:
            return sa.true()
        is_date = isinstance(column.type, sa.Date)
        first, last = (_TARGET, _TARGET) if is_date else (_START_AT, _END_AT)
        none = date.max if is_date else datetime.max.replace(tzinfo=UTC)
        earliest = self._window.value(lambda w: min((row[first] for row in self._rows(w)), default=none), column.type)
        latest = self._window.value(lambda w: max((row[last] for row in self._rows(w)), default=none), column.type)
        return unindexed(column).between(earliest, latest)


def _once(rows: Callable[[Window], list[tuple[Any, ...]]]) -> Callable[[Window], list[tuple[Any, ...]]]:
    """The rows of a window, told again to whoever asks for the same one's."""
    told: list[tuple[Window | None, list[tuple[Any, ...]]]] = [(None, [])]

    def asked(window: Window) -> list[tuple[Any, ...]]:
        of, known = told[0]
        if of is not window:
            known = rows(window)
            told[0] = window, known
        return known

    return asked


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("zone", sa.Text()),
    ("number", sa.Integer()),
    ("target", sa.Date()),
    ("day_text", sa.Text()),
    ("start_at", Instant()),
    ("end_at", Instant()),
    ("due_at", Instant()),
    ("occasion", sa.Text()),
    #: Whose draws it is about, where it is not about everybody's.
    ("draw_from", sa.Float()),
    ("draw_to", sa.Float()),
)


_TARGET, _START_AT, _END_AT = ([name for name, _ in _COLUMNS].index(name) for name in ("target", "start_at", "end_at"))


def _written(value: date | datetime) -> str:
    """As SQLite keeps it, which PostgreSQL reads as well: its sessions are in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat()


#: One row a day, without a number.
UNNUMBERED = (0,)


def day_rows(
    days: Iterable[DueDay], occasion: str, *, numbers: Callable[[DueDay], Sequence[int]] = lambda _: UNNUMBERED
) -> list[tuple[Any, ...]]:
    """The due days as rows, one a number; `occasion` may name {target} and {year}, the year of the target."""
    rows: list[tuple[Any, ...]] = []
    for due in days:
        start, end = local_span(due.target, due.zone)
        text = due.target.isoformat()
        name = occasion.format(target=text, year=due.target.year)
        for number in numbers(due):
            rows.append((due.zone, number, due.target, text, start, end, due.due_at, name))
    return rows


def day_table(
    window: Window,
    due: Callable[[Window], Iterable[DueDay]],
    occasion: str,
    *,
    numbers: Callable[[DueDay], Sequence[int]] = lambda _: UNNUMBERED,
) -> DayTable:
    """`day_rows` as a table."""
    return DayTable(window, lambda current: day_rows(due(current), occasion, numbers=numbers))


def lives_in(window: Window, days: Any, field: Field | None = None) -> Any:
    """Whether the contact lives in the zone of a due day; with a field, where the index of its day knows no zone.

    The zone is hidden from the database then, and where only some people are looked at: SQLite, which knows little of
    how many live in one, would go by it.
    """
    by_zone = window.among is None and (field is None or (field.kind is Kind.TIME and not field.is_custom))
    return (contacts.c.zone if by_zone else contacts.c.zone.concat("")) == days.zone


def on_target(field: Field, days: Any) -> Any:
    """Whether the field lies on the day the occasion is about."""
    if field.kind is Kind.TIME:
        return sa.and_(field.column >= days.start_at, field.column < days.end_at)
    return field.written == days.day_text if field.is_custom else field.column == days.target
