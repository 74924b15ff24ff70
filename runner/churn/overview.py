"""What `regulars churn` tells: what the scores rest on, whom it would cost most to lose, why somebody has theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import numpy as np
import sqlalchemy as sa

from runner import clock
from runner.churn.alike import Alike, alike, bands
from runner.churn.histories import Histories, Snapshot, day_of, number_of
from runner.churn.keeping import reckoned
from runner.churn.scale import Scale, Tier, scores, summary_of
from runner.churn.subscribers import SIGNS, Morning, Weighed, morning, weighed
from runner.kpis.at_risk import HIGH_RISK
from runner.kpis.intervals import wilson
from runner.settings import Settings
from runner.store import Store
from runner.store.arrays import Floats, Ints
from runner.store.tables import companies, contacts
from runner.sync import risk_is_told

#: How much the shop's own usual gap weighs beside a customer's: as much as so many gaps.
SHOP_GAPS = 3


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A customer, and what is at stake."""

    customer: int
    #: The address, or the company's name.
    called: str | None
    risk: float
    orders: int
    silent_days: int
    #: What they usually spend in so many days as the score looks ahead; and that times the risk.
    usual_value: float | None
    value_at_risk: float | None

    def document(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Overview:
    """All customers on a morning."""

    day: date
    scale: Scale
    told_by_a_source: bool
    customers: int
    #: Customers by band; of a rule: those for whom it is so, and the others.
    counts: dict[str, int]
    #: By value at risk, the most first.
    top: Sequence[AtRisk]
    currency: str

    #: Those who pay a subscription: how many, and how many show each sign; and how the signs are measured.
    subscribers: int = 0
    signs: Mapping[str, int] = field(default_factory=dict)
    weighed: Weighed | None = None

    def document(self) -> dict[str, Any]:
        """For `churn --json`."""
        by = self.scale
        shown = by.cells and {"silence": bands()["silence"], "orders": bands()["orders"], "cells": by.cells}
        return {
            "day": self.day.isoformat(),
            "horizon_days": by.horizon,
            "tier": str(by.tier),
            "why": by.why,
            "model": by.model,
            "learnt_on": day_of(by.day).isoformat(),
            "same_season": by.seasonal,
            "told_by_a_source": self.told_by_a_source,
            "customers": self.customers,
            "repeat_buyers": by.repeat_buyers,
            "history_days": by.history,
            "rule": {"days": by.rule_days, "gaps": by.gaps},
            "parameters": by.parameters,
            "coefficients": by.coefficients,
            "proof": by.proof and by.proof.document(),
            "tried": {tier: one.document() for tier, one in (by.tried or {}).items()},
            "counts": self.counts,
            "currency": self.currency,
            "top": [one.document() for one in self.top],
            "people_alike": shown,
            "subscribers": self._subscribers(),
        }

    def _subscribers(self) -> dict[str, Any] | None:
        if self.weighed is None:
            return None
        proof = self.weighed.proof
        told = {"count": self.subscribers, "signs": dict(self.signs), "why": self.weighed.why}
        return told | {"weights": self.weighed.coefficients, "proof": proof and proof.document()}


@dataclass(frozen=True, slots=True)
class Explained:
    """One customer's score in facts."""

    customer: int
    called: str | None
    day: date
    horizon: int
    tier: Tier
    risk: float
    orders: int
    last_order: date
    silent_days: int
    #: The usual days between two orders: the median of the customer's own gaps, drawn to the shop's while they are few.
    usual_gap: float | None
    own_gaps: int
    rule_days: int
    usual_value: float | None
    value_at_risk: float | None
    currency: str
    alike: Alike | None

    def document(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return told | {"alike": self.alike and self.alike.document(), "sentences": list(self.sentences())}

    def sentences(self) -> Sequence[str]:
        """Plain words, each of them a fact that can be checked."""
        told = [_times(self.orders) + f", the last one {self.silent_days} days ago ({self.last_order})"]
        if self.usual_gap is not None:
            rests = f"from {self.own_gaps} gap{'' if self.own_gaps == 1 else 's'} of their own" if self.own_gaps else ""
            told.append(f"usually {self.usual_gap:.0f} days lie between two orders ({rests or 'the shop’s usual gap'})")
        if self.tier is Tier.RULE:
            told.append(f"the rule: at risk after {self.rule_days} days without an order")
        if self.alike is not None and self.alike.n:
            told.append(_past_cases(self.alike, self.horizon))
        if self.value_at_risk is not None:
            worth = f"usually spends {self.usual_value:,.0f} {self.currency} in {self.horizon} days"
            told.append(f"{worth}, of which {self.value_at_risk:,.0f} are at risk")
        return told


def overview(store: Store, settings: Settings, now: datetime, *, top: int) -> Overview:
    """As of the local midnight; by the scale in force where there is one, else by one learnt now. Writes nothing."""
    day = clock.local(now, settings.timezone).date()
    by, history, model = reckoned(store, settings, day, now)
    known = history.on(number_of(day))
    said = scores(by, known, model)
    with store.read() as connection:
        worth = _worth(connection, settings, known, by.horizon)
        at_stake = worth * said
        order = np.argsort(-np.nan_to_num(at_stake, nan=-1.0), kind="stable")[:top]
        names = _names(connection, settings, [int(known.customers[place]) for place in order])
        told = risk_is_told(connection)
    listed = [
        AtRisk(
            customer=(id := int(known.customers[place])),
            called=names.get(id),
            risk=float(said[place]),
            orders=int(known.repeats[place]) + 1,
            silent_days=int(known.silent[place]),
            usual_value=_amount(worth[place]),
            value_at_risk=_amount(at_stake[place]),
        )
        for place in order
        if said[place] > 0
    ]
    ending, weights = _subscribers(store, settings, day, now)
    counts = {"so": int((said > 0).sum()), "not": int((said == 0).sum())}
    if by.tier is not Tier.RULE:
        counts = summary_of(known, said, HIGH_RISK)
    return Overview(
        day,
        by,
        told,
        len(known),
        counts,
        listed,
        settings.currency,
        subscribers=len(ending.signs) if ending else 0,
        signs={sign: sum(sign in own for own in ending.signs.values()) for sign in SIGNS} if ending else {},
        weighed=weights,
    )


def _subscribers(store: Store, settings: Settings, day: date, now: datetime) -> tuple[Morning | None, Weighed | None]:
    """Those of the morning, and what their signs weigh; None where nobody pays a subscription."""
    with store.read() as connection:
        at = morning(connection, settings, day, now)
        if not at.signs:
            return None, None
        return at, weighed(connection, settings, day - timedelta(days=day.weekday()), now)


def explained(store: Store, settings: Settings, now: datetime, contact: int) -> Explained | None:
    """Why this contact's customer has its score; None of one who has never ordered."""
    day = clock.local(now, settings.timezone).date()
    by, history, model = reckoned(store, settings, day, now)
    with store.read() as connection:
        customer = _customer_of(connection, settings, contact)
        known = history.on(number_of(day))
        known = known.of(known.customers == customer)
        if not len(known):
            return None
        worth = _worth(connection, settings, known, by.horizon)
        names = _names(connection, settings, [int(known.customers[0])])
    own = _gaps_of(history, int(known.customers[0]), known.day)
    orders, silent, risk = int(known.repeats[0]) + 1, int(known.silent[0]), float(scores(by, known, model)[0])
    return Explained(
        customer=int(known.customers[0]),
        called=names.get(int(known.customers[0])),
        day=day,
        horizon=by.horizon,
        tier=by.tier,
        risk=risk,
        orders=orders,
        last_order=day_of(int(known.last[0])),
        silent_days=silent,
        usual_gap=_usual_gap(own, history.gaps(known.day)),
        own_gaps=len(own),
        rule_days=by.rule_days,
        usual_value=_amount(worth[0]),
        value_at_risk=_amount(worth[0] * risk),
        currency=settings.currency,
        alike=alike(by.cells, orders=orders, silent=silent) if by.cells else None,
    )


def _worth(connection: sa.Connection, settings: Settings, known: Snapshot, horizon: int) -> Floats:
    """What each usually spends in the days ahead: what they have spent, spread over the days they are known.

    Over a year at least for whom one order is all there is: it says little of what is usual.
    """
    c = contacts.c
    whose = c.company_id if settings.customers == "company" else c.id
    spent = sa.select(whose, sa.func.sum(sa.cast(sa.type_coerce(c.revenue, sa.BigInteger), sa.Float)))
    spent = spent.where(c.revenue.is_not(None), whose.is_not(None), c.merged_into.is_(None)).group_by(whose)
    parts = [np.array(part, float) for part in connection.execute(spent).partitions(50_000)]
    customers, worth = known.customers, np.full(len(known), np.nan)
    if parts:
        rows = np.concatenate(parts)
        rows = rows[np.argsort(rows[:, 0])]
        place = np.minimum(np.searchsorted(rows[:, 0], customers), len(rows) - 1)
        there = rows[place, 0] == customers
        worth[there] = rows[place[there], 1] / 10_000
    spread: Floats = worth / np.maximum(known.known, np.where(known.repeats > 0, horizon, 365)) * horizon
    return spread


def _names(connection: sa.Connection, settings: Settings, customers: Sequence[int]) -> dict[int, str | None]:
    named = sa.select(contacts.c.id, sa.func.coalesce(contacts.c.email, contacts.c.key))
    if settings.customers == "company":
        return dict(
            connection.execute(sa.select(companies.c.id, companies.c.name).where(companies.c.id.in_(customers))).all()
        )
    return dict(connection.execute(named.where(contacts.c.id.in_(customers))).all())


def _customer_of(connection: sa.Connection, settings: Settings, contact: int) -> int | None:
    if settings.customers == "contact":
        return contact
    return connection.scalar(sa.select(contacts.c.company_id).where(contacts.c.id == contact))


def _gaps_of(history: Histories, customer: int, before: int) -> Sequence[int]:
    place = int(np.searchsorted(history.customers, customer))
    days = history.days[history.begins[place] : history.begins[place + 1]]
    return [int(gap) for gap in np.diff(days[days < before])]


def _usual_gap(own: Sequence[int], everybody: Ints) -> float | None:
    if not len(everybody):
        return None
    shop = float(np.median(everybody))
    return (len(own) * median(own) + SHOP_GAPS * shop) / (len(own) + SHOP_GAPS) if own else shop


def _amount(worth: float) -> float | None:
    return None if worth != worth else round(float(worth), 2)


def _times(orders: int) -> str:
    return "ordered on one day" if orders == 1 else f"ordered on {orders} days"


def _past_cases(cell: Alike, horizon: int) -> str:
    low, high = wilson(cell.silent, cell.n)
    orders = "1 order" if cell.orders == "1" else f"{cell.orders} orders"
    return (
        f"{orders}, last {cell.silence} days ago: of {cell.n:,} past cases {100 * cell.silent / cell.n:.0f} % "
        f"({100 * low:.0f}–{100 * high:.0f} %) did not order in the next {horizon} days"
    )
