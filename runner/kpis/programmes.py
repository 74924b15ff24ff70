"""Who takes part: loyalty programme, referrals, reviews."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner.kpis import customers
from runner.kpis.asked import Asked
from runner.kpis.lifespan import named
from runner.kpis.measure import Direction, Figure, Part, Unit, kpi, nothing, quotient, rate
from runner.kpis.retention import by_subscription
from runner.kpis.rows import one, there, total, with_customers, with_people, with_sources
from runner.store.tables import contact_sources, contacts, facts, points

if TYPE_CHECKING:
    from runner.store.arrays import Ints

loyalty, referrals, review_requests = facts["loyalty"], facts["referrals"], facts["review_requests"]


@kpi(
    key="loyalty_participation_rate",
    name="Loyalty programme participation",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers active at the period's end, the share that is a member then, of our own programme "
    "whoever has had a point. Members buy more partly because good customers join: a difference is no effect.",
    needs=("orders", "loyalty"),
    reads=(loyalty.c.seen_at, points.c.at),
    nothing="no customer was active when the period ended",
    entry=33,
    version=2,
    parts={
        "active": Part(
            "Members who take part",
            Unit.RATIO,
            "Of the members at the period's end, the share that earned or spent points in it. Of our own programme.",
            Direction.HIGHER,
        ),
        "redemption": Part(
            "Points spent",
            Unit.RATIO,
            "Points spent in the period, in parts of those earned in it. Of our own programme.",
        ),
    },
)
def loyalty_participation_rate(asked: Asked) -> Mapping[str, Figure]:
    members = _members(asked)
    return {"": _among_active(asked, members, end=True), **_points(asked, members)}


def _members(asked: Asked) -> sa.Select[Any]:
    """At the period's end: whom a source calls a member, and in our own programme whoever has had a point."""
    rows, customer = with_customers(asked, with_sources(loyalty), contact_sources.c.contact_id)
    left = loyalty.c.left_at
    told = (
        sa.select(customer.label("customer"))
        .select_from(rows)
        .where(there(asked, loyalty), asked.before(loyalty.c.joined_at), sa.or_(left.is_(None), left > asked.end))
    )
    rows, customer = with_customers(asked, points, points.c.contact_id)
    own = sa.select(customer.label("customer")).select_from(rows).where(asked.before(points.c.at))
    return sa.select(sa.union(told, own).subquery().c.customer)


def _points(asked: Asked, members: sa.Select[Any]) -> Mapping[str, Figure]:
    """What members do with points: earned by a rule, spent by a row below 0 of the shop's or by hand."""
    p = points.c
    rows, customer = with_customers(asked, points, p.contact_id)
    of_period, raw = asked.within(p.at), sa.type_coerce(p.points, sa.BigInteger)
    spent = sa.or_(p.rule == "spent", sa.and_(p.rule == "by_hand", raw < 0))
    earned = sa.and_(~spent, p.rule != "expired")
    sums = sa.select(total(sa.case((spent, -raw), else_=0)), total(sa.case((earned, raw), else_=0)))
    gone, came = asked.connection.execute(sums.select_from(rows).where(of_period)).one()
    if not came and not gone:
        return dict.fromkeys(("active", "redemption"), nothing())
    # What a refund takes back nobody has done.
    who = sa.select(customer).select_from(rows).where(of_period, sa.or_(spent, sa.and_(earned, raw > 0)))
    people = members.subquery()
    person = people.c.customer
    hits, n = asked.connection.execute(
        sa.select(sa.func.count(sa.distinct(sa.case((person.in_(who), person)))), sa.func.count(sa.distinct(person)))
    ).one()
    return {"active": rate(hits, n), "redemption": quotient(float(gone), float(came), n)}


