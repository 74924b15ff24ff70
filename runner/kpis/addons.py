"""Add-ons beside a plan: who takes one, and which are cancelled."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.measure import Direction, Figure, Part, Unit, kpi, rate
from runner.kpis.paying import live, paying, subscriptions
from runner.kpis.rows import one, plain, there, total, with_accounts


@kpi(
    needs=("subscriptions",),
    reads=(subscriptions.c.seen_at,),
    key="addon_adoption_cancellation",
    name="Add-on adoption",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers who pay at the period's end, the share that pays for an add-on.",
    nothing="no subscription was paid for when the period ended",
    entry=46,
    parts={
        "cancellation": Part(
            "Add-on cancellation",
            Unit.RATIO,
            "Of the add-ons paid for when the period began, the share no longer paid for when it ended.",
            Direction.LOWER,
        ),
    },
)
def addon_adoption_cancellation(asked: Asked) -> Mapping[str, Figure]:
    rows, customer = with_accounts(asked, subscriptions)
    addon = plain(subscriptions.c.kind, ("addon", "plan")) == "addon"
    start, end = (sa.func.max(one(live(day))) for day in (asked.period.start, asked.last_instant))
    product = (
        sa.select(customer.label("customer"), start.label("s"), end.label("e"))
        .select_from(rows)
        .where(addon, there(asked, subscriptions))
        .group_by(customer, subscriptions.c.product)
        .subquery()
    )
    c = product.c
    sums = total(c.s).label("s"), total(c.s * (1 - c.e)).label("gone"), sa.func.max(c.e).label("e")
    each = sa.select(*sums).group_by(c.customer).subquery().c
    told = asked.connection.execute(sa.select(total(each.s), total(each.gone), total(each.e))).one()
    at_start, gone, attached = map(int, told)
    return {"": rate(attached, asked.once(paying).ending), "cancellation": rate(gone, at_start)}
