"""Columns of very many rows as arrays: each comes as one text of numbers, and nothing is made for a row of its own."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from runner.store.functions import SqlFunction, spelled
from runner.store.types import Instant

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Yes: TypeAlias = NDArray[np.bool_]

#: What stands in an array of whole numbers where the column is empty; no amount and no id is so low.
NOTHING = -(2**62)
#: Numbers of `by` that one statement reads: some hundred thousand rows, and texts of a few megabytes.
_PORTION = 2**17
#: What stands between two texts.
_BETWEEN = chr(31)
#: An instant as SQLite keeps it: `2026-11-22 09:00:00.000000`; and what stands for one that is not there.
_WRITTEN, _NEVER = "S26", "0001-01-01 00:00:00.000000"
_NEVER_READ, _DAY = -62_135_596_800_000_000, 86_400_000_000


def arrays(connection: sa.Connection, rows: sa.Select[Any], *, by: sa.Column[int]) -> list[NDArray[Any]]:
    """The columns of the rows: whole numbers and amounts, numbers, instants in microseconds and days since 1970.

    The rows are read in portions of `by`, an indexed whole number of theirs; empty numbers are not a number.
    """
    own = rows.where(by >= sa.bindparam("portion"), by < sa.bindparam("behind")).subquery()
    # What lies between two numbers is one: it need not be asked whether it is empty, for each of millions.
    given = own.corresponding_column(by)
    joined = sa.select(*(_full(one) if one is given else _joined(one) for one in own.c)).select_from(own)
    # One by one: asked for both ends at once, SQLite would read all that lies between.
    lowest, highest = (connection.scalar(sa.select(end(by))) for end in (sa.func.min, sa.func.max))
    portions = range(lowest, highest + 1, _PORTION) if lowest is not None and highest is not None else ()
    texts = [connection.execute(joined, {"portion": first, "behind": first + _PORTION}).one() for first in portions]
    return [_read([text[place] for text in texts], column.type) for place, column in enumerate(own.c)]


def numbers(connection: sa.Connection, rows: sa.Select[Any]) -> list[NDArray[Any]]:
    """The columns of rows that are few, or that no index gives in portions; an empty instant or day is `NOTHING`."""
    own = rows.subquery()
    texts = connection.execute(sa.select(*map(_joined, own.c)).select_from(own)).one()
    return [_read([text], column.type) for text, column in zip(texts, own.c, strict=True)]


def apart(connection: sa.Connection, rows: sa.Select[Any], *by: str) -> list[tuple[tuple[str, ...], list[Ints]]]:
    """The same by the words in some of the columns: in order of these words, and with the others as arrays."""
    own = rows.subquery().c
    words, others = [own[name] for name in by], [column for column in own if column.name not in by]
    joined = sa.select(*words, *map(_joined, others)).group_by(*words).order_by(*words)
    return [
        (
            tuple(row[: len(by)]),
            [_read([text], column.type) for text, column in zip(row[len(by) :], others, strict=True)],
        )
        for row in connection.execute(joined)
    ]


def texts(
    connection: sa.Connection, rows: sa.FromClause, at: sa.ColumnElement[Any], *words: sa.ColumnElement[str], where: Any
) -> tuple[Ints, list[tuple[Ints, list[str]]]]:
    """An instant of each row; of each column of words (one line each) which of those that occur it has, and these."""
    own = sa.select(at.label("at"), *words).select_from(rows).where(*where).subquery()
    instants, *others = own.c
    told = connection.execute(sa.select(_instants(instants), *(_texts(column) for column in others))).one()
    read = _read([told[0]], Instant())
    return read, [_numbered(text.split(_BETWEEN) if told[0] else []) for text in told[1:]]


def _numbered(words: list[str]) -> tuple[Ints, list[str]]:
    """Each word by the number of its first place among those that differ."""
    numbers: dict[str, int] = defaultdict(count().__next__)
    return np.fromiter(map(numbers.__getitem__, words), np.int64, len(words)), list(numbers)


def _joined(column: sa.ColumnElement[Any]) -> SqlFunction[str]:
    if isinstance(column.type, Instant):
        return _instants(column) if _is_never_empty(column) else _perhaps_instants(column)
    if isinstance(column.type, sa.Date):
        return _days(column)
    return _numbers(column) if isinstance(column.type, sa.Float) else _whole_numbers(column)


def _is_never_empty(column: sa.ColumnElement[Any]) -> bool:
    """Of a table whose column may not be; of an expression nobody knows."""
    return all(isinstance(base, sa.Column) and not base.nullable for base in column.base_columns)


def _read(texts: list[str | None], kind: sa.types.TypeEngine[Any]) -> NDArray[Any]:
    wanted = np.float64 if isinstance(kind, sa.Float) else np.int64
    read = [_parsed(text, kind, wanted) for text in texts if text]
    return np.concatenate(read) if read else np.empty(0, wanted)


def _parsed(text: str, kind: sa.types.TypeEngine[Any], wanted: type[Any]) -> NDArray[Any]:
    # Numbers may have their sign there as well, behind a comma: `0,0,-1`.
    is_written = text[4:5] == "-" and "," not in text[:4]
    if isinstance(kind, Instant) and is_written:
        told: Ints = np.frombuffer(text.encode("ascii"), _WRITTEN).astype("M8[us]").astype(np.int64)
        return np.where(told == _NEVER_READ, NOTHING, told)
    if isinstance(kind, sa.Date) and is_written:
        days: Ints = np.frombuffer(text.encode("ascii"), "S10").astype("M8[D]").astype(np.int64)
        return np.where(days == _NEVER_READ // _DAY, NOTHING, days)
    return np.fromstring(text, wanted, sep=",")


@spelled(
    sqlite=f"group_concat(coalesce({{0}}, {NOTHING}), ',')",
    postgresql=f"string_agg(CAST(coalesce({{0}}, {NOTHING}) AS TEXT), ',')",
)
class _whole_numbers(SqlFunction[str]):
    type = sa.Text()


@spelled(sqlite="group_concat({0}, ',')", postgresql="string_agg(CAST({0} AS TEXT), ',')")
class _full(SqlFunction[str]):
    type = sa.Text()


@spelled(
    sqlite="group_concat(coalesce({0}, 'nan'), ',')",
    postgresql="string_agg(coalesce(CAST({0} AS TEXT), 'nan'), ',')",
)
class _numbers(SqlFunction[str]):
    type = sa.Text()


@spelled(
    sqlite="group_concat({0}, '')",
    postgresql="string_agg(CAST(CAST(extract(epoch from {0}) * 1000000 AS BIGINT) AS TEXT), ',')",
)
class _instants(SqlFunction[str]):
    type = sa.Text()


@spelled(
    sqlite=f"group_concat(coalesce({{0}}, '{_NEVER}'), '')",
    postgresql="string_agg(coalesce(CAST(CAST(extract(epoch from {0}) * 1000000 AS BIGINT) AS TEXT),"
    f" '{NOTHING}'), ',')",
)
class _perhaps_instants(SqlFunction[str]):
    type = sa.Text()


@spelled(
    sqlite=f"group_concat(coalesce({{0}}, '{_NEVER[:10]}'), '')",
    postgresql=f"string_agg(coalesce(CAST({{0}} - DATE '1970-01-01' AS TEXT), '{NOTHING}'), ',')",
)
class _days(SqlFunction[str]):
    type = sa.Text()


@spelled(
    sqlite="group_concat(coalesce({0}, ''), char(31))",
    postgresql="string_agg(coalesce({0}, ''), chr(31))",
)
class _texts(SqlFunction[str]):
    type = sa.Text()
