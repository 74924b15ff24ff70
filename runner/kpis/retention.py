"""Who stayed and who left, counted as sets of customers and never as a difference of totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.kpis.measure import Asked, Direction, Figure, Part, Unit, count, kpi, rate
from runner.kpis.rows import one, total, with_customers
from runner.store.tables import purchases

NOBODY = "no customer was active when the period began"


@dataclass(frozen=True, slots=True)
class Movement:
    """The customers of a period's two ends. `ending` is always `retained` + `new` + `reactivated`."""

    #: Active when the period began.
    starting: int
    #: Active when it ended.
    ending: int
    #: Active at both ends, whatever happened between.
    retained: int
    #: First order in the period, active at its end.
    new: int
    #: Active at the end, not at the start, customer before.
    reactivated: int
    #: First order in the period, no longer active at its end.
    new_and_lost: int
    #: The first order known.
    since: datetime | None

    @property
    def lost(self) -> int:
        return self.starting - self.retained


@kpi(
    key="crr",
    name="Customer retention rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers active when the period began, the share that was active when it ended.",
    needs=("orders",),
    reads=(purchases.c.seen_at,),
    nothing=NOBODY,
    entry=1,
    parts={
        "start": Part("Customers at the start", Unit.COUNT, "Customers active when the period began."),
        "retained": Part("Customers retained", Unit.COUNT, "Active when the period began and when it ended."),
        "new": Part("New customers", Unit.COUNT, "First order in the period, active when it ended."),
        "reactivated": Part(
            "Customers reactivated",
            Unit.COUNT,
            "Active when the period ended, not when it began, and customers before.",
        ),
        "end": Part(
            "Customers at the end",
            Unit.COUNT,
            "Customers active when the period ended: those retained, new and reactivated.",
        ),
    },
)
def crr(asked: Asked) -> Mapping[str, Figure]:
    moved = asked.once(_movement)
    return {
        "": rate(moved.retained, moved.starting, note=_note(asked, moved)),
        "start": count(moved.starting),
        "retained": count(moved.retained),
        "new": count(moved.new),
        "reactivated": count(moved.reactivated),
        "end": count(moved.ending),
    }


@kpi(
    key="churn_rate",
    name="Customer churn rate",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Of the customers active when the period began, the share that was no longer active when it ended.",
    needs=("orders",),
    reads=(purchases.c.seen_at,),
    nothing=NOBODY,
    entry=2,
    parts={
        "lost": Part(
            "Customers lost",
            Unit.COUNT,
            "Active when the period began, no longer when it ended.",
            Direction.LOWER,
        ),
        "new_and_lost": Part(
            "Won and lost in the period",
            Unit.COUNT,
            "First order in the period, no longer active when it ended. Not part of the rate.",
            Direction.LOWER,
        ),
    },
)
def churn_rate(asked: Asked) -> Mapping[str, Figure]:
    moved = asked.once(_movement)
    return {
        "": rate(moved.lost, moved.starting, note=_note(asked, moved)),
        "lost": count(moved.lost),
        "new_and_lost": count(moved.new_and_lost),
    }


def _note(asked: Asked, moved: Movement) -> str:
    window = f"Active: an order that counts in the {asked.settings.kpis.activity_window} before."
    if moved.since is None:
        return window
    return f"{window} Orders known since {clock.local(moved.since, asked.settings.timezone).date()}."


def _movement(asked: Asked) -> Movement:
    of_contact = _activity(asked).subquery()
    rows, customer = with_customers(asked, of_contact, of_contact.c.contact_id)
    of_customer = (
        sa.select(
            sa.func.max(of_contact.c.s).label("s"),
            sa.func.max(of_contact.c.e).label("e"),
            sa.func.min(of_contact.c.first).label("first"),
        )
        .select_from(rows)
        .group_by(customer)
        .subquery()
    )
    s, e, came = of_customer.c.s == 1, of_customer.c.e == 1, of_customer.c.first >= asked.start
    told = asked.connection.execute(
        sa.select(
            *(
                total(one(condition))
                for condition in (
                    s,
                    e,
                    sa.and_(s, e),
                    sa.and_(e, came),
                    sa.and_(e, ~s, ~came),
                    sa.and_(~e, came),
                )
            ),
            sa.func.min(of_customer.c.first),
        )
    ).one()
    starting, ending, retained, new, reactivated, new_and_lost = map(int, told[:-1])
    return Movement(starting, ending, retained, new, reactivated, new_and_lost, since=told[-1])


def _activity(asked: Asked) -> sa.Select[Any]:
    """Of each contact with an order that counts: active at the start (s), at the end (e), and the first order."""
    at = purchases.c.at
    at_start = sa.and_(at >= _window_before(asked, asked.start), at < asked.start)
    at_end = at >= _window_before(asked, asked.end)
    return (
        sa.select(
            purchases.c.contact_id,
            sa.func.max(one(at_start)).label("s"),
            sa.func.max(one(at_end)).label("e"),
            sa.func.min(at).label("first"),
        )
        .where(asked.before(at), asked.known(purchases.c.seen_at), purchases.c.net > 0)
        .group_by(purchases.c.contact_id)
    )


def _window_before(asked: Asked, at: datetime) -> datetime:
    """Where the activity window that ends at the instant begins: the same wall-clock time so many days earlier."""
    wall = clock.local(at, asked.settings.timezone) - asked.settings.kpis.activity_window.span
    return wall.astimezone(at.tzinfo)
