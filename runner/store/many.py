"""One statement for many rows: on SQLite its words and the forms of its values are made ready once, not once a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from runner.store.types import Instant

#: A parameter's name, what it is where no row says otherwise, and how the database takes it.
_Place = tuple[str, Any, Callable[[Any], Any] | None]


class Many:
    """An INSERT or UPDATE that is executed with rows of the same keys, each named like a parameter of it."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._ready: tuple[str, list[_Place]] | None = None

    def __call__(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, rows)
            return
        if self._ready is None:
            self._ready = _made_ready(self._statement, connection.dialect, list(rows[0]))
        text, places = self._ready
        connection.exec_driver_sql(text, list(zip(*(_column(place, rows) for place in places), strict=True)))


def _column(place: _Place, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What all rows have at one place, as the database takes it."""
    name, usual, form = place
    try:
        column = list(map(itemgetter(name), rows))
    except KeyError:
        column = [row.get(name, usual) for row in rows]
    return column if form is None else list(map(form, column))


def _made_ready(statement: Any, dialect: Dialect, names: list[str]) -> tuple[str, list[_Place]]:
    keys = names if isinstance(statement, sa.Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    places = []
    for name in compiled.positiontup:
        bound = compiled.binds[name]
        places.append((name, bound.value, _form(bound.type, dialect)))
    return str(compiled), places


def _form(type: sa.types.TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """How a value of this type goes to the driver; the same instant stands in row after row."""
    form = type.dialect_impl(dialect).bind_processor(dialect)
    return lru_cache(1024)(form) if form is not None and isinstance(type, Instant | sa.Date) else form
