"""Who may be lost: the share of active customers at high risk, and the revenue that hangs on them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from runner.kpis.customers import bought, customers
from runner.kpis.measure import Asked, Direction, Figure, Part, Unit, kpi, nothing, rate
from runner.kpis.rows import one, total
from runner.store.tables import contacts, purchases

#: From this probability on a risk is high.
HIGH = 0.66
#: Days within which no order is meant.
HORIZON = 90


@kpi(
    key="churn_risk",
    name="Customers at high risk",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Of the active customers with a score, the share whose probability of no order in the next 90 days is 66 "
    "% or more. Scores are those of today, whatever the period.",
    needs=("orders",),
    reads=(purchases.c.seen_at,),
    nothing="no active customer has a score",
    entry=13,
    benchmark="bands in use elsewhere: low below 33 %, high above 66 % (Klaviyo)",
    parts={
        "mean": Part("Mean risk", Unit.RATIO, "The mean probability of the same customers.", Direction.LOWER),
        "revenue": Part(
            "Revenue at risk",
            Unit.MONEY,
            "Each one's probability × what such a customer brings in 90 days, by the last window, added up.",
            Direction.LOWER,
        ),
    },
)
def churn_risk(asked: Asked) -> Mapping[str, Figure]:
    if asked.settings.customers != "contact":
        return dict.fromkeys(("", "mean", "revenue"), nothing(note="Scores are of contacts, not of companies."))
    c, risk = customers(asked).c, contacts.c.churn_risk
    share = HORIZON / asked.settings.kpis.repeat_window.days
    yearly = sa.cast(sa.type_coerce(c.net_year, sa.BigInteger), sa.Float)
    high, n, probability, at_risk = asked.connection.execute(
        sa.select(total(one(risk >= HIGH)), sa.func.count(), total(risk), total(risk * yearly))
        .join_from(contacts, c.customer.table, c.customer == contacts.c.id)
        .where(c.e == 1, risk.is_not(None))
    ).one()
    if not n:
        return dict.fromkeys(("", "mean", "revenue"), nothing())
    money = asked.once(bought).unpriced_year
    revenue = nothing(n=n) if money else Figure(float(at_risk) * share / 10_000, n)
    return {"": rate(int(high), n), "mean": Figure(float(probability) / n, n), "revenue": revenue}
