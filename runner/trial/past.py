"""A copy of the store that is taken back to an earlier day and lives up to a later one, with what was known then.

Facts that carry a time of their own (orders, answers, events …) count when it has come, as in any simulated store. What
has none is taken back by the history that is kept of it: fields of contacts, suppressions, consents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from runner.circumstances import ALL_PAUSED
from runner.settings import Settings
from runner.store import Store
from runner.store.memory import remember
from runner.store.tables import consents, contact_changes, contacts, meta, sends, suppressions
from runner.sync import ORDERS_SINCE, advance
from runner.sync.bulk import chunks, update_rows
from runner.sync.changes import TRACKED

#: Columns that are made from facts: they come back of themselves.
_DERIVED = ("nps_score", "csat_score")
#: What stands in a send's row until its time has come.
_LATER = "yet to come"
#: The instant a store has come to.
_MARK = "past_at"

_METADATA = sa.MetaData()


def _kept(table: sa.Table) -> sa.Table:
    """A place for the rows of a table whose time is yet to come."""
    columns = [sa.Column(column.name, column.type, primary_key=column.primary_key) for column in table.c]
    return sa.Table(f"past_{table.name}", _METADATA, *columns)


_TO_COME = {table: _kept(table) for table in (suppressions, consents)}
#: Births and deaths of contacts that are yet to come.
_lives = sa.Table(
    "past_lives",
    _METADATA,
    sa.Column("contact_id", contacts.c.id.type),
    sa.Column("at", contacts.c.deleted_at.type, index=True),
    sa.Column("deleted_at", contacts.c.deleted_at.type),
)


def take_back(store: Store, start: datetime, settings: Settings) -> None:
    """The copy as it was at `start`."""
    _METADATA.create_all(store.writer)
    with store.write() as connection:
        _forget_lives(connection, start)
        _forget_noes(connection, start)
        _forget_mail(connection, start)
        early = contacts.update().where(contacts.c.seen_at > contacts.c.created_at)
        connection.execute(early.values(seen_at=contacts.c.created_at))
        _remember(connection, store, start)
    _take_back_fields(store, start)
    advance(store, None, start, settings)


def live_on(store: Store, now: datetime, settings: Settings) -> None:
    """Lets time pass up to `now`: what was forgotten and has come by then is known again."""
    with store.write() as connection:
        at = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _MARK))
        since = datetime.fromisoformat(str(at))
        _live(connection, since, now)
        _tell_noes(connection, since, now)
        _tell_mail(connection, since, now)
        _remember(connection, store, now)
    _bring_fields(store, since, now)
    advance(store, None, now, settings)


def _remember(connection: sa.Connection, store: Store, at: datetime) -> None:
    connection.execute(meta.delete().where(meta.c.key.in_([ORDERS_SINCE, ALL_PAUSED])))
    remember(connection, store, _MARK, at.isoformat())


# --- who was there


def _forget_lives(connection: sa.Connection, start: datetime) -> None:
    none = sa.cast(sa.null(), contacts.c.deleted_at.type)
    later = (
        sa.select(contacts.c.id, contacts.c.created_at, none).where(contacts.c.created_at > start),
        sa.select(contacts.c.id, contacts.c.deleted_at, contacts.c.deleted_at).where(contacts.c.deleted_at > start),
    )
    for rows in later:
        connection.execute(_lives.insert().from_select(["contact_id", "at", "deleted_at"], rows))
    connection.execute(contacts.update().where(contacts.c.deleted_at > start).values(deleted_at=None))
    connection.execute(contacts.update().where(contacts.c.created_at > start).values(deleted_at=start))


def _live(connection: sa.Connection, since: datetime, now: datetime) -> None:
    rows = connection.execute(
        sa.select(_lives).where(_lives.c.at > since, _lives.c.at <= now).order_by(_lives.c.at)
    ).mappings()
    update_rows(connection, contacts, [{"number": row["contact_id"], "deleted_at": row["deleted_at"]} for row in rows])


# --- who had said no


def _forget_noes(connection: sa.Connection, start: datetime) -> None:
    for table, kept in _TO_COME.items():
        connection.execute(kept.insert().from_select([c.name for c in table.c], sa.select(table)))
        connection.execute(table.delete().where(table.c.at > start))
    lifted = suppressions.c.lifted_at > start
    connection.execute(suppressions.update().where(lifted).values(lifted_at=None, lifted_by=None))


def _tell_noes(connection: sa.Connection, since: datetime, now: datetime) -> None:
    for table, kept in _TO_COME.items():
        told = sa.select(kept).where(kept.c.at > since, kept.c.at <= now)
        connection.execute(table.insert().from_select([c.name for c in table.c], told))
    kept = _TO_COME[suppressions]
    lifted = connection.execute(
        sa.select(kept.c.id, kept.c.lifted_at).where(kept.c.lifted_at > since, kept.c.lifted_at <= now)
    )
    update_rows(connection, suppressions, [{"number": id, "lifted_at": at} for id, at in lifted])
    later = suppressions.c.lifted_at > now
    connection.execute(suppressions.update().where(later).values(lifted_at=None, lifted_by=None))


# --- what mail they had had


def _forget_mail(connection: sa.Connection, start: datetime) -> None:
    """Mail of other playbooks that is yet to come counts for no cap."""
    counting = sends.c.state.in_(["claimed", "accepted", "unsure"])
    connection.execute(
        sends.update().where(sends.c.claimed_at > start, counting).values(state="refused", reason=_LATER)
    )


def _tell_mail(connection: sa.Connection, since: datetime, now: datetime) -> None:
    come = (sends.c.reason == _LATER, sends.c.claimed_at > since, sends.c.claimed_at <= now)
    connection.execute(sends.update().where(*come).values(state="accepted", reason=None))


# --- what was said of them


def _take_back_fields(store: Store, start: datetime) -> None:
    """Each field to what it was before its first change after `start`."""
    one = contact_changes.c
    rank = sa.func.row_number().over(partition_by=(one.contact_id, one.field), order_by=(one.at, one.id))
    first = sa.select(one.contact_id, one.field, one.old, rank.label("rank")).where(one.at > start).subquery()
    _set_fields(store, sa.select(first.c.contact_id, first.c.field, first.c.old).where(first.c.rank == 1))


def _bring_fields(store: Store, since: datetime, now: datetime) -> None:
    one = contact_changes.c
    came = sa.select(one.contact_id, one.field, one.new).where(one.at > since, one.at <= now).order_by(one.at, one.id)
    _set_fields(store, came)


def _set_fields(store: Store, chosen: sa.Select[Any]) -> None:
    values: dict[int, dict[str, Any]] = defaultdict(dict)
    with store.read() as connection:
        for contact, field, value in connection.execute(chosen):
            if field not in _DERIVED:
                values[contact][field] = value
    for portion in chunks(sorted(values)):
        with store.write() as connection:
            _write(connection, {contact: values[contact] for contact in portion})


def _write(connection: sa.Connection, values: Mapping[int, Mapping[str, Any]]) -> None:
    rows = connection.execute(sa.select(contacts).where(contacts.c.id.in_(values))).mappings().all()
    updates = []
    for row in rows:
        told = values[row["id"]]
        columns = {name: _read(name, told[name]) if name in told else row[name] for name in _columns()}
        columns["churn_risk"] = told.get("churn_risk", row["churn_risk"])
        ours = {*TRACKED} if "churn_risk" in row["custom"] else {*TRACKED, "churn_risk"}
        custom = {**row["custom"], **{name: value for name, value in told.items() if name not in ours}}
        custom = {name: value for name, value in custom.items() if value is not None}
        updates.append({"number": row["id"], **columns, "custom": custom})
    update_rows(connection, contacts, updates)


def _columns() -> Iterable[str]:
    return (name for name in TRACKED if name not in _DERIVED)


def _read(name: str, value: Any) -> Any:
    if value is not None and isinstance(contacts.c[name].type, sa.Date):
        return date.fromisoformat(value)
    return value
