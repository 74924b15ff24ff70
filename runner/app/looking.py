"""What the reading commands ask of a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.app import clockwork
from runner.app.app import App
from runner.app.called import contact_called, must_be_known
from runner.app.clockwork import last_moment
from runner.app.entering import brakes_of, windows
from runner.circumstances import suppressed
from runner.decide import NOES
from runner.effect import Effects, effects
from runner.enroll import register, unregistered
from runner.errors import Fault, NeedsPerson, WrongUsage
from runner.explain import Explained, explain
from runner.log import LogRow
from runner.plan import plan
from runner.store.tables import contact_sources, contacts, friends
from runner.sync import advance, out_of_date
from runner.yaml_file import closest


@contextmanager
def planned(app: App, now: datetime, playbook: str | None) -> Iterator[tuple[Iterator[LogRow], list[Fault]]]:
    """The decisions a tick at `now` would make, and the faults of playbooks that would not run."""
    if not clockwork.moves_on(app, now):
        raise NeedsPerson(clockwork.too_early(app))
    readings = app.readings(app.fields())
    edited = unregistered(app.store, [r.playbook for r in readings if r.playbook and r.playbook.keys.enabled])
    # Facts dated up to `now` count, and so do edits; nothing of it is kept.
    with app.trial() if edited or out_of_date(app.store, now, app.settings) else nullcontext():
        advance(app.store, None, now, app.settings)
        fields = app.fields()
        readings = app.readings(fields)
        register(app.store, edited, now, indexes=False)
        if playbook is not None and playbook not in {reading.id for reading in readings}:
            raise WrongUsage(
                f"there is no playbook {playbook!r}; {closest(playbook, [r.id for r in readings])}".rstrip("; ")
            )
        wanted = [reading for reading in readings if playbook in (None, reading.id)]
        faults = [fault for reading in wanted for fault in reading.faults]
        running = [reading.playbook for reading in wanted if reading.playbook and reading.playbook.keys.enabled]
        looked_at = windows(app, running, now)
        office = app.office(running, fields)
        with app.store.read() as connection:
            yield plan(office, connection, looked_at, now, brakes=brakes_of(app, running)), faults


def left_out(app: App, now: datetime, playbook: str | None) -> list[str]:
    """How many people each playbook leaves out at its first look, in words."""
    fields = app.fields()
    running = [one.playbook for one in app.readings(fields) if one.playbook and one.playbook.keys.enabled]
    looked_at = windows(app, [one for one in running if playbook in (None, one.id)], now)
    with app.store.read() as connection:
        asked = ((one, one.trigger.left_out(window)) for one, window in looked_at)
        counted = [(one.id, connection.scalar(how_many) or 0) for one, how_many in asked if how_many is not None]
    return [
        f"{id}: of {count:,} {'person' if count == 1 else 'people'} it is so already: left out; "
        "existing: enter lets them in"
        for id, count in counted
        if count
    ]


def explained(
    app: App, called: str | int, playbook: str | None, now: datetime
) -> tuple[dict[str, Any], list[Explained]]:
    """Who that is, and how every playbook (or this one) stands to them."""
    fields = app.fields()
    readings = [reading for reading in app.readings(fields) if playbook in (None, reading.id)]
    if playbook is not None and not readings:
        raise WrongUsage(f"there is no playbook {playbook!r}")
    running = [reading.playbook for reading in readings if reading.playbook and reading.playbook.keys.enabled]
    looked_at = windows(app, running, now)
    with app.store.read() as connection:
        contact = contact_called(connection, called)
        told = explain(app.store, connection, contact, readings, looked_at, app.settings, fields)
        return person(connection, contact), told


def person(connection: sa.Connection, contact: int) -> dict[str, Any]:
    source = sa.select(sa.func.min(contact_sources.c.source_id)).where(contact_sources.c.contact_id == contact)
    row = dict(connection.execute(sa.select(contacts).where(contacts.c.id == contact)).mappings().one())
    name = " ".join(part for part in (row["first_name"], row["last_name"]) if part)
    no = suppressed(connection, {contact: row}).get(contact)
    return {
        "id": contact,
        "source_id": connection.scalar(source),
        "email": row["email"],
        "name": name or None,
        "zone": row["zone"],
        **_earned(connection, row),
        "no_mail": f"{NOES[no[0]]} on {no[1]:%Y-%m-%d}" if no else _no_address(row),
    }


def _earned(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """Points, tier and friends of those who have any."""
    f = friends.c
    bought = f.referrer_id == row["id"], f.state.in_(("bought", "due", "rewarded"))
    brought = connection.scalar(sa.select(sa.func.count()).where(*bought)) or 0
    points = None if row["points"] is None else float(row["points"])
    told = {"points": points, "tier": row["tier"], "friends": brought or None}
    return {name: value for name, value in told.items() if value is not None}


def _no_address(row: Mapping[str, Any]) -> str | None:
    """Why nobody can write there, where that is so."""
    if row["address"] is not None:
        return None
    return "the address is not valid" if row["email"] else "there is no address"


def measured(app: App, playbook: str | None, as_of: datetime | None) -> Effects:
    """What each playbook, or this one, has changed, as it was known at an instant."""
    running = [reading.playbook for reading in app.readings(app.fields()) if reading.playbook is not None]
    with app.store.read() as connection:
        if playbook is not None:
            must_be_known(app, connection, playbook)
        return effects(connection, running, app.settings, as_of=as_of or last_moment(app), only=playbook)
