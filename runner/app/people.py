"""What is done with what is kept about people: judged anew, handed out, erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner import collect, log
from runner.app.app import App
from runner.app.called import contact_called
from runner.app.clockwork import last_moment
from runner.store import rollups
from runner.store.functions import place_in_bytes
from runner.store.personal import ERASED, GOES, about, left_of, personal_tables
from runner.store.tables import (
    contact_sources,
    contacts,
    deals,
    enrollments,
    inbox,
    recipients,
    sends,
    set_aside,
    skeletons,
    suppressions,
    tombstones,
    writes,
)
from runner.store.tombstones import MARK, Tombstones, lay, season, stones


def reclassify(app: App) -> collect.Rejudged:
    """Every open and click by the rules and settings as they are now."""
    return collect.reclassify(app.store, last_moment(app), collect.Machines.of(app.settings))


# --- handed out


def export(app: App, called: str) -> dict[str, Any]:
    """Everything that is kept about a person, table by table, and the letters they got word for word."""
    with app.store.read() as connection:
        people = _selves(connection, contact_called(connection, called))
        told: dict[str, Any] = {"contact": people[0], "at": last_moment(app).isoformat()}
        for table in sorted(personal_tables(), key=lambda table: table.name):
            rows = connection.execute(sa.select(table).where(_about(connection, table, people))).mappings()
            if found := [dict(row) for row in rows]:
                told[table.name] = found
        told["letters"] = _letters(connection, told.get("sends", []))
        return told


def _letters(connection: sa.Connection, sent: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The texts of letters, as far as they are kept."""
    hashes = {row["skeleton"] for row in sent if row["texts"] is not None}
    chosen = sa.select(skeletons).where(skeletons.c.hash.in_(sorted(filter(None, hashes))))
    skeleton = {row.hash: row for row in connection.execute(chosen)}
    return [
        {"send": row["id"], "to": row["address"], "at": row["claimed_at"]}
        | {
            part: _filled(getattr(skeleton[row["skeleton"]], part), row["texts"])
            for part in ("subject", "text", "html")
        }
        for row in sent
        if row["skeleton"] in skeleton
    ]


def _filled(text: str, texts: dict[str, str]) -> str:
    for key, value in texts.items():
        text = text.replace(key, value)
    return text


def _selves(connection: sa.Connection, contact: int) -> list[int]:
    """The person and all who were merged into them."""
    return [contact, *sorted({row.id for row in connection.execute(log.selves(contact))} - {contact})]


def _about(connection: sa.Connection, table: sa.Table, people: Sequence[int]) -> sa.ColumnElement[bool]:
    condition = about(table, people)
    assert condition is not None  # or the table is no personal one
    if table is suppressions:
        return condition | suppressions.c.address.in_(sorted(_addresses(connection, people)))
    return condition


def _addresses(connection: sa.Connection, people: Sequence[int]) -> set[str]:
    """Every address they have or had, as far as it is known."""
    now = sa.select(contacts.c.address).where(contacts.c.id.in_(people))
    then = sa.select(sends.c.address).where(sends.c.contact_id.in_(people))
    return {address for address in connection.scalars(sa.union(now, then)) if address and "@" in address}


