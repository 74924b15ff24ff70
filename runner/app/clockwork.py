"""Simulated and real time never mix: what a store's clock allows."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from runner.app.app import App
from runner.errors import NeedsPerson, WrongUsage
from runner.store.tables import metadata, sends

REAL, SIMULATED = "real", "simulated"
#: The key in `meta` under which stands when a simulated clock began.
BEGAN = "clock_began_at"


def moves_on(app: App, now: datetime) -> bool:
    """Whether `now` is not before the last tick."""
    last = app.remembered("last_tick_at")
    return last is None or datetime.fromisoformat(last) <= now


def last_moment(app: App) -> datetime:
    """Now; in a store with a simulated clock the time it has come to."""
    if app.remembered("clock") != SIMULATED:
        return app.now()
    # Somebody may settle what the first tick left in doubt before any tick has ended.
    come_to = app.remembered("last_tick_at") or app.remembered(BEGAN)
    return datetime.fromisoformat(come_to) if come_to else app.now()


def too_early(app: App) -> str:
    return f"the last tick was at {app.remembered('last_tick_at')}: nothing is done for an earlier time"


def allow(app: App, *, at: datetime | None, yes: bool = False) -> None:
    """Raises unless this run may happen on this store; the first run decides which clock the store has."""
    clock = app.remembered("clock")
    if at is None:
        _allow_real(app, clock)
    else:
        _allow_simulated(app, clock, at, yes=yes)


def _allow_real(app: App, clock: str | None) -> None:
    if clock == SIMULATED:
        raise NeedsPerson(
            "this store has a simulated clock: what it holds did not happen; use another folder or store for real runs"
        )
    if app.mails_for_real and (rehearsed := _rehearsed(app)):
        raise NeedsPerson(
            f"{rehearsed} mail{'' if rehearsed == 1 else 's'} of this store went to the outbox and reached nobody; "
            "`regulars go-live` archives the rehearsal and starts the playbooks afresh"
        )
    if clock is None:
        app.remember("clock", REAL)


def _allow_simulated(app: App, clock: str | None, at: datetime, *, yes: bool) -> None:
    if clock == REAL:
        raise WrongUsage(
            "this store has run for real: --at would mix what happened with what did not; try it on a copy: --copy FILE"
        )
    real = [name for name, mailer in app.mailers.items() if mailer.real and not mailer.loopback]
    if real:
        raise WrongUsage(f"--at with the mailer {real[0]!r} would write to real people; use the outbox")
    if app.mails_for_real and not yes:
        raise WrongUsage("--at with a mailer on this machine: say --yes if that is meant")
    if clock is None:
        _known_by(app, at)
        app.remember(BEGAN, at.isoformat())
        app.remember("clock", SIMULATED)


def _known_by(app: App, at: datetime) -> None:
    """What was synced before a simulated clock began is known when it begins, whatever the machine's clock said."""
    with app.store.write() as connection:
        for table in metadata.sorted_tables:
            for column in (table.c[name] for name in ("seen_at", "changed_at") if name in table.c):
                connection.execute(table.update().where(column > at).values({column.name: at}))


def _rehearsed(app: App) -> int:
    """Mails that went to another mailer than the one that is set now, and to nobody."""
    with app.store.read() as connection:
        return int(
            connection.scalar(sa.select(sa.func.count()).select_from(sends).where(sends.c.mailer == "outbox")) or 0
        )


def move_to_copy(app: App, file: Path) -> None:
    """Points the workspace at a copy of its store, with a simulated clock and an outbox of its own beside it."""
    if not app.store.is_sqlite:
        raise WrongUsage("--copy works for a store in one file; make a copy of the database and point store: at it")
    if file.exists():
        raise WrongUsage(f"{file} is there already; name a new file")
    with sqlite3.connect(app.store.url.database or "") as store, sqlite3.connect(file) as copy:
        store.backup(copy)
    copied = app.settings.model_copy(
        update={
            "store": f"sqlite:///{file.resolve()}",
            "mail": {"type": "outbox", "path": str(file.resolve().with_suffix(".outbox"))},
        }
    )
    app.close()
    for name in ("store", "mailer", "_others", "plugs", "lease", "hooks", "links", "templates", "epoch"):
        app.__dict__.pop(name, None)
    app.__dict__["told"] = replace(app.told, settings=copied)
    app.remember("clock", SIMULATED)
    # Its sends are others than the real store's, though they are numbered alike.
    app.forget("epoch")
