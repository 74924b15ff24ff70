"""Who may be lost: the share of active customers at high risk, and the revenue that hangs on them."""

from __future__ import annotations

from collections.abc import Mapping

from runner.kpis.asked import Asked
from runner.kpis.measure import Direction, Figure, Part, Unit, average, kpi, nothing, rate
from runner.kpis.scored import known_since
from runner.store.tables import purchases


@kpi(
    key="churn_risk",
    name="Customers at high risk",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Of the active customers with a score, the share whose probability of no order within `churn.horizon` (90 "
    "days) is 66 % or more. Scores are those of the period's end, as they were kept.",
    needs=("orders",),
    reads=(purchases.c.seen_at,),
    nothing="no active customer has a score",
    entry=13,
    version=2,
    benchmark="bands in use elsewhere: low below 33 %, high above 66 % (Klaviyo)",
    parts={
        "mean": Part("Mean risk", Unit.RATIO, "The mean probability of the same customers.", Direction.LOWER),
        "revenue": Part(
            "Revenue at risk",
            Unit.MONEY,
            "Each one's probability × what they bring in that time by the last window, added up.",
            Direction.LOWER,
        ),
    },
)
def churn_risk(asked: Asked) -> Mapping[str, Figure]:
    if asked.settings.customers != "contact":
        return dict.fromkeys(("", "mean", "revenue"), nothing(note="Scores are of contacts, not of companies."))
    from runner.kpis.at_risk import at_risk

    told = asked.once(at_risk)
    if not len(told):
        return dict.fromkeys(("", "mean", "revenue"), nothing(note=known_since(asked)))
    share = asked.settings.churn.horizon.days / asked.settings.kpis.repeat_window.days
    revenue = nothing(n=len(told))
    if told.brought is not None:
        revenue = Figure(float(told.risk @ told.brought) * share, len(told))
    return {
        "": rate(told.high, len(told)),
        "mean": average(float(told.risk.mean()), len(told), float(told.risk.std(ddof=1)) if len(told) > 1 else 0.0),
        "revenue": revenue,
    }