# --- erased


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did."""

    contact: int
    #: Rows emptied or deleted, by table.
    rows: dict[str, int] = field(default_factory=dict)
    #: Raw bodies of webhooks that named an address of theirs.
    bodies: int = 0


def erase(app: App, called: str) -> Erased:
    """Empties or deletes all that says who the person was; hashes stay, by which no sync brings them back."""
    with app.store.read() as connection:
        contact = contact_called(connection, called)
    return erase_contact(app, contact, last_moment(app))


def erase_contact(app: App, contact: int, now: datetime) -> Erased:
    """The same, of a contact by our id."""
    store = app.store
    with store.write() as connection:
        people = _selves(connection, contact)
        addresses, known = _addresses(connection, people), season(connection, store)
        _lay_stones(connection, app, known, people, addresses, now)
        _end_passages(connection, people, now)
        _leave_deals(connection, people)
        _forget_places(connection, people, addresses)
        _hash_noes(connection, known, people, addresses)
        rows = {table.name: count for table in personal_tables() if (count := _empty(connection, table, people))}
        gone = sa.update(contacts).where(contacts.c.id.in_(people))
        connection.execute(gone.values(key=_shell(), deleted_at=now, changed_at=now))
    # Reasons are counted word for word.
    rollups.refresh(store)
    return Erased(people[0], rows, _drop_bodies(app, addresses))


def _shell() -> Any:
    return sa.literal(f"{ERASED}:") + sa.cast(contacts.c.id, sa.Text)


def _lay_stones(
    connection: sa.Connection,
    app: App,
    known: Tombstones,
    people: Sequence[int],
    addresses: set[str],
    now: datetime,
) -> None:
    shared = sa.select(contacts.c.address).where(
        contacts.c.address.in_(sorted(addresses)), contacts.c.id.not_in(people)
    )
    others = set(connection.scalars(shared.where(contacts.c.deleted_at.is_(None))))
    s = contact_sources.c
    sources = connection.execute(sa.select(s.connector, s.source_id).where(s.contact_id.in_(people))).all()
    hashes = {known.of_source(*source) for source in sources} | {known.of_address(one) for one in addresses - others}
    lay(connection, app.store, hashes, people[0], now)


def _end_passages(connection: sa.Connection, people: Sequence[int], now: datetime) -> None:
    theirs = sa.update(enrollments).where(enrollments.c.contact_id.in_(people))
    inside = theirs.where(enrollments.c.state.in_(["active", "braked"]))
    connection.execute(inside.values(state="ended", ended_at=now, waits_for=None))
    waiting = sa.update(writes).where(writes.c.contact_id.in_(people), writes.c.state == "waiting")
    connection.execute(waiting.values(state="refused", settled_at=now))


def _leave_deals(connection: sa.Connection, people: Sequence[int]) -> None:
    """A company's deals stay the company's, and lose the person."""
    theirs = about(deals, people)
    assert theirs is not None
    companies_own = sa.update(deals).where(theirs, deals.c.company_source.is_not(None))
    connection.execute(companies_own.values(contact_source=None, contact_id=None))


def _forget_places(connection: sa.Connection, people: Sequence[int], addresses: set[str]) -> None:
    """What was set aside of them, and the rows that are locked while their mail is counted."""
    s = contact_sources.c
    sources = connection.execute(sa.select(s.connector, s.source_id).where(s.contact_id.in_(people))).all()
    for connector, source_id in sources:
        place = set_aside.c.place == f"contacts/{source_id}"
        connection.execute(set_aside.delete().where(set_aside.c.connector == connector, place))
    for address in addresses:
        connection.execute(set_aside.delete().where(set_aside.c.value.icontains(address, autoescape=True)))
    connection.execute(recipients.delete().where(recipients.c.address.in_(sorted(addresses))))


def _hash_noes(connection: sa.Connection, known: Tombstones, people: Sequence[int], addresses: set[str]) -> None:
    """A no outlives who said it; one that binds an address somebody else has as well goes on to bind that."""
    theirs = suppressions.c.contact_id.in_(people)
    for address in addresses:
        others = sa.select(contacts.c.id).where(contacts.c.address == address, contacts.c.id.not_in(people))
        if connection.scalar(others.limit(1)) is None:
            its = sa.update(suppressions).where(suppressions.c.address == address)
            connection.execute(its.values(address=MARK + known.of_address(address), send_id=None))
    connection.execute(sa.update(suppressions).where(theirs).values(send_id=None))


def _empty(connection: sa.Connection, table: sa.Table, people: Sequence[int]) -> int:
    """The number of rows emptied or deleted."""
    theirs = about(table, people)
    assert theirs is not None
    if table.name in GOES:
        return connection.execute(table.delete().where(theirs)).rowcount
    left = left_of(table)
    return connection.execute(table.update().where(theirs).values(dict(left))).rowcount if left else 0


def _drop_bodies(app: App, addresses: set[str]) -> int:
    """Raw bodies that were taken in and name one of the addresses; those that wait are taken in first."""
    dropped = 0
    with app.store.inbox.begin() as connection:
        for address in addresses:
            naming = place_in_bytes(inbox.c.body, address.encode()) > 0
            dropped += connection.execute(inbox.delete().where(inbox.c.drained_at.is_not(None), naming)).rowcount
    return dropped


def lift_stone(app: App, address: str) -> bool:
    """Whether somebody erased had this address: from now on a sync may bring them back, with the noes they said."""
    with app.store.write() as connection:
        known = stones(connection)
        if not known.knows_address(address):
            return False
        stone = known.of_address(address)
        whose = sa.select(tombstones.c.contact_id).where(tombstones.c.hash == stone)
        connection.execute(tombstones.delete().where(tombstones.c.contact_id.in_(whose.scalar_subquery())))
        its = sa.update(suppressions).where(suppressions.c.address == MARK + stone)
        connection.execute(its.values(address=address.strip().lower(), contact_id=None))
    return True
