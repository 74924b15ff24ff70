"""How good the rows are that figures rest on: missing, late, duplicate and orphaned ones, table by table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.records import BY_TABLE
from runner.kpis.rows import one, total
from runner.store.functions import days_between
from runner.store.tables import company_sources, contact_sources, facts, orders, set_aside
from runner.store.types import Instant

#: A row that comes so much later than what it tells of is late; what a connector's first days bring is its past.
LATE = timedelta(days=3)
#: What a table's rows point to beside people: the order that a line or a refund is of.
_OF_ORDERS = ("order_lines", "refunds")
#: What may well be empty: it is no lack.
_OFTEN_EMPTY = frozenset(
    "comment url checked_out_at converted_at reviewed_at rating left_at ended_on trial_end discount_pct renewed_on "
    "paid_on paid_amount first_reply_at solved_at completed_on first_opened_on purchased_at closed_at score "
    "responded_at deleted_at custom company_source contact_source contact_id company_id order_id name pipeline "
    "campaign_id currency status value referral_code subject message_id".split()
)


@dataclass(frozen=True, slots=True)
class TableQuality:
    """One table's rows, and how many of them are doubtful."""

    table: str
    rows: int
    #: With a column empty that figures read: `category: 12`.
    missing: int
    missing_in: dict[str, int]
    #: Seen more than three days after what they tell of.
    late: int
    #: Alike in everything but their id.
    duplicate: int
    #: Of a person, company or order that has not come.
    orphan: int
    #: Could not be read at all; `doctor` lists them.
    set_aside: int
    newest: datetime | None

    @property
    def doubtful(self) -> bool:
        return bool(self.missing or self.late or self.duplicate or self.orphan or self.set_aside)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def quality(connection: sa.Connection) -> list[TableQuality]:
    """The tables that have rows, in the order in which sources bring them."""
    told = {name: _rows_of(connection, facts[name]) for name in BY_TABLE if name in facts}
    return [one for one in told.values() if one is not None]


def _rows_of(connection: sa.Connection, table: sa.Table) -> TableQuality | None:
    living = table.c.deleted_at.is_(None)
    if connection.scalar(sa.select(table.c.id).where(living).limit(1)) is None:
        return None
    empty = {name: total(one(table.c[name].is_(None))).label(name) for name in _wanted(table)}
    row = (
        connection.execute(
            sa.select(
                sa.func.count().label("_rows"), sa.func.max(table.c.seen_at).label("_newest"), *empty.values()
            ).where(living)
        )
        .mappings()
        .one()
    )
    lacking = {name: int(row[name]) for name in empty if row[name]}
    return TableQuality(
        table=table.name,
        rows=row["_rows"],
        missing=sum(lacking.values()),
        missing_in=lacking,
        late=_late(connection, table),
        duplicate=_duplicates(connection, table),
        orphan=_orphans(connection, table),
        set_aside=_unreadable(connection, table.name),
        newest=row["_newest"],
    )


def _wanted(table: sa.Table) -> Iterator[str]:
    """The columns a source may leave out, and figures would rather have."""
    return (column.name for column in _own(table) if column.nullable and column.name not in _OFTEN_EMPTY)


def _own(table: sa.Table) -> Sequence[sa.Column[Any]]:
    return [c for c in table.c if c.name not in ("id", "connector", "source_id", "row_hash", "seen_at", "deleted_at")]


def _late(connection: sa.Connection, table: sa.Table) -> int:
    """Of the rows that came after their connector's first day."""
    at = next((c for c in _own(table) if isinstance(c.type, Instant) and not c.nullable), None)
    if at is None:
        return 0
    began = (
        sa.select(table.c.connector, sa.func.min(table.c.seen_at).label("at")).group_by(table.c.connector).subquery()
    )
    later = days_between(began.c.at, table.c.seen_at) > 1
    behind = days_between(at, table.c.seen_at) > LATE.days
    counted = sa.select(sa.func.count()).join_from(table, began, began.c.connector == table.c.connector)
    return connection.scalar(counted.where(table.c.deleted_at.is_(None), later, behind)) or 0


def _duplicates(connection: sa.Connection, table: sa.Table) -> int:
    """Rows beyond the first of those that say the same of the same one."""
    key = BY_TABLE[table.name].key
    alike = [c for c in _own(table) if c.name not in key and not isinstance(c.type, sa.JSON)]
    if not key or len(alike) < 3:
        return 0
    groups = sa.select(sa.func.count().label("n")).where(table.c.deleted_at.is_(None))
    several = groups.group_by(*alike).having(sa.func.count() > 1).subquery()
    return int(connection.scalar(sa.select(total(several.c.n - 1))) or 0)


def _orphans(connection: sa.Connection, table: sa.Table) -> int:
    lost: list[sa.ColumnElement[bool]] = [
        sa.exists().where(source.c.id == table.c[pointer], source.c[owner].is_(None))
        for pointer, source, owner in (
            ("contact_source", contact_sources, "contact_id"),
            ("company_source", company_sources, "company_id"),
        )
        if pointer in table.c
    ]
    if table.name in _OF_ORDERS:
        known = sa.exists().where(orders.c.connector == table.c.connector, orders.c.order_id == table.c.order_id)
        lost.append(sa.and_(table.c.order_id.is_not(None), ~known))
    if not lost:
        return 0
    counted = sa.select(sa.func.count()).select_from(table).where(table.c.deleted_at.is_(None), sa.or_(*lost))
    return connection.scalar(counted) or 0


def _unreadable(connection: sa.Connection, table: str) -> int:
    place = set_aside.c.place
    of_table = sa.or_(place.startswith(f"{table}/"), place.startswith(f"{table}."), place == table)
    return connection.scalar(sa.select(sa.func.count()).select_from(set_aside).where(of_table)) or 0
