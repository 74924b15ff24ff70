"""Column types that mean the same on SQLite and PostgreSQL: instants in UTC, exact decimals, JSON."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.sql.visitors import InternalTraversal

#: A row's own number.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(JSONB(), "postgresql")


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware time, stored and returned in UTC; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without zone cannot be stored: {value}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(sa.types.TypeDecorator[Decimal]):
    """A decimal kept as a whole number of 1/10**places, so that sums are exact on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def __init__(self, places: int = 4) -> None:
        super().__init__()
        self.places = places
        self._unit = Decimal(10) ** -places

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        if value is None:
            return None
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
        return int(exact.scaleb(self.places).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-self.places)


class month_day(FunctionElement[int]):
    """A date's month and day as one number (29 February: 229), by which yearly days are indexed."""

    type = sa.Integer()
    inherit_cache = True
    name = "month_day"


@compiles(month_day, "sqlite")
def _month_day_sqlite(element: month_day, compiler: SQLCompiler, **kw: Any) -> str:
    day = compiler.process(element.clauses, **kw)
    return f"(CAST(substr({day}, 6, 2) AS INTEGER) * 100 + CAST(substr({day}, 9, 2) AS INTEGER))"


@compiles(month_day, "postgresql")
def _month_day_postgresql(element: month_day, compiler: SQLCompiler, **kw: Any) -> str:
    day = compiler.process(element.clauses, **kw)
    return f"(CAST(extract(month from {day}) AS INTEGER) * 100 + CAST(extract(day from {day}) AS INTEGER))"


class month_day_of_text(FunctionElement[int]):
    """`month_day` of a date written in ISO 8601, as custom fields keep it."""

    type = sa.Integer()
    inherit_cache = True
    name = "month_day_of_text"


@compiles(month_day_of_text)
def _month_day_of_text(element: month_day_of_text, compiler: SQLCompiler, **kw: Any) -> str:
    day = compiler.process(element.clauses, **kw)
    return f"(CAST(substr({day}, 6, 2) AS INTEGER) * 100 + CAST(substr({day}, 9, 2) AS INTEGER))"


def draw_of(text: str) -> float:
    """A number in [0, 1) drawn by a stable hash: the same person always draws the same, on both databases."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32


class seconds_after(FunctionElement[Any]):
    """The instant so many seconds after another one, to the millisecond."""

    type = Instant()
    inherit_cache = True
    name = "seconds_after"


@compiles(seconds_after, "sqlite")
def _seconds_after_sqlite(element: seconds_after, compiler: SQLCompiler, **kw: Any) -> str:
    at, seconds = (compiler.process(part, **kw) for part in element.clauses)
    # SQLAlchemy keeps times as `2026-11-22 09:00:00.000000`.
    return f"strftime('%Y-%m-%d %H:%M:%f000', {at}, ({seconds}) || ' seconds')"


@compiles(seconds_after, "postgresql")
def _seconds_after_postgresql(element: seconds_after, compiler: SQLCompiler, **kw: Any) -> str:
    at, seconds = (compiler.process(part, **kw) for part in element.clauses)
    return f"(CAST({at} AS timestamptz) + make_interval(secs => CAST({seconds} AS float)))"


class draw(FunctionElement[float]):
    """`draw_of` in SQL."""

    type = sa.Float()
    inherit_cache = True
    name = "draw"


@compiles(draw, "sqlite")
def _draw_sqlite(element: draw, compiler: SQLCompiler, **kw: Any) -> str:
    return f"draw({compiler.process(element.clauses, **kw)})"


@compiles(draw, "postgresql")
def _draw_postgresql(element: draw, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"(('x' || substr(md5({text}), 1, 8))::bit(32)::bigint / 4294967296.0)"


class unindexed(FunctionElement[Any]):
    """A column of which SQLite makes no use to find rows by: where another one finds far fewer, and it cannot know."""

    inherit_cache = True
    name = "unindexed"

    def __init__(self, column: Any) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(unindexed)
def _unindexed(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.clauses, **kw)}"


class json_object(FunctionElement[Any]):
    """A JSON object from names and values in turn."""

    type = Json
    inherit_cache = True
    name = "json_object"


@compiles(json_object, "sqlite")
def _json_object_sqlite(element: json_object, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **kw)})"


@compiles(json_object, "postgresql")
def _json_object_postgresql(element: json_object, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_build_object({compiler.process(element.clauses, **kw)})"


class json_value(FunctionElement[Any]):
    """A JSON column as a value within another JSON value."""

    type = Json
    inherit_cache = True
    name = "json_value"


@compiles(json_value, "sqlite")
def _json_value_sqlite(element: json_value, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json({compiler.process(element.clauses, **kw)})"


@compiles(json_value, "postgresql")
def _json_value_postgresql(element: json_value, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS JSONB)"


class row_field(FunctionElement[Any]):
    """One field of a JSON array, by its place, as a column of the given type."""

    inherit_cache = True
    name = "row_field"
    _traverse_internals = [*FunctionElement._traverse_internals, ("place", InternalTraversal.dp_string)]  # noqa: RUF012

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


class json_rows(GenericFunction[Any]):
    """The elements of a JSON array as rows of one column, `value`."""

    name = "json_rows"
    inherit_cache = True


@compiles(json_rows, "sqlite")
def _json_rows_sqlite(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(json_rows, "postgresql")
def _json_rows_postgresql(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **kw)} AS JSON))"


class json_text(FunctionElement[str]):
    """A JSON value that is a text, as text."""

    type = sa.Text()
    inherit_cache = True
    name = "json_text"


@compiles(json_text, "sqlite")
def _json_text_sqlite(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(json_text, "postgresql")
def _json_text_postgresql(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)} #>> '{{}}')"


class json_number(FunctionElement[int]):
    """A JSON value that is a whole number, as a number."""

    type = Id
    inherit_cache = True
    name = "json_number"


@compiles(json_number, "sqlite")
def _json_number_sqlite(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(json_number, "postgresql")
def _json_number_postgresql(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} #>> '{{}}' AS BIGINT)"
