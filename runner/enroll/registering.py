"""Playbooks become known to the store: their versions, whom an edit moves or a rename takes over, their indexes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from runner.playbook import Playbook
from runner.store import Store
from runner.store.tables import decisions, enrollments, playbook_versions, playbooks, sends, trigger_states
from runner.triggers import Anchor


def unregistered(store: Store, healthy: Sequence[Playbook]) -> list[Playbook]:
    """Those that the store does not know like this: new, edited or renamed ones."""
    with store.read() as connection:
        known = _versions(connection)
    return [playbook for playbook in healthy if known.get(playbook.id) != playbook.version]


def register(store: Store, healthy: Sequence[Playbook], now: datetime, *, indexes: bool = True) -> None:
    """Makes the playbooks known to the store: first tick, version, and the indexes that find who is due."""
    if not healthy:
        return
    with store.read() as connection:
        if _knows(connection, healthy, indexes=indexes):
            return
    with store.write() as connection:
        versions, ids = _versions(connection), {playbook.id for playbook in healthy}
        for playbook in healthy:
            if playbook.keys.was not in ids:
                _take_over(connection, playbook)
            _write_down(store, connection, playbook, now)
            if playbook.keys.on_edit == "move" and versions.get(playbook.id) != playbook.version:
                _move_inside(connection, playbook, now)
        if indexes:
            _make_indexes(connection, healthy)


def _knows(connection: sa.Connection, healthy: Sequence[Playbook], *, indexes: bool) -> bool:
    """Whether the store knows these playbooks as they are, which it does at nearly every tick."""
    versions = _versions(connection)
    return (
        all(versions.get(playbook.id) == playbook.version for playbook in healthy)
        and versions.keys().isdisjoint(playbook.keys.was for playbook in healthy)
        and (not indexes or _indexes(connection) >= {anchor.name for anchor in _anchors(healthy)})
    )


def _versions(connection: sa.Connection) -> dict[str, str]:
    return dict(connection.execute(_VERSIONS).all())


_VERSIONS = sa.select(playbooks.c.id, playbooks.c.version)


def _write_down(store: Store, connection: sa.Connection, playbook: Playbook, now: datetime) -> None:
    connection.execute(
        store.insert(playbooks)
        .values(id=playbook.id, version=playbook.version, first_tick_at=now, last_tick_at=now)
        .on_conflict_do_update(index_elements=["id"], set_={"version": playbook.version})
    )
    connection.execute(
        store.insert(playbook_versions)
        .values(playbook=playbook.id, version=playbook.version, body=playbook.body, at=now)
        .on_conflict_do_nothing()
    )


def _take_over(connection: sa.Connection, playbook: Playbook) -> None:
    """Whoever is inside under the older id `was:` goes on under the new one, with all its past.

    `was:` may come after the rename, as long as nobody has entered under the new id; if that was paused, it stays so.
    """
    was = playbook.keys.was
    if was is None or connection.scalar(sa.select(playbooks.c.id).where(playbooks.c.id == was)) is None:
        return
    if has_begun(connection, playbook.id):
        return
    p = playbooks.c
    still = connection.execute(
        playbooks.delete().where(p.id == playbook.id).returning(p.paused_at, p.stopped_why)
    ).one_or_none()
    for table in (playbook_versions, decisions, trigger_states):
        connection.execute(table.delete().where(table.c.playbook == playbook.id))
    connection.execute(
        playbooks.update()
        .where(p.id == was)
        .values(id=playbook.id, salt=sa.func.coalesce(p.salt, was), **(still._asdict() if still and still[0] else {}))
    )
    for table in (playbook_versions, enrollments, decisions, sends, trigger_states):
        connection.execute(table.update().where(table.c.playbook == was).values(playbook=playbook.id))


def has_begun(connection: sa.Connection, playbook: str) -> bool:
    """Whether anybody has entered under this id: it takes over no other any more."""
    return connection.scalar(sa.select(enrollments.c.id).where(enrollments.c.playbook == playbook).limit(1)) is not None


def _move_inside(connection: sa.Connection, playbook: Playbook, now: datetime) -> None:
    """Those inside follow the edit, wherever their next step is still there, and are looked at anew."""
    connection.execute(
        enrollments.update()
        .where(
            enrollments.c.playbook == playbook.id,
            enrollments.c.version != playbook.version,
            enrollments.c.state.in_(["active", "braked"]),
            enrollments.c.step.in_([step.id for step in playbook.steps]),
        )
        .values(version=playbook.version, due_at=now, waits_for=None)
    )


def _make_indexes(connection: sa.Connection, healthy: Sequence[Playbook]) -> None:
    there = _indexes(connection)
    for anchor in _anchors(healthy):
        if anchor.name not in there:
            connection.execute(anchor.ddl(connection.dialect))


def _anchors(healthy: Sequence[Playbook]) -> set[Anchor]:
    return {anchor for playbook in healthy for anchor in playbook.anchors}


def _indexes(connection: sa.Connection) -> set[str]:
    """The names of those that are there: on PostgreSQL IF NOT EXISTS would wait for everybody who writes contacts."""
    return set(connection.scalars(_INDEXES[connection.dialect.name]))


_INDEXES = {
    "sqlite": sa.text("SELECT name FROM sqlite_master WHERE type = 'index'"),
    "postgresql": sa.text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"),
}
