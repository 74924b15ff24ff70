"""SQL functions that SQLite and PostgreSQL spell differently, written so that both mean the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.sql.visitors import InternalTraversal

from runner.store.types import Id, Instant, Json

T = TypeVar("T")
F = TypeVar("F", bound=FunctionElement[Any])


class SqlFunction(FunctionElement[T]):
    """One that SQLAlchemy does not know: a subclass says its `type`, and is compiled once like all others."""

    name: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = cls.__name__.lstrip("_")
        cls.inherit_cache = True


def spelled(**dialects: str) -> Callable[[type[F]], type[F]]:
    """How each database writes a function: `{0}` and `{1}` are its arguments, `{all}` all of them in a row."""

    def register(function: type[F]) -> type[F]:
        for dialect, spelling in dialects.items():
            compiles(function, dialect)(partial(_written, spelling))
        return function

    return register


def _written(spelling: str, element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
    arguments = [compiler.process(argument, **kw) for argument in element.clauses]
    return spelling.format(*arguments, all=", ".join(arguments))


# --- times and dates


@spelled(
    # By whole seconds and their parts: julianday() is off by a few microseconds, and a day is a day here.
    sqlite="((CAST(strftime('%s', {1}) AS INTEGER) - CAST(strftime('%s', {0}) AS INTEGER)"
    " + (CAST('0' || substr({1}, 20, 7) AS REAL) - CAST('0' || substr({0}, 20, 7) AS REAL))) / 86400.0)",
    postgresql="(CAST(extract(epoch from ({1})::timestamptz - ({0})::timestamptz) AS FLOAT) / CAST(86400 AS FLOAT))",
)
class days_between(SqlFunction[float]):
    """Days from one time or date to another, as a number."""

    type = sa.Float()


@spelled(
    # SQLAlchemy keeps times as `2026-11-22 09:00:00.000000`.
    sqlite="strftime('%Y-%m-%d %H:%M:%f000', {0}, ({1}) || ' seconds')",
    postgresql="(CAST({0} AS timestamptz) + make_interval(secs => CAST({1} AS float)))",
)
class seconds_after(SqlFunction[Any]):
    """The instant so many seconds after another one, to the millisecond."""

    type = Instant()


@spelled(sqlite="local_day({all})", postgresql="CAST({0} AT TIME ZONE {1} AS DATE)")
class local_day(SqlFunction[Any]):
    """The local date of an instant in a zone."""

    type = sa.Date()


_MONTH_DAY_OF_TEXT = "(CAST(substr({0}, 6, 2) AS INTEGER) * 100 + CAST(substr({0}, 9, 2) AS INTEGER))"


@spelled(
    sqlite=_MONTH_DAY_OF_TEXT,
    postgresql="(CAST(extract(month from {0}) AS INTEGER) * 100 + CAST(extract(day from {0}) AS INTEGER))",
)
class month_day(SqlFunction[int]):
    """A date's month and day as one number (29 February: 229), by which yearly days are indexed."""

    type = sa.Integer()


@spelled(sqlite=_MONTH_DAY_OF_TEXT, postgresql=_MONTH_DAY_OF_TEXT)
class month_day_of_text(SqlFunction[int]):
    """`month_day` of a date written in ISO 8601, as custom fields keep it."""

    type = sa.Integer()


@spelled(sqlite="CAST(substr({0}, 1, 4) AS INTEGER)", postgresql="CAST(extract(year from {0}) AS INTEGER)")
class year_of(SqlFunction[int]):
    """A date's year."""

    type = sa.Integer()


@spelled(
    sqlite="(CAST(substr({0}, 1, 4) AS INTEGER) * 12 + CAST(substr({0}, 6, 2) AS INTEGER))",
    postgresql="(CAST(extract(year from {0}) * 12 + extract(month from {0}) AS INTEGER))",
)
class month_count(SqlFunction[int]):
    """The months since the year 0, of a date: those that follow one another differ by one."""

    type = sa.Integer()


@spelled(
    sqlite="(printf('%04d', {1}) || CASE WHEN substr({0}, 5) = '-02-29' THEN '-02-28' ELSE substr({0}, 5) END)",
    postgresql="make_date({1}, CAST(extract(month from {0}) AS INTEGER),"
    " CASE WHEN to_char({0}, 'MMDD') = '0229' THEN 28 ELSE CAST(extract(day from {0}) AS INTEGER) END)",
)
class day_in_year(SqlFunction[Any]):
    """A date's day in another year; 29 February is the 28th there."""

    type = sa.Date()


# --- texts and columns


@spelled(sqlite="instr({all})", postgresql="strpos({all})")
class position(SqlFunction[int]):
    """Where a text stands in another, from 1; 0 where it does not."""

    type = sa.Integer()


@spelled(sqlite="instr({0}, {1})", postgresql="position({1} in {0})")
class place_in_bytes(SqlFunction[int]):
    """The same of bytes in bytes."""

    type = sa.Integer()


