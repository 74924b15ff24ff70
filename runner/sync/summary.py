"""Each contact's summary: what the facts up to now come to, so that conditions and letters need one look.

Facts dated later than now are left out and counted when their time has come: `advance` finds them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.settings import Settings
from runner.store import Store
from runner.store.functions import unindexed
from runner.store.memory import recall, remember
from runner.store.tables import (
    answers,
    contact_changes,
    contact_sources,
    contacts,
    facts,
    stale_contacts,
)
from runner.sync.basis import Basis, basis_of
from runner.sync.bulk import Pace, any_of, chunks, update_rows
from runner.sync.changes import changes
from runner.sync.earned import earned_of
from runner.sync.mapped import fill, risk_is_told
from runner.sync.money import Rates
from runner.sync.netting import Purchase
from runner.sync.purchases import keep_purchases, purchases_of
from runner.sync.rest import rest_of
from runner.sync.whose import Whose, whose

#: The instant the summaries are true for.
_AT = "summary_at"
#: Table, column: facts that begin or end to count at that time.
_INSTANTS = (
    ("orders", "ordered_at"),
    ("refunds", "refunded_at"),
    ("deals", "closed_at"),
    ("deals", "created_at"),
    ("surveys", "responded_at"),
    ("tickets", "created_at"),
    ("tickets", "solved_at"),
    ("loyalty", "joined_at"),
    ("loyalty", "left_at"),
)
#: Contacts that a transaction makes stale at the most.
_MARKS = 2_000
_DAYS = (("subscriptions", "started_on"), ("subscriptions", "ended_on"), ("subscriptions", "trial_end"))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh came to."""

    contacts: int = 0
    changed: int = 0
    #: Purchases that are in nobody's revenue, because there is no exchange rate for them.
    without_rate: int = 0

    def __add__(self, other: Refreshed) -> Refreshed:
        return Refreshed(
            self.contacts + other.contacts, self.changed + other.changed, self.without_rate + other.without_rate
        )


def out_of_date(store: Store, now: datetime, settings: Settings) -> bool:
    """Whether `advance` to this time would write anything."""
    with store.read() as connection:
        last = _last(connection)
        waiting = connection.scalar(_WAITING)
        return last is None or waiting is not None or bool(_due(connection, min(now, last), max(now, last), settings))


def advance(
    store: Store, since: datetime | None, now: datetime, settings: Settings, pace: Pace | None = None
) -> Refreshed:
    """Summaries as of `now`: of whom sync left to do, and of whom a fact's time has come in (since, now].

    `since` None: since the summaries were made last. Costs what the facts in that time cost. Time may also go back.
    """
    with store.read() as connection:
        last = _last(connection)
        known = [at for at in (since, last) if at is not None]
        due = _due(connection, min([now, *known]), max([now, *known]), settings) if known else []
        waiting = connection.scalar(_WAITING)
    if last is not None and not due and waiting is None:
        return Refreshed()
    return _refresh_stale(store, settings, now, due, pace or Pace())


def refresh(store: Store, contact_ids: Collection[int] | None, settings: Settings, now: datetime) -> Refreshed:
    """Makes the summaries of these contacts anew, or of all that are stale; in chunks, each in its own transaction."""
    if contact_ids is None:
        return _refresh_stale(store, settings, now, None, Pace(steady=True))
    done = Refreshed()
    rates, basis = Rates(settings.currency), _basis(store, settings)
    for portion in chunks(sorted(contact_ids)):
        with store.write() as connection:
            done += _refresh(connection, store, portion, basis, settings, rates, now)
    return done


def _refresh_stale(store: Store, settings: Settings, now: datetime, due: Sequence[int] | None, pace: Pace) -> Refreshed:
    """All stale contacts and, before them, those `due`; where it is told who is due, all is as of `now` afterwards."""
    done = Refreshed()
    rates, basis = Rates(settings.currency), _basis(store, settings)
    *before, last = chunks(due or (), _MARKS)
    for some in before:
        with store.write() as connection:
            _mark(connection, store, some)
    while True:
        taken = pace.rows
        with pace.writing(store.write()) as connection:
            if due is not None:
                _mark(connection, store, last)
                _note_time(connection, store, now)
                due = None
            portion = _take_stale(connection, taken)
            done += _refresh(connection, store, portion, basis, settings, rates, now)
        if len(portion) < taken:
            return done


_WAITING = sa.select(stale_contacts.c.contact_id).limit(1)


def _basis(store: Store, settings: Settings) -> Basis:
    with store.read() as connection:
        return basis_of(connection, settings)


def _mark(connection: sa.Connection, store: Store, due: Sequence[int]) -> None:
    """Makes those due stale."""
    if due:
        rows = [{"contact_id": person} for person in due]
        connection.execute(store.insert(stale_contacts).on_conflict_do_nothing(), rows)


def _note_time(connection: sa.Connection, store: Store, now: datetime) -> None:
    """All summaries but those of the stale are those of `now`."""
    remember(connection, store, _AT, now.isoformat())


def _last(connection: sa.Connection) -> datetime | None:
    at = recall(connection, _AT)
    return datetime.fromisoformat(at) if at else None


# --- whose time has come


