"""What has been edited since the last tick, and whom it concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from runner.app.app import App
from runner.app.entering import windows
from runner.deliver import Versions
from runner.difference import Difference, Mover, compare, inside_of, movers
from runner.playbook import Playbook
from runner.store.tables import playbooks
from runner.triggers import Window

#: Each edited playbook with the people for whom it makes a difference.
Edits = Iterator[tuple[Difference, Iterator[Mover]]]


@contextmanager
def edits(app: App, now: datetime, playbook: str | None, days: int) -> Iterator[Edits]:
    """Every playbook, or this one, that is otherwise than when it was applied last."""
    fields = app.fields()
    running = [r.playbook for r in app.readings(fields) if r.playbook and r.playbook.keys.enabled]
    versions = Versions(app.store, running, fields)
    with app.store.read() as connection:
        applied = dict(connection.execute(sa.select(playbooks.c.id, playbooks.c.version)).all())
        pairs = ((known, old, new) for known, old, new in _pairs(running, applied, versions) if _is(playbook, old, new))
        yield _edits(app, connection, pairs, now, days)


def _pairs(
    running: Sequence[Playbook], applied: Mapping[str, str], versions: Versions
) -> Iterator[tuple[str, Playbook | None, Playbook | None]]:
    """The id that the store knows, what was applied under it, and what stands there now; renamed ones are one."""
    today = {one.keys.was if one.id not in applied and one.keys.was in applied else one.id: one for one in running}
    for id in sorted(today.keys() | applied.keys(), key=str):
        known = str(id)
        old = versions.entered_with(known, applied[known]) if known in applied else None
        yield known, old, today.get(id)


def _is(playbook: str | None, old: Playbook | None, new: Playbook | None) -> bool:
    return playbook is None or playbook in {one.id for one in (old, new) if one is not None}


def _edits(
    app: App,
    connection: sa.Connection,
    pairs: Iterator[tuple[str, Playbook | None, Playbook | None]],
    now: datetime,
    days: int,
) -> Edits:
    for known, old, new in pairs:
        difference = compare(old, new, inside_of(connection, known))
        if difference is not None:
            sides = (_looked_at(app, old, now), _looked_at(app, new, now))
            yield difference, movers(connection, *sides, app.settings, days)


def _looked_at(app: App, playbook: Playbook | None, now: datetime) -> tuple[Playbook, Window] | None:
    return next(iter(windows(app, [playbook], now)), None) if playbook is not None else None
