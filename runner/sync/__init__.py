"""Records become rows: who is who, what happened, and each contact's summary.

`sync` keeps what a source brings, `advance` lets time pass over it, `refresh` makes summaries anew, `unset` takes back
what playbooks have set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Cursor, Source
from connectors.errors import ConnectorError
from runner.settings import Settings
from runner.store import Store
from runner.store.memory import remember
from runner.store.tables import contacts, cursors, custom_fields, meta, own_words, stale_contacts
from runner.sync.aside import forget_headers, forget_older, keep_aside, warnings_aside
from runner.sync.basis import basis_of
from runner.sync.bulk import CHUNK, Pace
from runner.sync.counts import Counts, Reconciled, Synced
from runner.sync.derive import derive
from runner.sync.gone import TooManyGone
from runner.sync.heard import Heard, those_heard
from runner.sync.intake import Intake, Progress
from runner.sync.kinds import kept_kinds
from runner.sync.mapped import risk_is_told, unused
from runner.sync.meant import pages_with_known
from runner.sync.own import holders
from runner.sync.rows import Pull
from runner.sync.summary import Refreshed, advance, out_of_date, refresh

__all__ = [
    "ORDERS_SINCE",
    "Counts",
    "Heard",
    "Reconciled",
    "Refreshed",
    "Synced",
    "TooManyGone",
    "advance",
    "out_of_date",
    "refresh",
    "risk_is_told",
    "sync",
    "those_heard",
    "unset",
]

#: What contacts and summaries were made with; when it changes they are made again.
_MADE_WITH = "made_with"
#: Since when orders come from where they come from today: what was so before is existing, for every playbook.
ORDERS_SINCE = "orders_since"


def sync(
    store: Store,
    name: str,
    source: Source,
    *,
    settings: Settings,
    full: bool,
    now: datetime,
    rank: Sequence[str],
    match: str = "email",
    yes_delete: bool = False,
    progress: Progress | None = None,
) -> Synced:
    """Brings the store up to what `source`, called `name`, says. What is unchanged is not written.

    `rank` are the connectors' names, the one whose word goes first at the head. Raises the errors of
    `connectors.errors` (what came before is kept, the next sync goes on there) and TooManyGone (all but the
    deletions is kept; `yes_delete` means them).
    """
    known = _known_fields(store)
    with store.read() as connection:
        kinds = kept_kinds(connection, name, list(rank))
    pull = Pull(name, settings, now, rank, match, known, kinds)
    calls = source.calls
    cursor, looked_before = _cursor(store, name)
    # Read anew it is much, and soon through; what is new while pages are served must keep nobody waiting.
    pace = Pace(steady=(full or cursor is None) and not isinstance(source, Heard))
    intake = Intake(store, pull, source, pace, yes_delete=yes_delete, progress=progress)
    kept = cursor or {}
    try:
        for page in source.pull(cursor, full=full, now=now):
            for whole in pages_with_known(store, name, page, kept) if source.tells_parts else (page,):
                intake.keep(whole)
            kept = page.cursor
        intake.flush()
        intake.synced.warnings += _finish(store, source, pull, whole=full or cursor is None or intake.resumed)
    except ConnectorError:
        advance(store, None, now, settings, Pace(steady=pace.steady))
        raise
    if (full or intake.resumed) and looked_before:
        intake.synced.reconciled = intake.reconciled()
    _make_again_if_settings_changed(store, pull)
    refreshed = advance(store, None, now, settings, Pace(steady=pace.steady))
    synced = replace(intake.synced, calls=source.calls - calls, without_rate=refreshed.without_rate)
    if synced.held_back:
        raise TooManyGone(synced)
    return synced


def unset(store: Store, *, settings: Settings, now: datetime, rank: Sequence[str]) -> int:
    """Contacts become what their sources say again, without what playbooks have set on them. How many did."""
    pull = Pull("", settings, now, rank, "none")
    with store.write() as connection:
        people = holders(connection)
        connection.execute(sa.delete(own_words))
        for start in range(0, len(people), CHUNK):
            derive(connection, store, pull, people[start : start + CHUNK])
    return len(people)


def _cursor(store: Store, name: str) -> tuple[Cursor | None, bool]:
    """How far it came, and whether everything was ever looked at to the end."""
    chosen = sa.select(cursors.c.cursor, cursors.c.full_at).where(cursors.c.connector == name)
    with store.read() as connection:
        row = connection.execute(chosen).first()
    return (row.cursor, row.full_at is not None) if row else (None, False)


def _known_fields(store: Store) -> frozenset[str]:
    with store.read() as connection:
        known = sa.select(custom_fields.c.name).where(custom_fields.c.of_table == "contacts")
        return frozenset(connection.scalars(known))


def _finish(store: Store, source: Source, pull: Pull, *, whole: bool) -> list[str]:
    """Notes that the pull came to its end, and the custom fields' types; warns of those that nobody will see."""
    warnings = unused(source.custom_fields().get("contacts", {}))
    done = {"synced_at": pull.now} | ({"full_at": pull.now} if whole else {})
    with store.write() as connection:
        upsert = store.insert(cursors).values(connector=pull.connector, **done)
        connection.execute(upsert.on_conflict_do_update(index_elements=["connector"], set_=done))
        _keep_custom_fields(connection, store, source, pull)
        if whole:
            forget_older(connection, pull, None, pull.now)
        forget_headers(connection, pull)
        keep_aside(connection, store, pull, warnings_aside("contacts", warnings))
    return warnings