def _due(connection: sa.Connection, first: datetime, last: datetime, settings: Settings) -> list[int]:
    """Everybody of whom a fact lies in (first, last]."""
    if first == last:
        return []
    first_day, last_day = (clock.local(at, settings.timezone).date() for at in (first, last))
    due = set(connection.scalars(_AT_INSTANTS, {"first": first, "last": last}).all())
    if first_day != last_day:
        due |= set(connection.scalars(_ON_DAYS, {"first": first_day, "last": last_day}))
    return sorted(due)


def _people_between(fact: sa.Table, at: sa.Column[Any]) -> sa.Select[int]:
    first, last = sa.bindparam("first", type_=at.type), sa.bindparam("last", type_=at.type)
    return (
        sa.select(sa.func.coalesce(contacts.c.merged_into, contacts.c.id))
        # Sources are looked up for few rows, however few sources there are.
        .join_from(fact, contact_sources, unindexed(fact.c.contact_source) == contact_sources.c.id)
        .join(contacts, contact_sources.c.contact_id == contacts.c.id)
        .where(at > first, at <= last)
    )


def _answered() -> sa.Select[int]:
    at = answers.c.answered_at
    first, last = sa.bindparam("first", type_=at.type), sa.bindparam("last", type_=at.type)
    return sa.select(answers.c.contact_id).where(at > first, at <= last)


_AT_INSTANTS = sa.union(*(_people_between(facts[table], facts[table].c[at]) for table, at in _INSTANTS), _answered())
_ON_DAYS = sa.union(*(_people_between(facts[table], facts[table].c[on]) for table, on in _DAYS))


# --- making them


def _take_stale(connection: sa.Connection, most: int) -> Sequence[int]:
    some = sa.select(stale_contacts.c.contact_id).order_by(stale_contacts.c.contact_id).limit(most)
    taken = (
        sa.delete(stale_contacts).where(stale_contacts.c.contact_id.in_(some)).returning(stale_contacts.c.contact_id)
    )
    return sorted(connection.scalars(taken))


def _refresh(
    connection: sa.Connection,
    store: Store,
    contact_ids: Sequence[int],
    basis: Basis,
    settings: Settings,
    rates: Rates,
    now: datetime,
) -> Refreshed:
    of = whose(connection, contact_ids)
    if not of.people:
        return Refreshed()
    people = _locked(connection, of)
    bought = purchases_of(connection, of, basis, settings, rates, now)
    keep_purchases(connection, store, of, bought)
    rest = rest_of(connection, of, settings, now)
    mapped = _mapped(connection, of)
    told = risk_is_told(connection)
    earned = earned_of(connection, of, settings)
    updates: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    without_rate = 0
    for person in people:
        own = bought.get(person["id"], [])
        values, unpriced = _spent(own, person["zone"])
        without_rate += unpriced
        if person["id"] in mapped:
            values["customer_since"] = person["customer_since"]
        after = {**values, **rest[person["id"]]}
        fill(after, person["custom"], settings.timezone)
        if not told and "churn_risk" not in person["custom"]:
            after["churn_risk"] = person["churn_risk"]  # The night's score, which no fact changes at once.
        after |= earned.get(person["id"], {})
        if any(after[name] != person[name] for name in _SUMMARY):
            updates.append({"number": person["id"], **after, "changed_at": now})
            history += changes(person["id"], person, _scores(after), known_fields=None, now=now)
    update_rows(connection, contacts, updates)
    if history:
        connection.execute(sa.insert(contact_changes), history)
    return Refreshed(len(of.people), len(updates), without_rate)


def _locked(connection: sa.Connection, of: Whose) -> list[dict[str, Any]]:
    """The people as they stand, and until the commit: an answer given meanwhile must not be overwritten."""
    return [dict(row) for row in connection.execute(_LOCKED, {"people": of.people}).mappings()]


_SUMMARY = (
    "customer_since", "first_order_at", "last_order_at", "last_order_id", "orders_count", "revenue", "nps_score",
    "nps_at", "csat_score", "csat_at", "last_answer_at", "open_tickets", "mrr", "points", "churn_risk", "tier",
)  # fmt: skip
_LOCKED = (
    sa.select(*(contacts.c[name] for name in ("id", "zone", "custom", *_SUMMARY)))
    .where(contacts.c.id.in_(any_of("people")))
    .order_by(contacts.c.id)
    .with_for_update(key_share=True)
)


def _scores(summary: dict[str, Any]) -> dict[str, Any]:
    """What nobody can tell from the facts alone: a survey's row is overwritten when it is answered again."""
    return {name: summary[name] for name in ("nps_score", "csat_score")}


def _spent(own: Sequence[Purchase], zone: str) -> tuple[dict[str, Any], int]:
    """The columns that come from purchases, and how many have no exchange rate."""
    priced = [bought.value for bought in own if bought.value is not None]
    first, last = (own[0], own[-1]) if own else (None, None)
    values = {
        "customer_since": clock.local(first.at, zone).date() if first else None,
        "first_order_at": first.at if first else None,
        "last_order_at": last.at if last else None,
        "last_order_id": last.order_key if last else None,
        "orders_count": len(own),
        "revenue": Rates.rounded(sum(priced)) if priced else None,
    }
    return values, len(own) - len(priced)


def _mapped(connection: sa.Connection, of: Whose) -> set[int]:
    """Those whose source says itself since when they are customers."""
    return set(connection.scalars(_MAPPED, {"people": of.people}))


_MAPPED = sa.select(contact_sources.c.contact_id).where(
    contact_sources.c.contact_id.in_(any_of("people")),
    contact_sources.c.fields["customer_since"].as_string().is_not(None),
)
