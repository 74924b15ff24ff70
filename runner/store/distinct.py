"""Which values a column has, without a look at every row."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def distinct_values(column: sa.Column[Any], where: Any = None) -> sa.Select[Any]:
    """The values, NULL aside, each once and in order: a jump from one to the next in the index that begins with it.

    `where` repeats the condition of a partial index.
    """
    name, rows = column.name, [] if where is None else [where]
    first = sa.select(sa.func.min(column).label(name)).where(*rows).cte("jumps", recursive=True)
    following = sa.select(sa.func.min(column)).where(column > first.c[name], *rows).scalar_subquery()
    jumps = first.union_all(sa.select(following).where(first.c[name].is_not(None)))
    return sa.select(jumps.c[name]).where(jumps.c[name].is_not(None))
