"""What happens on the web site and in the stores: visits, carts, wish lists, footfall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from runner import clock
from runner.kpis.asked import Asked
from runner.kpis.lifespan import named
from runner.kpis.measure import Direction, Figure, Part, Unit, count, kpi, nothing, quotient, rate
from runner.kpis.rows import as_they_lie, one, there, total, with_anybody, with_people, with_sources
from runner.store.functions import days_between
from runner.store.tables import contact_sources, facts

sessions, carts, wishes, footfall = facts["sessions"], facts["carts"], facts["wishlist_items"], facts["footfall"]


@kpi(
    key="site_returning_visitor_rate",
    name="Returning visitors",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the visitors of the period, the share with a session in it that is not their first ever. Cookies are "
    "lost: the truth is higher.",
    needs=("sessions",),
    reads=(sessions.c.seen_at,),
    nothing="nobody visited the site in the period",
    entry=38,
    parts={
        "visitors": Part("Visitors", Unit.COUNT, "Visitors of the period."),
        "sessions": Part("Sessions", Unit.COUNT, "Sessions of the period."),
    },
)
def site_returning_visitor_rate(asked: Asked) -> Mapping[str, Figure]:
    seen = asked.once(_visits)
    return {
        "": rate(seen.returning, seen.visitors, note=_sessions_since(asked)),
        "visitors": count(seen.visitors),
        "sessions": count(seen.sessions),
    }


@kpi(
    key="site_conversion_rate",
    name="Site conversion rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the sessions of the period, the share with a purchase.",
    needs=("sessions",),
    reads=(sessions.c.seen_at,),
    nothing="nobody visited the site in the period",
    entry=39,
    parts={"by_visitor": Part("Conversion by visitor", Unit.RATIO, "Of the visitors, the share that bought.")},
)
def site_conversion_rate(asked: Asked) -> Mapping[str, Figure]:
    seen = asked.once(_visits)
    return {"": rate(seen.buying_sessions, seen.sessions), "by_visitor": rate(seen.buyers, seen.visitors)}


def _sessions_since(asked: Asked) -> str:
    """Who came before is not known of the time before."""
    first = asked.connection.scalar(sa.select(sa.func.min(sessions.c.started_at)))
    return f"Sessions known since {clock.local(first, asked.zone).date()}." if first else ""


@dataclass(frozen=True, slots=True)
class Visits:
    """The sessions of the period, by visitor."""

    visitors: int
    sessions: int
    #: Visitors with a session that is not their first ever.
    returning: int
    buying_sessions: int
    #: Visitors who bought.
    buyers: int


def _visits(asked: Asked) -> Visits:
    seen = with_anybody(asked, sessions)
    s, earlier = seen.c if isinstance(seen, sa.Subquery) else sessions.c, sessions.alias()
    visitors = (
        sa.select(s.visitor_id.label("visitor"), sa.func.count().label("many"), total(one(s.purchased)).label("bought"))
        .select_from(as_they_lie(asked, seen, sessions, asked.within(sessions.c.started_at)))
        .where(asked.within(s.started_at), asked.known(s.seen_at), asked.alive(s.deleted_at))
        .group_by(s.visitor_id)
        .subquery()
    )
    v = visitors.c
    before = sa.exists().where(
        earlier.c.visitor_id == v.visitor, earlier.c.started_at < asked.start, there(asked, earlier)
    )
    returning = sa.case((v.many > 1, 1), (before, 1), else_=0)
    told = sa.select(
        sa.func.count(), total(v.many), total(returning), total(v.bought), total(one(v.bought > 0))
    ).select_from(visitors)
    return Visits(*map(int, asked.connection.execute(told).one()))


@kpi(
    key="wishlist_conversion_rate",
    name="Wish-list conversion rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the articles put on a wish list in the period, the share that the same person bought within 30 days. "
    "Those younger than 30 days are left out; an article counts once a person.",
    needs=("wishlist_items",),
    reads=(wishes.c.seen_at,),
    nothing="nothing was put on a wish list in the period, 30 days ago or longer",
    entry=40,
)
def wishlist_conversion_rate(asked: Asked) -> Mapping[str, Figure]:
    rows, person = with_people(asked, with_sources(wishes), contact_sources.c.contact_id)
    w = wishes.c
    bought = sa.and_(asked.known(w.purchased_at), days_between(w.added_at, w.purchased_at) <= 30)
    items = (
        sa.select(sa.func.max(one(bought)).label("bought"))
        .select_from(rows)
        .where(asked.within(w.added_at), w.added_at <= asked.as_of - timedelta(days=30), there(asked, wishes))
        .group_by(person, w.sku)
        .subquery()
    )
    hits, n = asked.connection.execute(sa.select(total(items.c.bought), sa.func.count()).select_from(items)).one()
    return {"": rate(int(hits), n)}


@kpi(
    key="cart_abandonment_rate",
    name="Cart abandonment rate",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Of the carts begun in the period, the share not checked out within 24 hours. Younger ones are left out.",
    needs=("carts",),
    reads=(carts.c.seen_at,),
    nothing="no cart was begun in the period, 24 hours ago or longer",
    entry=41,
)
def cart_abandonment_rate(asked: Asked) -> Mapping[str, Figure]:
    begun = with_anybody(asked, carts)
    c = begun.c if isinstance(begun, sa.Subquery) else carts.c
    in_time = sa.and_(asked.known(c.checked_out_at), days_between(c.created_at, c.checked_out_at) <= 1)
    grown = c.created_at <= asked.as_of - timedelta(days=1)
    done, n = asked.connection.execute(
        sa.select(total(one(in_time)), sa.func.count())
        .select_from(begun)
        .where(asked.within(c.created_at), grown, asked.known(c.seen_at), asked.alive(c.deleted_at))
    ).one()
    return {"": rate(n - int(done), n)}


@kpi(
    key="foot_traffic",
    name="Foot traffic",
    unit=Unit.COUNT,
    direction=Direction.HIGHER,
    formula="Visitors that the stores counted in the period. Days without a count are gaps and no zeros.",
    needs=("footfall",),
    reads=(footfall.c.seen_at,),
    nothing="no store counted in the period",
    entry=42,
    vanity="it counts who passes by, and says nothing of who comes back: look at the conversion beside it",
    parts={
        "conversion": Part("Store conversion", Unit.RATIO, "Of the visitors, the share that bought.", Direction.HIGHER),
        "daily": Part("Visitors a store and day", Unit.NUMBER, "For each day that a store counted."),
        "coverage": Part(
            "Days counted", Unit.RATIO, "Of the days of the period and the stores, the share with a count."
        ),
    },
    each=Part("Foot traffic of {}", Unit.COUNT, "The same for {} alone.", Direction.HIGHER),
)
def foot_traffic(asked: Asked) -> Mapping[str, Figure]:
    f = footfall.c
    told = asked.connection.execute(
        sa.select(f.store_id, sa.func.sum(f.visitors), sa.func.sum(f.transactions), sa.func.count())
        .where(asked.on_a_day(f.date), there(asked, footfall))
        .group_by(f.store_id)
        .order_by(f.store_id)
    ).all()
    if not told:
        return dict.fromkeys(("", *foot_traffic.parts), nothing())
    visitors, transactions, days = (sum(int(row[place]) for row in told) for place in (1, 2, 3))
    elapsed = max((asked.last_instant - asked.period.start).days, 1)
    return {
        "": count(visitors),
        "conversion": rate(transactions, visitors)
        if transactions <= visitors
        else quotient(transactions, visitors, visitors),
        "daily": quotient(visitors, days, days),
        "coverage": quotient(days, len(told) * elapsed, len(told) * elapsed),
        **({named(row[0]): count(int(row[1])) for row in told} if len(told) > 1 else {}),
    }
