"""What only a person may decide: approvals, unsure sends, pauses, suppressions, going live."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runner import breakers, log
from runner.app.app import App
from runner.app.called import contact_called, must_be_known
from runner.app.clockwork import BEGAN, last_moment
from runner.app.entering import windows
from runner.app.looking import person
from runner.app.private import PRIVATE
from runner.app.rewarding import FOLLOWED_AT, TOLD_AT
from runner.brake import Released, braked_plan, release, turn_away
from runner.circumstances import ALL_PAUSED
from runner.collect.consent import PAGE
from runner.decide import HELD_OUT
from runner.deliver import drop, resend, sent
from runner.enroll import call_in as enroll_called
from runner.enroll import register
from runner.errors import Faults, NeedsPerson, WrongUsage
from runner.playbook import Playbook
from runner.store import changed
from runner.store.ours import OURS
from runner.store.tables import (
    REHEARSED,
    answers,
    consents,
    contacts,
    enrollments,
    events,
    facts,
    meta,
    metadata,
    playbooks,
    sends,
    suppressions,
    writes,
)
from runner.sync import advance, unset
from runner.sync.pointers import mark_stale
from runner.triggers.base import BY_HAND
from runner.yaml_file import closest


def braked(app: App, playbook: str) -> tuple[int, str]:
    """How many people the brake holds there, and the hash of exactly these. Raises where it holds nobody."""
    with app.store.read() as connection:
        must_be_known(app, connection, playbook)
        people, digest = braked_plan(connection, playbook)
    if not people:
        raise NeedsPerson(f"nobody waits for approval in {playbook!r}")
    return people, digest


def approve(app: App, playbook: str, plan: str | None) -> Released:
    """Releases those whom the brake holds, if they are still those that were seen, by the playbook as it is now."""
    braked(app, playbook)
    now = last_moment(app)
    fields = app.fields()
    running = next((r.playbook for r in app.readings(fields) if r.id == playbook and r.playbook), None)
    if running is None:
        raise NeedsPerson(f"{playbook!r} does not run; mend it first, or let nobody in with --drop")
    looked_at = windows(app, [running], now)
    if not looked_at:
        raise NeedsPerson(f"{playbook!r} is paused: nobody enters; `regulars resume` first")
    with app.store.write() as connection:
        _must_be(connection, playbook, plan)
        return release(app.store, connection, *looked_at[0])


def turn_away_all(app: App, playbook: str, plan: str | None) -> int:
    """Those whom the brake holds do not enter, and their occasions are used up."""
    braked(app, playbook)
    with app.store.write() as connection:
        _must_be(connection, playbook, plan)
        return turn_away(app.store, connection, playbook, last_moment(app))


def _must_be(connection: sa.Connection, playbook: str, plan: str | None) -> None:
    people, digest = braked_plan(connection, playbook)
    if plan is not None and plan != digest:
        raise NeedsPerson(f"the plan has changed: it is {digest} with {people} people now; look again and approve that")


@dataclass(frozen=True, slots=True)
class Called:
    """What came of calling somebody in."""

    playbook: str
    contact: dict[str, Any]
    occasion: str
    #: `entered`, `holdout` or `skipped`.
    status: str
    reason: str
    #: What the playbook's trigger would have brought, and a call does not.
    missing: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """For `enroll --json`."""
        return asdict(self)


def call_in(app: App, playbook: str, called: str) -> Called:
    """Lets a contact into any playbook that runs; audience, reenter and holdout hold as ever."""
    now = last_moment(app)
    if app.remembered("last_tick_at") is None:
        raise NeedsPerson("nothing has run here yet; `regulars run` first, which decides whether its clock is real")
    chosen, running = _that_runs(app, playbook)
    register(app.store, running, now)
    looked_at = windows(app, [chosen], now)
    if not looked_at:
        raise NeedsPerson(f"{playbook!r} is paused: nobody enters; `regulars resume {playbook}` first")
    with app.store.read() as connection:
        contact = contact_called(connection, called)
        who = person(connection, contact)
    call = f"{now:%Y-%m-%d %H:%M} {secrets.token_hex(3)}"
    reason = enroll_called(app.store, chosen, looked_at[0][1], app.settings, contact, call)
    status = "entered" if reason is None else "holdout" if reason == HELD_OUT else "skipped"
    named = {name: who[name] for name in ("id", "source_id", "email")}
    return Called(playbook, named, f"call {call}", status, reason or BY_HAND, tuple(chosen.trigger.brings))


def _that_runs(app: App, id: str) -> tuple[Playbook, list[Playbook]]:
    """The playbook of that id, and all that run."""
    readings = app.readings(app.fields())
    reading = next((reading for reading in readings if reading.id == id), None)
    if reading is None:
        near = closest(id, [reading.id for reading in readings])
        raise WrongUsage(f"there is no playbook {id!r}; {near}".rstrip("; "))
    if not reading.enabled:
        raise NeedsPerson(f"{id!r} is disabled: enabled: false")
    if reading.playbook is None:
        raise Faults(reading.faults or reading.warnings)
    return reading.playbook, [one.playbook for one in readings if one.playbook and one.playbook.keys.enabled]


def unsure(app: App, send: str | None, playbook: str | None) -> list[dict[str, Any]]:
    """The sends whose outcome nobody knows."""
    with app.store.read() as connection:
        chosen = sa.union_all(
            _unsure(sends, sends.c.address, send, playbook), _unsure(writes, writes.c.target, send, playbook)
        )
        rows = connection.execute(chosen.order_by("claimed_at", "id")).mappings()
        return [dict(row) for row in rows]


def _unsure(table: sa.Table, to: sa.Column[Any], send: str | None, playbook: str | None) -> sa.Select[Any]:
    """Mails, or messages, of which nobody knows whether they went out, and for which somebody waits."""
    where = [table.c.state == "unsure", table.c.settled_at.is_(None)]
    if send is not None:
        where.append(table.c.id == send)
    if playbook is not None:
        where.append(table.c.playbook == playbook)
    told = (table.c.id, table.c.playbook, table.c.step, to.label("address"), table.c.claimed_at, table.c.reason)
    return sa.select(*told).where(*where)


def settle(app: App, send: str | None, playbook: str | None, verb: str) -> int:
    """Ends unsure sends as the person says."""
    ids = [row["id"] for row in unsure(app, send, playbook)]
    if not ids:
        raise NeedsPerson(f"no unsure send {send or f'of {playbook}'!r}")
    fields = app.fields()
    running = [reading.playbook for reading in app.readings(fields) if reading.playbook]
    office = app.office(running, fields)
    return {"sent": sent, "resend": resend, "drop": drop}[verb](office, ids, last_moment(app))


def pause(app: App, playbook: str | None) -> None:
    """Stops one playbook, or everything: whatever runs today and whatever is added before `resume`."""
    at = last_moment(app)
    if playbook is not None:
        _switch(app, playbook, at)
    elif paused_since(app) is None:
        app.remember(ALL_PAUSED, at.isoformat())


def resume(app: App, playbook: str | None) -> Sequence[str]:
    """Lets one playbook, or everything, run again. Returns the playbooks that are still paused by name."""
    if playbook is not None:
        _switch(app, playbook, None)
    else:
        app.forget(ALL_PAUSED)
    with app.store.read() as connection:
        still = sa.select(playbooks.c.id).where(playbooks.c.paused_at.is_not(None))
        return connection.scalars(still.order_by(playbooks.c.id)).all()


def resume_mailer(app: App, name: str) -> None:
    """Lets a mailer that a breaker stopped send again; its mails are counted anew."""
    with app.store.write() as connection:
        if not breakers.resume_mailer(connection, name, last_moment(app)):
            still = [one.name for one in breakers.stopped(connection) if one.kind == "mailer"]
            raise WrongUsage(f"no mailer {name!r} is stopped; stopped are {', '.join(still) or 'none'}")


def paused_since(app: App) -> datetime | None:
    """Since when everything is paused; None where it is not."""
    at = app.remembered(ALL_PAUSED)
    return datetime.fromisoformat(at) if at else None


def _switch(app: App, playbook: str, at: datetime | None) -> None:
    with app.store.write() as connection:
        known = set(connection.scalars(sa.select(playbooks.c.id)))
        if playbook not in known:
            raise WrongUsage(f"no playbook {playbook!r} has run here; there are {', '.join(sorted(known)) or 'none'}")
        switched: dict[str, Any] = {"paused_at": at}
        if at is None:
            # What a breaker counts begins anew.
            switched |= {"stopped_why": None, "resumed_at": last_moment(app)}
        connection.execute(playbooks.update().where(playbooks.c.id == playbook).values(**switched))


def suppress(app: App, address: str, *, by: str = "command line") -> bool:
    """True when it was not suppressed by hand before."""
    bound = address.strip().lower()
    if "@" not in bound:
        raise WrongUsage(f"{address!r} is no address")
    in_force = (suppressions.c.address == bound, suppressions.c.reason == "manual", suppressions.c.lifted_at.is_(None))
    with app.store.write() as connection:
        if connection.scalar(sa.select(suppressions.c.id).where(*in_force)):
            return False
        connection.execute(suppressions.insert().values(address=bound, reason="manual", source=by, at=last_moment(app)))
    return True


def unsuppress(app: App, address: str, *, by: str = "command line") -> tuple[int, list[str]]:
    """How many suppressions were lifted, and the reasons of those that only the person can take back."""
    bound = address.strip().lower()
    mine = (suppressions.c.address == bound, suppressions.c.lifted_at.is_(None))
    with app.store.write() as connection:
        lifted = changed(
            connection,
            suppressions.update()
            .where(*mine, suppressions.c.reason.in_(["manual", "bounced"]))
            .values(lifted_at=last_moment(app), lifted_by=by),
        )
        kept = list(connection.scalars(sa.select(suppressions.c.reason).where(*mine)))
    return lifted, kept


def rehearsal_in_words(app: App) -> str:
    """What going live does to the rehearsal, as a question. Raises NeedsPerson where there is none to end."""
    with app.store.read() as connection:
        _may_go_live(app, connection)
        count = connection.scalar(sa.select(sa.func.count()).select_from(sends))
    return (
        f"The log and {count} sends of the rehearsal go to an archive, and every playbook starts afresh. Answers on "
        "our own pages are deleted, and so is a yes to our mail given there: whoever tried the mails gave them. Scores "
        "are made anew without them. Answers, consents and noes that connectors told stay, and every no said to us. "
        "Go live?"
    )


def _may_go_live(app: App, connection: sa.Connection) -> None:
    if app.remembered("clock") == "simulated":
        raise NeedsPerson("this store has a simulated clock; go live with a store of its own")
    if connection.execute(sa.select(enrollments.c.id).limit(1)).first() is None:
        raise NeedsPerson("nothing was rehearsed here: there is nothing to archive")


def go_live(app: App) -> Path:
    """Archives what was rehearsed and forgets it; contacts, facts and every no stay. Returns the archive."""
    now = app.now()
    archive = app.folder / PRIVATE / f"rehearsal-{now:%Y%m%dT%H%M%S}.jsonl.gz"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with app.store.write() as connection:
        _may_go_live(app, connection)
        with gzip.open(archive, "wt", encoding="utf-8") as file:
            for row in log.rows(connection):
                file.write(json.dumps(row.document(), default=str) + "\n")
        _forget_rehearsal(app, connection, now)
    app.__dict__.pop("epoch", None)
    unset(app.store, settings=app.settings, now=now, rank=list(app.settings.connectors))
    advance(app.store, None, now, app.settings)
    return archive


def _forget_rehearsal(app: App, connection: sa.Connection, now: datetime) -> None:
    mark_stale(connection, app.store, sa.select(answers.c.contact_id))
    clicked = contacts.update().where(contacts.c.last_click_at.is_not(None))
    connection.execute(clicked.values(last_click_at=None, changed_at=now))
    connection.execute(consents.delete().where(consents.c.source == PAGE, consents.c.answer == "yes"))
    of_friends = events.c.connector == OURS, events.c.kind.like("refer%")
    connection.execute(events.delete().where(*of_friends))
    for name in ("referrals", "review_requests"):
        connection.execute(facts[name].delete().where(facts[name].c.connector == OURS))
    paused = connection.execute(sa.select(playbooks).where(playbooks.c.paused_at.is_not(None))).mappings().all()
    for table in reversed(metadata.sorted_tables):
        if table in REHEARSED:
            connection.execute(table.delete())
    rehearsed = ("clock", BEGAN, "last_tick_at", "epoch", FOLLOWED_AT, TOLD_AT)
    connection.execute(meta.delete().where(meta.c.key.in_(rehearsed)))
    if paused:  # Whoever stopped one did not ask for it to begin.
        afresh = {"first_tick_at": now, "last_tick_at": now, "braked_at": None, "braked_people": None}
        connection.execute(playbooks.insert(), [{**row, **afresh, "braked_hash": None} for row in paused])
