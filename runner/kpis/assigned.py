"""Who was assigned to which arm, and what they did in the days after: one row a tick that let people in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner.kpis.contrasts import Arm
from runner.kpis.measure import Asked
from runner.kpis.rows import one, total, with_customers
from runner.store.activity import ORDER, activity
from runner.store.functions import seconds_after
from runner.store.tables import decisions, enrollments, purchases


@dataclass(frozen=True, slots=True)
class Outcome:
    """What people are to do, and how long it counts: fixed ahead, counted from the assignment."""

    event: str
    within: timedelta

    def __str__(self) -> str:
        return f"{self.event.replace('_', ' ')} within {self.within.days} days"


@dataclass(frozen=True, slots=True)
class Assigned:
    """Those who were assigned at one instant."""

    at: datetime
    version: str
    arm: str
    #: Whether the days in which it counts are over.
    over: bool
    people: Arm


def of_playbook(asked: Asked, playbook: str, outcome: Outcome) -> Sequence[Assigned]:
    """Everybody that the playbook let in or held out, each once, by the first time. Oldest first."""
    e = enrollments.c
    rows = sa.select(e.contact_id, e.entered_at.label("at"), e.arm.label("arm"), e.version.label("version"))
    return _counted(asked, rows.where(e.playbook == playbook, e.entered_at <= asked.as_of), outcome)


def of_split(asked: Asked, playbook: str, step: str, outcome: Outcome) -> Sequence[Assigned]:
    """Everybody who drew an arm of a split, each once, by the first time."""
    d = decisions.c
    drew = (d.playbook == playbook, d.step == step, d.action == "split", d.branch.is_not(None), d.at <= asked.as_of)
    rows = sa.select(d.contact_id, d.at.label("at"), d.branch.label("arm"), d.version.label("version"))
    return _counted(asked, rows.where(*drew), outcome)


def _counted(asked: Asked, assigned: sa.Select[Any], outcome: Outcome) -> Sequence[Assigned]:
    first = _first(asked, assigned)
    over = first.c.at <= asked.as_of - outcome.within
    hits, spent = _done(asked, first, outcome), _spent(asked, first, outcome)
    each = sa.select(first.c.at, first.c.version, first.c.arm, over.label("over"), first.c.customer)
    people = each.add_columns(
        sa.func.coalesce(hits.c.hit, 0).label("hit"), sa.func.coalesce(spent.c.spent, 0.0).label("spent")
    )
    joined = first.outerjoin(hits, hits.c.customer == first.c.customer).outerjoin(
        spent, spent.c.customer == first.c.customer
    )
    # Of one company or of people who were merged: whoever is in both arms proves nothing.
    person = people.select_from(joined).where(first.c.arms == 1).subquery("person")
    p = person.c
    rows = asked.connection.execute(
        sa.select(
            p.at, p.version, p.arm, p.over, sa.func.count(), sa.func.sum(p.hit), sa.func.sum(p.spent),
            sa.func.sum(p.spent * p.spent),
        ).group_by(p.at, p.version, p.arm, p.over).order_by(p.at, p.version, p.arm)
    ).all()  # fmt: skip
    return [
        Assigned(at, version, arm, bool(is_over), Arm(n, int(hit), float(money), float(squares)))
        for at, version, arm, is_over, n, hit, money, squares in rows
    ]


def _first(asked: Asked, assigned: sa.Select[Any]) -> Any:
    """Each customer's first assignment, and in how many arms the customer is."""
    rows = assigned.subquery("assigned")
    joined, customer = with_customers(asked, rows, rows.c.contact_id)
    ranked = (
        sa.select(
            customer.label("customer"),
            rows.c.at,
            rows.c.arm,
            rows.c.version,
            sa.func.row_number().over(partition_by=customer, order_by=(rows.c.at, rows.c.arm)).label("place"),
            sa.func.min(rows.c.arm).over(partition_by=customer).label("lowest"),
            sa.func.max(rows.c.arm).over(partition_by=customer).label("highest"),
        )
        .select_from(joined)
        .subquery("ranked")
    )
    arms = sa.case((ranked.c.lowest == ranked.c.highest, 1), else_=2).label("arms")
    r = ranked.c
    return sa.select(r.customer, r.at, r.arm, r.version, arms).where(r.place == 1).subquery("first")


def _done(asked: Asked, first: Any, outcome: Outcome) -> Any:
    """Who did it in time."""
    done = _doings(outcome)
    rows, customer = with_customers(asked, done, done.c.contact_id)
    within = _within(asked, first, done, outcome)
    # Grouped and not DISTINCT: SQLite then finds each customer's row by an index of its making, and scans no list.
    matched = sa.select(customer.label("customer"), sa.func.max(1).label("hit")).select_from(
        rows.join(first, first.c.customer == customer)
    )
    return matched.where(*within).group_by(customer).subquery("hits")


def _doings(outcome: Outcome) -> Any:
    """Everybody's, whenever; an order that was refunded in full is none."""
    if outcome.event != ORDER:
        return activity(outcome.event).subquery("done")
    p = purchases.c
    return sa.select(p.contact_id, p.at, p.seen_at).where(p.net > 0).subquery("done")


def _spent(asked: Asked, first: Any, outcome: Outcome) -> Any:
    """What they spent in that time, in the account's currency."""
    rows, customer = with_customers(asked, purchases, purchases.c.contact_id)
    money = sa.cast(sa.type_coerce(purchases.c.value, sa.BigInteger), sa.Float) / 10_000
    spent = sa.select(customer.label("customer"), total(money).label("spent")).select_from(
        rows.join(first, first.c.customer == customer)
    )
    within = _within(asked, first, purchases, outcome)
    return spent.where(*within, purchases.c.value.is_not(None)).group_by(customer).subquery("spent")


def _within(asked: Asked, first: Any, done: Any, outcome: Outcome) -> Sequence[Any]:
    ends = seconds_after(first.c.at, outcome.within.total_seconds())
    return done.c.at > first.c.at, done.c.at <= ends, done.c.at <= asked.as_of, asked.known(done.c.seen_at)


def base_rate(asked: Asked, outcome: Outcome, at: datetime) -> tuple[int, int]:
    """Of the customers there were, how many did it in as many days before an instant: what is planned by."""
    begin = at - outcome.within
    done = _doings(outcome)
    rows, customer = with_customers(asked, done, done.c.contact_id)
    lately = sa.select(customer).select_from(rows).where(done.c.at > begin, done.c.at <= at).distinct().subquery()
    bought, buyer = with_customers(asked, purchases, purchases.c.contact_id)
    known = sa.select(buyer.label("buyer")).select_from(bought).where(purchases.c.at <= begin).distinct().subquery()
    hits = total(one(known.c.buyer.in_(sa.select(lately))))
    n, did = asked.connection.execute(sa.select(sa.func.count(), hits).select_from(known)).one()
    return int(n), int(did)
