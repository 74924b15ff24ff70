"""Every order that counts, read once a look: arrays by customer and time, from which any figure about orders comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.days import local_days
from runner.kpis.rows import not_counted
from runner.store.arrays import NOTHING, Ints, Yes, arrays, numbers
from runner.store.tables import companies, contacts, purchases

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Orders:
    """One place an order in `at` and `value`, in order of customer and time; one a customer in the others."""

    #: Contacts, or companies where those are the customers; ascending.
    customers: Ints
    #: Where each one's orders begin, and behind the last one's the end.
    begins: Ints
    #: Microseconds since 1970.
    at: Ints
    #: Net, in ten-thousandths of the account's currency; 0 where `unpriced`.
    value: Ints
    #: Without an exchange rate; None where all have one.
    unpriced: Yes | None

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def first(self) -> Ints:
        """When each customer ordered first."""
        return self.at[self.begins[:-1]]

    @property
    def last(self) -> Ints:
        return self.at[self.begins[1:] - 1]

    def each(self, of_orders: Ints | Yes) -> Ints:
        """Added up by customer."""
        if not len(self):
            return np.empty(0, np.int64)
        summed: Ints = np.add.reduceat(of_orders, self.begins[:-1], dtype=np.int64)
        return summed

    def between(self, customers: Ints, since: Ints, until: Ints) -> tuple[Ints, Ints]:
        """How many orders each of some customers made after an instant and up to another, and for how much."""
        if not len(self):
            return np.zeros(len(customers), np.int64), np.zeros(len(customers), np.int64)
        place = np.minimum(np.searchsorted(self.customers, customers), len(self) - 1)
        many = np.where(self.customers[place] == customers, np.diff(self.begins)[place], 0)
        whose = np.repeat(np.arange(len(customers)), many)
        order = np.arange(len(whose)) + np.repeat(self.begins[place] - (np.cumsum(many) - many), many)
        inside = (self.at[order] > since[whose]) & (self.at[order] <= until[whose])
        value = np.where(inside, self.value[order], 0)
        # Whole numbers of this size are exact as floats.
        counts, sums = (np.bincount(whose, each, len(customers)).astype(np.int64) for each in (inside, value))
        return counts, sums

    def first_after(self, customers: Ints, since: Ints) -> Ints:
        """When each of some customers ordered first after an instant; `NOTHING` of those who have not."""
        first = np.full(len(customers), NOTHING)
        if not len(self):
            return first
        place = np.minimum(np.searchsorted(self.customers, customers), len(self) - 1)
        many = np.where(self.customers[place] == customers, np.diff(self.begins)[place], 0)
        whose = np.repeat(np.arange(len(customers)), many)
        order = np.arange(len(whose)) + np.repeat(self.begins[place] - (np.cumsum(many) - many), many)
        later = self.at[order] > since[whose]
        # Each one's orders lie in order of time: of those that come later the first one stands first.
        whose, at = whose[later], self.at[order][later]
        begins = np.flatnonzero(np.diff(whose, prepend=-1))
        first[whose[begins]] = at[begins]
        return first

    def before(self, instant: int) -> Orders:
        """Those up to an instant, which is not included."""
        early: Yes = self.at < instant
        if early.all():
            return self
        many = self.each(early)
        there = many > 0
        begins = np.concatenate(([0], np.cumsum(many[there])))
        unpriced = None if self.unpriced is None else self.unpriced[early]
        some = unpriced if unpriced is not None and unpriced.any() else None
        return Orders(self.customers[there], begins, self.at[early], self.value[early], some)

    def days(self, asked: Asked) -> tuple[Ints, Ints]:
        """The days on which each customer ordered, several orders of one day once: customers' places, local days."""
        place = np.repeat(np.arange(len(self)), np.diff(self.begins))
        day = local_days(asked, self.at)
        another = np.ones(len(day), bool)
        another[1:] = (np.diff(place) != 0) | (np.diff(day) != 0)
        return place[another], day[another]


def orders(asked: Asked) -> Orders:
    """All orders up to the period's end, as known at the as-of instant."""
    over = asked.midnight(asked.period.end)
    told = asked.always(every_order)
    return told.before(instant(over)) if over <= asked.as_of else told


def every_order(asked: Asked) -> Orders:
    """All orders known at the as-of instant, of whatever time before it: read once for any number of periods."""
    return by_customer(asked, *asked.of_anybody(_rows))


def _rows(asked: Asked) -> Sequence[Ints]:
    """Contact, instant and value of each order of anybody."""
    p = purchases.c
    counting = p.at <= asked.as_of, asked.known(p.seen_at), p.net > 0
    return arrays(asked.connection, sa.select(p.contact_id, p.at, p.value).where(*counting), by=p.contact_id)


def by_customer(asked: Asked, contact: Ints, at: Ints, value: Ints) -> Orders:
    """Rows of contacts in order of the customers they are or belong to; those of nobody who counts are left out."""
    customer = whose(asked, contact)
    here = customer > 0
    if not here.all():
        customer, at, value = customer[here], at[here], value[here]
    follow = np.diff(customer)
    if ((follow < 0) | ((follow == 0) & (np.diff(at) < 0))).any():
        order = np.lexsort((at, customer))
        customer, at, value = customer[order], at[order], value[order]
    # Where another customer begins; and behind the last one.
    begins = np.flatnonzero(np.diff(customer, prepend=-1, append=-1))
    unpriced = value == NOTHING
    if unpriced.any():
        value = np.where(unpriced, 0, value)
    return Orders(customer[begins[:-1]], begins, at, value, unpriced if unpriced.any() else None)


def instant(at: datetime) -> int:
    """As the arrays have it."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant_of(microseconds: int) -> datetime:
    """The other way round."""
    return _EPOCH + timedelta(microseconds=microseconds)


def whose(asked: Asked, contact: Ints) -> Ints:
    """The customer each contact is or belongs to; 0 where none of those that count."""
    left_out = np.array(json.loads(asked.always(not_counted) or "[]"), np.int64)
    person = _survivors(asked, np.where(np.isin(contact, left_out), 0, contact) if len(left_out) else contact)
    if asked.segment is not None:
        some = numbers(asked.connection, asked.segment.people)[0]
        person = np.where(np.isin(person, some), person, 0)
    return person if asked.settings.customers == "contact" else _employers(asked, person)


def _survivors(asked: Asked, contact: Ints) -> Ints:
    """Merged records are one person: the one into which they were merged, directly or by way of others."""
    c = contacts.c
    merged, into = numbers(asked.connection, sa.select(c.id, c.merged_into).where(c.merged_into.is_not(None)))
    if not len(merged):
        return contact
    order = np.argsort(merged)
    merged, into = merged[order], into[order]
    while True:
        place = np.minimum(np.searchsorted(merged, contact), len(merged) - 1)
        found = merged[place] == contact
        if not found.any():
            return contact
        contact = np.where(found, into[place], contact)


def _employers(asked: Asked, person: Ints) -> Ints:
    c = contacts.c
    alive = asked.alive(companies.c.deleted_at)
    firms = sa.select(c.id, c.company_id).join(companies, companies.c.id == c.company_id).where(alive).order_by(c.id)
    people, employer = arrays(asked.connection, firms, by=c.id)
    if not len(people):
        return np.zeros_like(person)
    place = np.minimum(np.searchsorted(people, person), len(people) - 1)
    return np.where(people[place] == person, employer[place], 0)
