"""SQL functions that SQLite and PostgreSQL spell differently, written so that both mean the same."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from runner.store.types import Instant


class days_between(FunctionElement[float]):
    """Days from one time or date to another, as a number."""

    type = sa.Float()
    inherit_cache = True
    name = "days_between"


@compiles(days_between, "sqlite")
def _days_sqlite(element: days_between, compiler: SQLCompiler, **kw: object) -> str:
    start, end = (compiler.process(part, **kw) for part in element.clauses)
    # By whole seconds and their parts: julianday() is off by a few microseconds, and a day is a day here.
    seconds = f"CAST(strftime('%s', {end}) AS INTEGER) - CAST(strftime('%s', {start}) AS INTEGER)"
    parts = f"CAST('0' || substr({end}, 20, 7) AS REAL) - CAST('0' || substr({start}, 20, 7) AS REAL)"
    return f"(({seconds} + ({parts})) / 86400.0)"


@compiles(days_between, "postgresql")
def _days_postgresql(element: days_between, compiler: SQLCompiler, **kw: object) -> str:
    start, end = (compiler.process(part, **kw) for part in element.clauses)
    return f"(CAST(extract(epoch from ({end})::timestamptz - ({start})::timestamptz) AS FLOAT) / CAST(86400 AS FLOAT))"


class position(FunctionElement[int]):
    """Where a text stands in another, from 1; 0 where it does not."""

    type = sa.Integer()
    inherit_cache = True
    name = "position"


@compiles(position, "sqlite")
def _position_sqlite(element: position, compiler: SQLCompiler, **kw: object) -> str:
    return f"instr({compiler.process(element.clauses, **kw)})"


@compiles(position, "postgresql")
def _position_postgresql(element: position, compiler: SQLCompiler, **kw: object) -> str:
    return f"strpos({compiler.process(element.clauses, **kw)})"


class local_day(FunctionElement[Any]):
    """The local date of an instant in a zone."""

    type = sa.Date()
    inherit_cache = True
    name = "local_day"


@compiles(local_day, "sqlite")
def _local_day_sqlite(element: local_day, compiler: SQLCompiler, **kw: object) -> str:
    return f"local_day({compiler.process(element.clauses, **kw)})"


@compiles(local_day, "postgresql")
def _local_day_postgresql(element: local_day, compiler: SQLCompiler, **kw: object) -> str:
    at, zone = (compiler.process(part, **kw) for part in element.clauses)
    return f"CAST({at} AT TIME ZONE {zone} AS DATE)"


class zone_instant(FunctionElement[Any]):
    """What a JSON object says of a zone: an instant."""

    type = Instant()
    inherit_cache = True
    name = "zone_instant"


@compiles(zone_instant, "sqlite")
def _zone_instant_sqlite(element: zone_instant, compiler: SQLCompiler, **kw: object) -> str:
    table, zone = (compiler.process(part, **kw) for part in element.clauses)
    return f"json_extract({table}, '$.\"' || {zone} || '\"')"


@compiles(zone_instant, "postgresql")
def _zone_instant_postgresql(element: zone_instant, compiler: SQLCompiler, **kw: object) -> str:
    table, zone = (compiler.process(part, **kw) for part in element.clauses)
    return f"CAST(CAST({table} AS JSONB) ->> {zone} AS TIMESTAMPTZ)"
