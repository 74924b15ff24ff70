"""Many rows in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

#: A row of some columns.
AnyRow: TypeAlias = "sa.Row[*tuple[Any, ...]]"
#: Rows a transaction writes at the most: no writer shall wait long for another one.
CHUNK = 250


def update_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Sets the columns each row names, all rows the same ones; its `number` is the row's id."""
    if not rows:
        return
    names = [name for name in rows[0] if name != "number"]
    values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    bound = [{"number": row["number"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    connection.execute(sa.update(table).where(table.c.id == sa.bindparam("number")).values(**values), bound)


def chunks(rows: Sequence[Any], size: int = CHUNK) -> list[Sequence[Any]]:
    """The rows in portions; at least one, be it empty."""
    return [rows[start : start + size] for start in range(0, len(rows), size)] or [rows]
