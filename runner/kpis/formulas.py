"""The formulas of the calculator: one row a figure, from numbers that somebody types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.kpis import intervals
from runner.kpis.contrasts import Arm, newcombe
from runner.kpis.measure import Direction, Figure, Unit, quotient, rate

#: What may be typed, and what it means.
NAMES: Mapping[str, str] = {
    "S": "customers at the start",
    "E": "customers at the end",
    "N": "new customers, those still there at the end",
    "R": "customers who came back after having left (none unless told)",
    "months": "months that the period has",
    "orders": "orders",
    "buyers": "customers who ordered",
    "repeaters": "customers who ordered twice or more",
    "revenue": "revenue, net of refunds",
    "prior_revenue": "what the same customers brought in the period before",
    "order_value": "an average order's value",
    "orders_a_year": "orders of a customer in a year",
    "years": "years that a customer stays",
    "margin": "what is left of revenue, as 0.5",
    "monthly": "what a customer pays a month",
    "churn": "the share of customers that leave in a month, as 0.03",
    "mrr_start": "monthly recurring revenue at the start",
    "new": "of new customers",
    "reactivation": "of customers who came back",
    "expansion": "what customers pay more",
    "contraction": "what customers pay less",
    "churned": "what those paid who left",
    "promoters": "answers of 9 and 10",
    "passives": "answers of 7 and 8",
    "detractors": "answers of 0 to 6",
    "satisfied": "answers of 4 and 5",
    "answers": "all answers",
    "receivables": "what is owed to you",
    "sales": "what was invoiced",
    "days": "days of the period",
    "sold": "units sold",
    "returned": "units sent back",
    "sent": "mails sent",
    "bounced": "mails that came back",
    "opened": "mails that a person opened",
    "clicked": "mails that a person clicked in",
    "treated": "people treated",
    "treated_ordered": "of these, who ordered",
    "holdout": "people held out at random",
    "holdout_ordered": "of these, who ordered",
}
Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Formula:
    key: str
    name: str
    unit: Unit
    direction: Direction
    needs: tuple[str, ...]
    words: str
    of: Callable[[Numbers], Figure]
    #: What counts as 0 unless it is typed.
    optional: tuple[str, ...] = ()


def retained(x: Numbers) -> int:
    return round(x["E"] - x["N"] - x["R"])


def _yearly(x: Numbers) -> Figure:
    """By compounding, never times twelve."""
    kept = (retained(x) / x["S"]) ** (12 / x["months"]) if x["S"] and x["months"] else None
    return quotient(0, 0, 0) if kept is None else Figure(1 - kept, round(x["S"]))


def _promoted(x: Numbers) -> Figure:
    up, down = round(x["promoters"]), round(x["detractors"])
    n = up + down + round(x["passives"])
    return Figure(100 * (up - down) / n, n, *intervals.net_promoter(up, down, n)) if n else quotient(0, 0, 0)


def _effect(x: Numbers) -> Figure:
    n1, n2 = round(x["treated"]), round(x["holdout"])
    if not n1 or not n2:
        return quotient(0, 0, 0)
    around = newcombe(Arm(n1, round(x["treated_ordered"])), Arm(n2, round(x["holdout_ordered"])))
    return Figure(x["treated_ordered"] / n1 - x["holdout_ordered"] / n2, n1 + n2, *around)


def _share(part: str, whole: str) -> Callable[[Numbers], Figure]:
    return lambda x: rate(round(x[part]), round(x[whole]))


def _one_each(over: str, under: str) -> Callable[[Numbers], Figure]:
    return lambda x: quotient(x[over], x[under], round(x[under]))


def _of_start(of: Callable[[Numbers], float]) -> Callable[[Numbers], Figure]:
    return lambda x: quotient(of(x), x["mrr_start"], 0)


_UP, _DOWN, _NEITHER = Direction.HIGHER, Direction.LOWER, Direction.CONTEXT
_ENDS, _MOVED = ("S", "E", "N"), ("mrr_start", "expansion", "contraction", "churned")

#: Every formula, in the order in which figures are told.
FORMULAS = (
    Formula("crr", "Customer retention rate", Unit.RATIO, _UP, _ENDS, "(E − N − R) ÷ S",
        lambda x: rate(retained(x), round(x["S"])), ("R",)),
    Formula("crr.retained", "Customers retained", Unit.COUNT, _NEITHER, _ENDS, "E − N − R",
        lambda x: Figure(retained(x), retained(x)), ("R",)),
    Formula("churn_rate", "Customer churn rate", Unit.RATIO, _DOWN, _ENDS, "1 − retention",
        lambda x: rate(round(x["S"]) - retained(x), round(x["S"])), ("R",)),
    Formula("churn_rate.lost", "Customers lost", Unit.COUNT, _DOWN, _ENDS, "S − retained",
        lambda x: Figure(round(x["S"]) - retained(x), round(x["S"])), ("R",)),
    Formula("churn_rate.yearly", "Churn rate of a year", Unit.RATIO, _DOWN, (*_ENDS, "months"),
        "1 − retention ^ (12 ÷ months)", _yearly, ("R",)),
    Formula("repeat_purchase_rate", "Repeat purchase rate", Unit.RATIO, _UP, ("repeaters", "buyers"),
        "repeaters ÷ buyers", _share("repeaters", "buyers")),
    Formula("purchase_frequency", "Purchase frequency", Unit.NUMBER, _UP, ("orders", "buyers"),
        "orders ÷ buyers", _one_each("orders", "buyers")),
    Formula("aov", "Average order value", Unit.MONEY, _UP, ("revenue", "orders"), "revenue ÷ orders",
        _one_each("revenue", "orders")),
    Formula("arpu", "Average revenue per customer", Unit.MONEY, _UP, ("revenue", "buyers"),
        "revenue ÷ buyers", _one_each("revenue", "buyers")),
    Formula("clv", "Customer lifetime value", Unit.MONEY, _UP,
        ("order_value", "orders_a_year", "years", "margin"), "order_value × orders_a_year × years × margin",
        lambda x: Figure(x["order_value"] * x["orders_a_year"] * x["years"] * x["margin"], 0)),
    Formula("clv.subscription", "Customer lifetime value", Unit.MONEY, _UP, ("monthly", "margin", "churn"),
        "monthly × margin ÷ churn",
        lambda x: quotient(x["monthly"] * x["margin"], x["churn"], 0)),
    Formula("customer_lifespan.by_churn", "Months that customers stay", Unit.NUMBER, _UP, ("churn",),
        "1 ÷ churn", lambda x: quotient(1, x["churn"], 0)),
    Formula("existing_customer_revenue_growth", "Existing-customer revenue growth", Unit.RATIO, _UP,
        ("revenue", "prior_revenue"), "(revenue − prior_revenue) ÷ prior_revenue",
        lambda x: quotient(x["revenue"] - x["prior_revenue"], x["prior_revenue"], 0)),
    Formula("nrr", "Net revenue retention", Unit.RATIO, _UP, _MOVED,
        "(mrr_start + expansion − contraction − churned) ÷ mrr_start",
        _of_start(lambda x: x["mrr_start"] + x["expansion"] - x["contraction"] - x["churned"])),
    Formula("grr", "Gross revenue retention", Unit.RATIO, _UP, ("mrr_start", "contraction", "churned"),
        "(mrr_start − contraction − churned) ÷ mrr_start",
        _of_start(lambda x: x["mrr_start"] - x["contraction"] - x["churned"])),
    Formula("revenue_churn_rate", "Revenue churn rate", Unit.RATIO, _DOWN,
        ("mrr_start", "contraction", "churned"), "(contraction + churned) ÷ mrr_start",
        _of_start(lambda x: x["contraction"] + x["churned"])),
    Formula("revenue_churn_rate.net", "Net revenue churn rate", Unit.RATIO, _DOWN, _MOVED,
        "(contraction + churned − expansion) ÷ mrr_start",
        _of_start(lambda x: x["contraction"] + x["churned"] - x["expansion"])),
    Formula("quick_ratio", "Quick ratio", Unit.NUMBER, _UP, ("new", "expansion", "contraction", "churned"),
        "(new + expansion + reactivation) ÷ (contraction + churned)",
        lambda x: quotient(
            x["new"] + x["expansion"] + x["reactivation"], x["contraction"] + x["churned"], 0
        ), ("reactivation",)),
    Formula("nps", "Net promoter score", Unit.POINTS, _UP, ("promoters", "passives", "detractors"),
        "100 × (promoters − detractors) ÷ answers", _promoted),
    Formula("csat", "Customer satisfaction", Unit.RATIO, _UP, ("satisfied", "answers"),
        "satisfied ÷ answers", _share("satisfied", "answers")),
    Formula("dso", "Days sales outstanding", Unit.DAYS, _DOWN, ("receivables", "sales", "days"),
        "receivables ÷ sales × days",
        lambda x: quotient(x["receivables"] * x["days"], x["sales"], 0)),
    Formula("product_return_rate", "Product return rate", Unit.RATIO, _DOWN, ("returned", "sold"),
        "returned ÷ sold", _share("returned", "sold")),
    Formula("email_open_rate", "E-mail open rate", Unit.RATIO, _UP, ("opened", "sent"),
        "opened ÷ (sent − bounced)",
        lambda x: rate(round(x["opened"]), round(x["sent"] - x["bounced"])), ("bounced",)),
    Formula("email_click_rate", "E-mail click rate", Unit.RATIO, _UP, ("clicked", "sent"),
        "clicked ÷ (sent − bounced)",
        lambda x: rate(round(x["clicked"]), round(x["sent"] - x["bounced"])), ("bounced",)),
    Formula("incremental_effect", "Effect against the holdout", Unit.RATIO, _UP,
        ("treated", "treated_ordered", "holdout", "holdout_ordered"),
        "treated_ordered ÷ treated − holdout_ordered ÷ holdout", _effect),
)  # fmt: skip