@kpi(
    key="referral_rate",
    name="Referral participation",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers active when the period began, the share that referred somebody in it. Who names their "
    "own address refers nobody.",
    needs=("referrals",),
    reads=(referrals.c.seen_at,),
    nothing="no customer was active when the period began",
    entry=34,
    parts={
        "conversion": Part(
            "Referral conversion",
            Unit.RATIO,
            "Of the people referred in the period, the share that has become a customer so far.",
            Direction.HIGHER,
        ),
    },
)
def referral_rate(asked: Asked) -> Mapping[str, Figure]:
    rows, customer = with_customers(asked, with_sources(referrals), contact_sources.c.contact_id)
    r = referrals.c
    own = sa.select(contacts.c.address).where(contacts.c.id == contact_sources.c.contact_id).scalar_subquery()
    others = sa.func.lower(sa.func.trim(r.referred_email)) != sa.func.coalesce(own, "")
    counted = sa.and_(asked.within(r.invited_at), there(asked, referrals), others)
    came = sa.and_(r.converted_at.is_not(None), asked.known(r.converted_at))
    converted, n = asked.connection.execute(
        sa.select(total(one(came)), sa.func.count()).select_from(rows).where(counted)
    ).one()
    who = sa.select(customer).select_from(rows).where(counted)
    return {"": _among_active(asked, who, end=False), "conversion": rate(int(converted), n)}


@kpi(
    key="review_request_conversion",
    name="Review requests answered",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the requests for a review sent in the period, the share that has led to a review so far.",
    needs=("review_requests",),
    reads=(review_requests.c.seen_at,),
    nothing="no review was asked for in the period",
    entry=35,
    parts={"rating": Part("Average rating", Unit.SCORE, "The mean rating of these reviews.", Direction.HIGHER)},
    each=Part("Review requests answered on {}", Unit.RATIO, "The same for {} alone.", Direction.HIGHER),
)
def review_request_conversion(asked: Asked) -> Mapping[str, Figure]:
    rows, _ = with_people(asked, with_sources(review_requests), contact_sources.c.contact_id)
    c = review_requests.c
    came = sa.and_(c.reviewed_at.is_not(None), asked.known(c.reviewed_at))
    sites: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    rated, stars = 0, 0.0
    for site, sent, written, with_rating, sum_of_ratings in asked.connection.execute(
        sa.select(
            sa.func.lower(c.site),
            sa.func.count(),
            total(one(came)),
            total(one(sa.and_(came, c.rating.is_not(None)))),
            total(sa.case((came, c.rating), else_=0)),
        )
        .select_from(rows)
        .where(asked.within(c.sent_at), there(asked, review_requests))
        .group_by(sa.func.lower(c.site))
    ):
        sites[named(site)][0] += int(written)
        sites[named(site)][1] += sent
        rated, stars = rated + int(with_rating), stars + float(sum_of_ratings)
    written, sent = (sum(each[place] for each in sites.values()) for place in (0, 1))
    rating = Figure(stars / rated, rated) if rated else nothing()
    by_site = {site: rate(*each) for site, each in sorted(sites.items())} if len(sites) > 1 else {}
    return {"": rate(written, sent), "rating": rating, **by_site}


def _among_active(asked: Asked, some: sa.Select[Any], *, end: bool) -> Figure:
    """Of the customers active at an end of the period, the share that is among some."""
    import numpy as np

    from runner.store.arrays import numbers

    active = _active_at(asked, end=end)
    return rate(int(np.count_nonzero(np.isin(active, numbers(asked.connection, some)[0]))), len(active))


def _active_at(asked: Asked, *, end: bool) -> Ints:
    """The customers active at an end of the period."""
    from runner.kpis.orders import instant, orders
    from runner.kpis.paid import paid

    if by_subscription(asked):
        return asked.once(paid).active(end=end)
    at = asked.end if end else asked.start
    bought = asked.once(orders) if end else asked.once(orders).before(instant(at))
    since = customers.window_before(asked, at, asked.settings.kpis.activity_window)
    return bought.customers[bought.last >= instant(since)] if len(bought) else bought.customers