def _keep_custom_fields(connection: sa.Connection, store: Store, source: Source, pull: Pull) -> None:
    """A field of that name that a connector before us in rank told of keeps its type."""
    before = {(row.of_table, row.name): row for row in connection.execute(sa.select(custom_fields))}
    place = {name: index for index, name in enumerate(pull.rank)}
    ours = place.get(pull.connector, len(place))
    for table, types in source.custom_fields().items():
        for name, kind in types.items():
            known = before.get((table, name))
            if known and (
                place.get(known.connector, len(place)) < ours or (known.type, known.connector) == (kind, pull.connector)
            ):
                continue
            values = {"type": str(kind), "connector": pull.connector}
            upsert = store.insert(custom_fields).values(of_table=table, name=name, **values)
            connection.execute(upsert.on_conflict_do_update(index_elements=["of_table", "name"], set_=values))


def _make_again_if_settings_changed(store: Store, pull: Pull) -> None:
    """Another zone, rank, currency or source of orders gives other contacts and summaries from the same rows."""
    with store.read() as connection:
        before = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _MADE_WITH))
        today = _made_with(connection, pull)
    if before == today:
        return
    if before is not None:
        _make_again(store, pull)
    with store.write() as connection:
        remember(connection, store, _MADE_WITH, today)
        if before is not None and before["orders"] != today["orders"]:
            last = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "last_tick_at"))
            remember(connection, store, ORDERS_SINCE, last or pull.now.isoformat())


def _made_with(connection: sa.Connection, pull: Pull) -> dict[str, Any]:
    chosen = pull.settings.model_dump(include={"timezone", "currency", "customers"})
    return {**chosen, "rank": list(pull.rank), "orders": basis_of(connection, pull.settings).document()}


def _make_again(store: Store, pull: Pull) -> None:
    last = 0
    while True:
        with store.write() as connection:
            following = sa.select(contacts.c.id).where(contacts.c.id > last).order_by(contacts.c.id).limit(CHUNK)
            people = list(connection.scalars(following))
            if not people:
                return
            derive(connection, store, pull, people)
            rows = [{"contact_id": person} for person in people]
            connection.execute(store.insert(stale_contacts).on_conflict_do_nothing(), rows)
        last = people[-1]
