"""Days are counted when they change: the database notes which, and whoever reads counts those itself until then.

So what is read is always what the rows come to, and costs the days that changed lately, not the rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.store.engine import Store
from runner.store.tables import decisions, log_days, mail_days, sends, stale_days
from runner.store.types import Instant

#: Days counted in one transaction: pages must not wait longer than some 50 ms for the write lock.
CHUNK = 20


class Span(NamedTuple):
    """Some time of a playbook, or of all: from `since` on, before `until`."""

    playbook: Any = None
    since: Any = None
    until: Any = None


def _decided(span: Span) -> sa.Select[Any]:
    reason = sa.case((decisions.c.status == "done", ""), else_=decisions.c.reason)
    found = sa.select(
        decisions.c.playbook, decisions.c.status, reason.label("reason"), sa.func.count().label("count")
    ).where(*_within(decisions.c.playbook, decisions.c.at, span))
    return found.group_by(decisions.c.playbook, decisions.c.status, reason)


def _mailed(span: Span) -> sa.Select[Any]:
    s = sends.c
    accepted = s.state == "accepted"
    delivered = sa.and_(accepted, sa.func.coalesce(s.delivery, "").not_in(["bounced", "blocked", "dropped"]))
    conditions: Mapping[str, Any] = {
        "sent": accepted,
        "delivered": delivered,
        "bounced": s.delivery == "bounced",
        "human_open": sa.and_(accepted, _hit("human")),
        "machine_open": sa.and_(accepted, _hit("machine"), ~_hit("human"), ~_hit("unknown")),
        "unknown_open": sa.and_(accepted, _hit("unknown"), ~_hit("human")),
        **{f"{who}_click": sa.and_(accepted, _is(s.clicked, who)) for who in ("human", "machine", "unknown")},
        "answered": s.answered_at.is_not(None),
        "unsubscribed": s.unsubscribed_at.is_not(None),
        "complained": s.complained_at.is_not(None),
        "unsure": sa.and_(s.state == "unsure", s.settled_at.is_(None)),
    }
    counts = [sa.func.sum(sa.case((so, 1), else_=0)).label(name) for name, so in conditions.items()]
    return sa.select(s.playbook, *counts).where(*_within(s.playbook, s.claimed_at, span)).group_by(s.playbook)


def _hit(who: str) -> sa.ColumnElement[bool]:
    return sa.or_(_is(sends.c.opened, who), _is(sends.c.clicked, who))


def _is(column: Any, who: str) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(column, "") == who


def _within(playbook: Any, at: Any, span: Span) -> Iterator[sa.ColumnElement[bool]]:
    if span.playbook is not None:
        yield playbook == span.playbook
    if span.since is not None:
        yield at >= span.since
    if span.until is not None:
        yield at < span.until


#: What is counted of which table, into which, by which columns.
_COUNTED: Mapping[str, tuple[Callable[[Span], sa.Select[Any]], sa.Table, tuple[str, ...]]] = {
    "decisions": (_decided, log_days, ("playbook", "status", "reason")),
    "sends": (_mailed, mail_days, ("playbook",)),
}


def decided(connection: sa.Connection, since: datetime | None = None) -> list[dict[str, Any]]:
    """How many decisions there are by playbook, status and reason, from an instant on."""
    return _read(connection, "decisions", since)


def mailed(connection: sa.Connection, since: datetime | None = None) -> list[dict[str, Any]]:
    """What became of the mail of each playbook, from an instant on."""
    return _read(connection, "sends", since)


def _read(connection: sa.Connection, table: str, since: datetime | None) -> list[dict[str, Any]]:
    count, kept, keys = _COUNTED[table]
    first = None if since is None else (since - timedelta(microseconds=1)).date() + timedelta(days=1)
    whole = sa.true() if first is None else kept.c.day >= first
    stale = sa.exists().where(
        stale_days.c.of_table == table, stale_days.c.playbook == kept.c.playbook, stale_days.c.day == kept.c.day
    )
    numbers = [column for column in kept.c if column.name not in (*keys, "day")]
    sums = sa.select(*(kept.c[key] for key in keys), *(sa.func.sum(column).label(column.name) for column in numbers))
    read = connection.execute(sums.where(whole, ~stale).group_by(*(kept.c[key] for key in keys))).mappings().all()
    spans = [Span(playbook, *_day(day)) for playbook, day in _stale(connection, table, first)]
    if since is not None and first is not None:
        spans.append(Span(None, since, _day(first)[0]))
    live = [row for span in spans for row in connection.execute(count(span)).mappings()]
    return _added([*read, *live], keys)


def _added(rows: Sequence[Any], keys: Sequence[str]) -> list[dict[str, Any]]:
    total: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        known = total.setdefault(tuple(row[key] for key in keys), {})
        for name, value in row.items():
            known[name] = value if name in keys else known.get(name, 0) + int(value)
    return list(total.values())


def _stale(connection: sa.Connection, table: str, first: date | None) -> list[tuple[str, date]]:
    chosen = sa.select(stale_days.c.playbook, stale_days.c.day).where(stale_days.c.of_table == table).distinct()
    if first is not None:
        chosen = chosen.where(stale_days.c.day >= first)
    return [(row.playbook, row.day) for row in connection.execute(chosen)]


def _day(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def refresh(store: Store) -> int:
    """Counts the days that changed, some a transaction; the number of days."""
    counted = 0
    with store.read() as connection:
        if connection.execute(_OLDEST, {"most": 1}).first() is None:
            return 0
    while True:
        with store.write() as connection:
            # What is noted from here on is by somebody whose rows are not seen yet: it stays for the next time.
            last = connection.scalar(_LAST)
            days = connection.execute(_OLDEST, {"most": CHUNK}).all()
            for table, playbook, day in days:
                noted = {"its_of_table": table, "its_playbook": playbook, "its_day": day, "last": last}
                connection.execute(_SETTLED, noted)
                _count_day(connection, table, playbook, day)
        counted += len(days)
        if len(days) < CHUNK:
            return counted


def _count_day(connection: sa.Connection, table: str, playbook: str, day: date) -> None:
    since, until = _day(day)
    connection.execute(_FORGET[table], {"of": playbook, "on": day})
    asked = {"of": playbook, "since": since, "until": until}
    rows = [{**row, "day": day} for row in connection.execute(_COUNT[table], asked).mappings()]
    if rows:
        connection.execute(_COUNTED[table][1].insert(), rows)


# Built once: there are thousands of days to count when a store gets its first counts.
_ONE_DAY = Span(sa.bindparam("of"), sa.bindparam("since", type_=Instant()), sa.bindparam("until", type_=Instant()))
_COUNT = {table: count(_ONE_DAY) for table, (count, _, _) in _COUNTED.items()}
_FORGET = {
    table: kept.delete().where(kept.c.playbook == sa.bindparam("of"), kept.c.day == sa.bindparam("on"))
    for table, (_, kept, _) in _COUNTED.items()
}
_SETTLED = stale_days.delete().where(
    *(stale_days.c[name] == sa.bindparam(f"its_{name}") for name in ("of_table", "playbook", "day")),
    stale_days.c.id <= sa.bindparam("last"),
)
_OLDEST = (
    sa.select(stale_days.c.of_table, stale_days.c.playbook, stale_days.c.day).distinct().limit(sa.bindparam("most"))
)
_LAST = sa.select(sa.func.max(stale_days.c.id))


# --- the database notes which days change

_DAYS = {"decisions": "at", "sends": "claimed_at"}
#: Columns of which a change is counted.
_CHANGING = {
    "decisions": "at, status, reason",
    "sends": "state, settled_at, delivery, opened, clicked, answered_at, unsubscribed_at, complained_at",
}


def install(connection: sa.Connection) -> None:
    """Makes the triggers anew, as they are written here; what was counted before them is counted again."""
    make = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    for table, at in _DAYS.items():
        for statement in make(table, at):
            connection.exec_driver_sql(statement)
        day = f"date({at})" if connection.dialect.name == "sqlite" else f"CAST({at} AS DATE)"
        noting = "INSERT INTO stale_days (of_table, playbook, day)"
        connection.exec_driver_sql(f"{noting} SELECT DISTINCT '{table}', playbook, {day} FROM {table}")


def _on_sqlite(table: str, at: str) -> Iterator[str]:
    """A note is left out where it is there already: nobody counts meanwhile, since there is one writer."""
    for event, words, rows in (
        ("insert", "INSERT", ("new",)),
        ("update", f"UPDATE OF {_CHANGING[table]}", ("old", "new")),
        ("delete", "DELETE", ("old",)),
    ):
        name = f"day_{table}_{event}"
        notes = "; ".join(
            f"INSERT INTO stale_days (of_table, playbook, day) SELECT '{table}', {row}.playbook, date({row}.{at})"
            f" WHERE NOT EXISTS (SELECT 1 FROM stale_days WHERE of_table = '{table}'"
            f" AND playbook = {row}.playbook AND day = date({row}.{at}))"
            for row in rows
        )
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield f"CREATE TRIGGER {name} AFTER {words} ON {table} BEGIN {notes}; END"


def _on_postgresql(table: str, at: str) -> Iterator[str]:
    """One note a day and statement; days are those of UTC, in which every session is."""
    for event, seen in (("insert", ("new",)), ("update", ("old", "new")), ("delete", ("old",))):
        name = f"day_{table}_{event}"
        rows = " UNION ALL ".join(f"SELECT playbook, {at} FROM {one}_rows" for one in seen)
        note = (
            "INSERT INTO stale_days (of_table, playbook, day)"
            f" SELECT DISTINCT '{table}', playbook, CAST({at} AS DATE) FROM ({rows}) AS changed"
        )
        tables = " ".join(f"{one.upper()} TABLE AS {one}_rows" for one in seen)
        yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {note}; RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} REFERENCING {tables}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
