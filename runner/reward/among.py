"""Whose points and tier are looked at, in portions: of whom something is new since the last look, or everybody."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime

import sqlalchemy as sa

from runner.store import Store
from runner.store.functions import month_day, numbers_in
from runner.store.tables import contact_sources, contacts, events, friends

#: People looked at in one statement.
PORTION = 5000
#: Events by which others give and take points.
GIVEN, SPENT = "points_given", "points_spent"


def portions(store: Store, since: datetime | None, anniversaries: Collection[date] = ()) -> Iterator[Sequence[int]]:
    """The people of whom something is new, and whose day as a customer it was on one of these.

    All of them where `since` is None; nobody who was merged into somebody.
    """
    last = 0
    while True:
        with store.read() as connection:
            alive = [contacts.c.id > last, contacts.c.merged_into.is_(None)]
            if since is not None:
                alive.append(contacts.c.id.in_(_news(since, anniversaries)))
            chosen = sa.select(contacts.c.id).where(*alive).order_by(contacts.c.id).limit(PORTION)
            portion = list(connection.scalars(chosen))
        if portion:
            yield portion
        if len(portion) < PORTION:
            return
        last = portion[-1]


def _news(since: datetime, anniversaries: Collection[date]) -> sa.CompoundSelect[tuple[int]]:
    """Who changed, was merged into, was given or took points, or has a friend who moved on."""
    person = sa.func.coalesce(contacts.c.merged_into, contacts.c.id)
    changed = sa.select(person).where(contacts.c.changed_at >= since)
    told = (
        sa.select(person)
        .join_from(events, contact_sources, contact_sources.c.id == events.c.contact_source)
        .join(contacts, contacts.c.id == contact_sources.c.contact_id)
        .where(events.c.seen_at >= since, events.c.kind.in_((GIVEN, SPENT)))
    )
    brought = (
        sa.select(person)
        .join_from(friends, contacts, contacts.c.id == friends.c.referrer_id)
        .where(friends.c.seen_at >= since)
    )
    days = sorted({day.month * 100 + day.day for day in anniversaries})
    # Of 29 February it is the 28th.
    its_day = month_day(contacts.c.customer_since).in_([*days, *(229 for _ in days if 228 in days)])
    return sa.union(changed, told, brought, *(sa.select(contacts.c.id).where(its_day) for _ in days[:1]))


def living(people: Sequence[int]) -> sa.CTE:
    """Each of these people and everybody merged into them: `once` is who they were, `contact_id` who they are."""
    asked = numbers_in(sa.bindparam("people", json.dumps(list(people)), type_=sa.Text()))
    themselves = sa.select(contacts.c.id.label("once"), contacts.c.id.label("contact_id")).where(
        contacts.c.id.in_(asked)
    )
    merged = sa.select(contacts.c.id, contacts.c.merged_into).where(contacts.c.merged_into.in_(asked))
    return sa.union_all(themselves, merged).cte("living")


def first_of_month(day: date) -> date:
    return day.replace(day=1)
