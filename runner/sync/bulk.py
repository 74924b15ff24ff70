"""Many rows in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Any, TypeAlias

import sqlalchemy as sa

#: A row of some columns.
AnyRow: TypeAlias = "sa.Row[*tuple[Any, ...]]"
#: Rows a transaction writes at the most: no writer shall wait long for another one.
CHUNK = 250
#: Rows that it writes at the least, however slow the machine is.
_LEAST = 20
#: Rows of the first one: what a row costs is not known yet.
_FIRST = 30
#: Seconds that it is meant to last: rows cost more or less than those before, and nobody shall wait more than 50 ms.
_AIM = 0.02


def update_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Sets the columns each row names, all rows the same ones; its `number` is the row's id."""
    if not rows:
        return
    names = [name for name in rows[0] if name != "number"]
    values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    bound = [{"number": row["number"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    connection.execute(sa.update(table).where(table.c.id == sa.bindparam("number")).values(**values), bound)


def any_of(name: str) -> sa.BindParameter[Any]:
    """Any of a list that is told when the statement is executed: building one costs more than running it."""
    return sa.bindparam(name, expanding=True)


def chunks(rows: Sequence[Any], size: int = CHUNK) -> list[Sequence[Any]]:
    """The rows in portions; at least one, be it empty."""
    return [rows[start : start + size] for start in range(0, len(rows), size)] or [rows]


class Pace:
    """How many rows a transaction takes: as many as are written in a moment, whatever the machine does besides.

    A `steady` one always takes the most: where everything is read anew it is sooner through, and costs less in all.
    """

    def __init__(self, *, steady: bool = False) -> None:
        self.steady = steady
        self.rows = CHUNK if steady else _FIRST

    def portion(self, rows: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """What comes next of the rows, and what is left."""
        return rows[: self.rows], rows[self.rows :]

    @contextmanager
    def writing(self, transaction: AbstractContextManager[sa.Connection]) -> Iterator[sa.Connection]:
        """The transaction of a portion; how long it takes from its beginning to its end decides about the next one."""
        with transaction as connection:
            began = perf_counter()
            yield connection
        if not self.steady:
            fitting = self.rows * _AIM / max(perf_counter() - began, 1e-6)
            self.rows = int(min(CHUNK, max(_LEAST, min(1.5 * self.rows, fitting))))