def draw_of(text: str) -> float:
    """A number in [0, 1) drawn by a stable hash: the same person always draws the same, on both databases."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32


@spelled(sqlite="draw({0})", postgresql="(('x' || substr(md5({0}), 1, 8))::bit(32)::bigint / 4294967296.0)")
class draw(SqlFunction[float]):
    """`draw_of` in SQL."""

    type = sa.Float()


@spelled(sqlite="+{0}", postgresql="{0}")
class unindexed(SqlFunction[Any]):
    """A column of which SQLite makes no use to find rows by: where another one finds far fewer, and it cannot know."""

    def __init__(self, column: Any) -> None:
        super().__init__(column)
        self.type = column.type


# --- JSON


@spelled(sqlite="json_object({all})", postgresql="jsonb_build_object({all})")
class json_object(SqlFunction[Any]):
    """A JSON object from names and values in turn."""

    type = Json


@spelled(sqlite="json({0})", postgresql="CAST({0} AS JSONB)")
class json_value(SqlFunction[Any]):
    """A JSON column as a value within another JSON value."""

    type = Json


@spelled(sqlite="{0}", postgresql="({0} #>> '{{}}')")
class json_text(SqlFunction[str]):
    """A JSON value that is a text, as text."""

    type = sa.Text()


@spelled(sqlite="{0}", postgresql="CAST({0} #>> '{{}}' AS BIGINT)")
class json_number(SqlFunction[int]):
    """A JSON value that is a whole number, as a number."""

    type = Id


@spelled(
    sqlite="json_extract({0}, '$.\"' || {1} || '\"')",
    postgresql="CAST(CAST({0} AS JSONB) ->> {1} AS TIMESTAMPTZ)",
)
class zone_instant(SqlFunction[Any]):
    """What a JSON object says of a zone: an instant."""

    type = Instant()


@spelled(
    sqlite="json_set({0}, '$.\"' || {1} || '\"', json(coalesce({2}, 'null')))",
    postgresql="jsonb_set({0}, ARRAY[CAST({1} AS TEXT)], coalesce({2}, 'null'))",
)
class json_with(SqlFunction[Any]):
    """A JSON object with a field set to another JSON value."""

    type = Json


class json_scalar(SqlFunction[Any]):
    """A JSON value that is no object and no array, as a column of the given type; null is NULL."""

    _traverse_internals = [*SqlFunction._traverse_internals, ("kind", InternalTraversal.dp_string)]  # noqa: RUF012

    def __init__(self, value: Any, type_: sa.types.TypeEngine[Any]) -> None:
        super().__init__(value)
        self.type, self.kind = type_, type(type_).__name__


@compiles(json_scalar, "sqlite")
def _json_scalar_sqlite(element: json_scalar, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$')"


@compiles(json_scalar, "postgresql")
def _json_scalar_postgresql(element: json_scalar, compiler: SQLCompiler, **kw: Any) -> str:
    kind = element.type.dialect_impl(compiler.dialect).compile(dialect=compiler.dialect)
    return f"CAST({compiler.process(element.clauses, **kw)} #>> '{{}}' AS {kind})"


@spelled(sqlite="json_each({0})", postgresql="json_array_elements(CAST({0} AS JSON))")
class json_rows(GenericFunction[Any]):
    """The elements of a JSON array as rows of one column, `value`."""

    name = "json_rows"
    inherit_cache = True


@spelled(sqlite="json_each({0})", postgresql="json_each_text(CAST({0} AS JSON))")
class json_pairs(GenericFunction[Any]):
    """The names and values of a JSON object as rows: `key`, `value`."""

    name = "json_pairs"
    inherit_cache = True


@spelled(sqlite="json_quote({0})", postgresql="coalesce(to_jsonb({0}), 'null')")
class json_of(SqlFunction[Any]):
    """A number as a JSON value; JSON's null where there is none."""

    type = Json


def numbers_in(array: Any) -> sa.Select[Any]:
    """The whole numbers of a JSON array, a row each: so many as one parameter, and the statement stays the same."""
    row = sa.func.json_rows(array).table_valued(sa.column("value"))
    return sa.select(json_number(row.c.value))


def texts_in(array: Any) -> sa.Select[Any]:
    """The texts of a JSON array, a row each."""
    row = sa.func.json_rows(array).table_valued(sa.column("value"))
    return sa.select(json_text(row.c.value))


class row_field(SqlFunction[Any]):
    """One field of a JSON array, by its place, as a column of the given type."""

    _traverse_internals = [*SqlFunction._traverse_internals, ("place", InternalTraversal.dp_string)]  # noqa: RUF012

    def __init__(self, row: Any, place: int, type_: sa.types.TypeEngine[Any]) -> None:
        super().__init__(row)
        self.place = str(place)
        self.type = type_


@compiles(row_field, "sqlite")
def _row_field_sqlite(element: row_field, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$[{element.place}]')"


@compiles(row_field, "postgresql")
def _row_field_postgresql(element: row_field, compiler: SQLCompiler, **kw: Any) -> str:
    kind = element.type.dialect_impl(compiler.dialect).compile(dialect=compiler.dialect)
    return f"CAST({compiler.process(element.clauses, **kw)} ->> {element.place} AS {kind})"
