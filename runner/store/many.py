"""One statement for many rows: on SQLite its words and the forms of its values are made ready once, not once a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from runner.store.types import Instant

#: How a statement is spelled, the names of its parameters in turn, what they are where no row says otherwise, and the
#: places of those that the database takes in another form.
_Ready = tuple[str, tuple[str, ...], Mapping[str, Any], Sequence[tuple[int, Callable[[Any], Any]]]]


class Many:
    """An INSERT or UPDATE that is executed with rows of the same keys, each named like a parameter of it."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._ready: _Ready | None = None

    def __call__(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, rows)
            return
        if self._ready is None:
            self._ready = _made_ready(self._statement, connection.dialect, list(rows[0]))
        text, names, usual, forms = self._ready
        in_turn = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        told = [list(in_turn({**usual, **row} if usual else row)) for row in rows]
        for place, form in forms:
            for values in told:
                values[place] = form(values[place])
        connection.exec_driver_sql(text, [tuple(values) for values in told])


def _made_ready(statement: Any, dialect: Dialect, names: list[str]) -> _Ready:
    keys = names if isinstance(statement, sa.Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    in_turn = tuple(compiled.positiontup)
    usual = {name: compiled.binds[name].value for name in in_turn if name not in names}
    formed = ((place, _form(compiled.binds[name].type, dialect)) for place, name in enumerate(in_turn))
    return str(compiled), in_turn, usual, [(place, form) for place, form in formed if form is not None]


def _form(type: sa.types.TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """How a value of this type goes to the driver; the same instant stands in row after row."""
    form = type.dialect_impl(dialect).bind_processor(dialect)
    return lru_cache(1024)(form) if form is not None and isinstance(type, Instant | sa.Date) else form
