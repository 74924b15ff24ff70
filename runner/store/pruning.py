"""What nothing goes by any more is let go of: texts, bodies, evidence, notes; some rows a transaction.

Never what tells that something was done, was told, or may not be done: no send, event, answer, no or consent goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner.store.engine import Store, changed
from runner.store.tables import changed_contacts, inbox, mail_events, runs, sends, skeletons, writes

#: Rows of one transaction: pages must not wait longer than some 50 ms for the write lock.
CHUNK = 500
#: Notes of changes beyond which it costs less to note once that everybody is to be looked at.
NOTES = 200_000
#: What was said in letters that were claimed so lately may be written down any moment.
_UNDER_WAY = timedelta(days=1)


def forget_texts(store: Store, before: datetime, after: datetime | None) -> int:
    """The own texts of letters and messages claimed from `after` on and before an instant; how many were let go of."""
    s, w = sends.c, writes.c
    letters = _portions(store, sends, (s.claimed_at, s.id), _over(sends, before, after), s.texts.is_not(None))
    messages = _portions(store, writes, (w.id,), _over(writes, before, after), sa.cast(w.payload, sa.Text) != "{}")
    let_go = 0
    for table, portions, left in ((sends, letters, _NO_TEXTS), (writes, messages, {"payload": {}})):
        for ids in portions:
            with store.write() as connection:
                connection.execute(table.update().where(table.c.id.in_(ids)).values(left))
            let_go += len(ids)
    _forget_skeletons(store, before)
    return let_go


# Not None, of which JSON would make a value of its own.
_NO_TEXTS: Mapping[str, Any] = {"texts": sa.null(), "skeleton": None}


def _over(table: sa.Table, before: datetime, after: datetime | None) -> sa.ColumnElement[bool]:
    """Of that time, and nothing is to be done about it any more."""
    at, state = table.c.claimed_at, table.c.state
    is_over = sa.or_(state.in_(["accepted", "refused"]), table.c.settled_at.is_not(None))
    return sa.and_(at < before, sa.true() if after is None else at >= after, is_over)


def _portions(
    store: Store, table: sa.Table, by: Sequence[Any], *which: sa.ColumnElement[bool]
) -> Iterator[Sequence[str]]:
    """The ids of these rows, in an order that an index has, each portion from where the one before ended."""
    chosen = sa.select(table.c.id, *by).where(*which).order_by(*by).limit(CHUNK)
    behind: list[sa.ColumnElement[bool]] = []
    while True:
        with store.read() as connection:
            rows = connection.execute(chosen.where(*behind)).all()
        if rows:
            yield [row[0] for row in rows]
            last = [sa.literal(value, column.type) for value, column in zip(rows[-1][1:], by, strict=True)]
            behind = [sa.tuple_(*by) > sa.tuple_(*last)] if len(by) > 1 else [by[0] > last[0]]
        if len(rows) < CHUNK:
            return


def _forget_skeletons(store: Store, before: datetime) -> None:
    shared = sa.select(sends.c.skeleton).where(sends.c.skeleton.is_not(None))
    alone = sa.select(skeletons.c.hash).where(skeletons.c.at < before, skeletons.c.hash.not_in(shared))
    with store.read() as connection:
        hashes = list(connection.scalars(alone))
        newest = connection.scalar(sa.select(sa.func.max(sends.c.claimed_at)))
    # A letter may come to share it meanwhile; only one of those under way does.
    lately = shared.where(sends.c.claimed_at >= newest - _UNDER_WAY) if newest else shared
    for start in range(0, len(hashes), CHUNK):
        with store.write() as connection:
            these = skeletons.c.hash.in_(hashes[start : start + CHUNK]), skeletons.c.hash.not_in(lately)
            connection.execute(skeletons.delete().where(*these))


def forget_bodies(store: Store, before: datetime, faulty_before: datetime) -> int:
    """Bodies that were read before the one instant, and such as could not be read before the other."""
    i = inbox.c
    over = sa.or_(
        sa.and_(i.drained_at < before, i.fault.is_(None)),
        sa.and_(i.drained_at < faulty_before, i.fault.is_not(None)),
    )
    let_go = 0
    while True:
        with store.inbox.begin() as connection:
            some = list(connection.scalars(sa.select(i.id).where(over).order_by(i.id).limit(CHUNK)))
            let_go += changed(connection, inbox.delete().where(i.id.in_(some)))
        if len(some) < CHUNK:
            return let_go


def forget_evidence(store: Store, before: datetime, after: int) -> int:
    """By what opens and clicks were judged that were told of before an instant; the last number that was looked at.

    Who it was stays as it was judged: as if whoever told of it had said so.
    """
    e = mail_events.c
    kept = sa.or_(e.ip.is_not(None), e.user_agent.is_not(None))
    while True:
        with store.write() as connection:
            chosen = sa.select(e.id, e.seen_at).where(e.id > after).order_by(e.id).limit(CHUNK)
            old = [row.id for row in connection.execute(chosen) if row.seen_at < before]
            if old:
                these = sa.and_(e.id > after, e.id <= old[-1], e.seen_at < before, kept)
                forgotten = {"ip": None, "user_agent": None, "told": sa.func.coalesce(e.told, e.actor)}
                connection.execute(mail_events.update().where(these).values(forgotten))
        if len(old) < CHUNK:
            return old[-1] if old else after
        after = old[-1]


def forget_notes(store: Store) -> int:
    """Notes of changes that no playbook has looked at for so long that the next one looks at everybody anyway."""
    n = changed_contacts.c
    with store.read() as connection:
        last, count = connection.execute(sa.select(sa.func.max(n.id), sa.func.count())).one()
    if count <= NOTES:
        return 0
    with store.write() as connection:
        connection.execute(changed_contacts.insert().values(what="everybody"))
    let_go = 0
    while True:
        with store.write() as connection:
            some = list(connection.scalars(sa.select(n.id).where(n.id <= last).order_by(n.id).limit(10 * CHUNK)))
            if some:
                let_go += changed(connection, changed_contacts.delete().where(n.id <= some[-1]))
        if len(some) < 10 * CHUNK:
            return let_go


def forget_runs(store: Store, before: datetime) -> int:
    """How the daemon's runs went that began before an instant."""
    with store.write() as connection:
        return changed(connection, runs.delete().where(runs.c.started_at < before))
