"""Figures from numbers that somebody types: the same formulas, without a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.errors import WrongUsage
from runner.kpis import intervals
from runner.kpis.contrasts import Arm, newcombe
from runner.kpis.measure import Direction, Figure, Unit, quotient, rate
from runner.yaml_file import closest

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
class Calculated:
    """One figure, and the numbers in words that it came from."""

    key: str
    name: str
    unit: Unit
    direction: Direction
    figure: Figure
    formula: str

    def document(self) -> dict[str, Any]:
        """For `calculate --json`."""
        told = self.figure
        return {
            "key": self.key,
            "name": self.name,
            "value": told.value,
            "unit": self.unit.value,
            "direction": self.direction.value,
            "n": told.n,
            "low": told.low,
            "high": told.high,
            "reason": told.reason and told.reason.value,
            "formula": self.formula,
            "note": told.note or None,
        }


@dataclass(frozen=True, slots=True)
class _Formula:
    key: str
    name: str
    unit: Unit
    direction: Direction
    needs: tuple[str, ...]
    words: str
    of: Callable[[Numbers], Figure]
    #: What counts as 0 unless it is typed.
    optional: tuple[str, ...] = ()


def calculate(numbers: Numbers) -> Sequence[Calculated]:
    """Every figure that the numbers give. Raises WrongUsage for a name there is not, or numbers that cannot be."""
    for name in numbers:
        if name not in NAMES:
            raise WrongUsage(f"there is no {name!r} to calculate with; {closest(name, NAMES) or _all_names()}")
    _must_be_possible(numbers)
    told = [
        Calculated(f.key, f.name, f.unit, f.direction, f.of(dict.fromkeys(f.optional, 0.0) | dict(numbers)), f.words)
        for f in _FORMULAS
        if all(name in numbers for name in f.needs)
    ]
    if not told:
        raise WrongUsage(f"these give no figure; {_what_is_missing(numbers)}")
    return told


def _all_names() -> str:
    return f"there are {', '.join(NAMES)}"


def _what_is_missing(numbers: Numbers) -> str:
    """The figure that the fewest further numbers would give."""
    found = min(_FORMULAS, key=lambda f: (len(set(f.needs) - numbers.keys()), -len(set(f.needs) & numbers.keys())))
    missing = [f"{name} ({NAMES[name]})" for name in found.needs if name not in numbers]
    return f"for the {found.name.lower()} add {' and '.join(missing)}"


def _must_be_possible(numbers: Numbers) -> None:
    for name, value in numbers.items():
        if value < 0:
            raise WrongUsage(f"{name} is {NAMES[name]}: it cannot be {value:g}")
    for part, whole in _PARTS:
        if part in numbers and whole in numbers and numbers[part] > numbers[whole]:
            raise WrongUsage(f"{part} ({NAMES[part]}) cannot be more than {whole} ({NAMES[whole]})")
    if {"S", "E", "N"} <= numbers.keys():
        retained = numbers["E"] - numbers["N"] - numbers.get("R", 0)
        if retained < 0:
            raise WrongUsage("N and R are those still there at the end: together they cannot be more than E")
        if retained > numbers["S"]:
            raise WrongUsage(
                f"E − N − R is {retained:g}, more than the {numbers['S']:g} there were: who came back after having "
                "left is told as R"
            )


#: A number that is part of another one.
_PARTS = (
    ("repeaters", "buyers"), ("satisfied", "answers"), ("returned", "sold"), ("bounced", "sent"), ("opened", "sent"),
    ("clicked", "sent"), ("treated_ordered", "treated"), ("holdout_ordered", "holdout"),
)  # fmt: skip


def _retained(x: Numbers) -> int:
    return round(x["E"] - x["N"] - x["R"])


def _yearly(x: Numbers) -> Figure:
    """By compounding, never times twelve."""
    kept = (_retained(x) / x["S"]) ** (12 / x["months"]) if x["S"] and x["months"] else None
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


def _formulas() -> Iterator[_Formula]:
    up, down, neither = Direction.HIGHER, Direction.LOWER, Direction.CONTEXT
    ends, moved = ("S", "E", "N"), ("mrr_start", "expansion", "contraction", "churned")
    yield _Formula("crr", "Customer retention rate", Unit.RATIO, up, ends, "(E − N − R) ÷ S",
                   lambda x: rate(_retained(x), round(x["S"])), ("R",))  # fmt: skip
    yield _Formula("crr.retained", "Customers retained", Unit.COUNT, neither, ends, "E − N − R",
                   lambda x: Figure(_retained(x), _retained(x)), ("R",))  # fmt: skip
    yield _Formula("churn_rate", "Customer churn rate", Unit.RATIO, down, ends, "1 − retention",
                   lambda x: rate(round(x["S"]) - _retained(x), round(x["S"])), ("R",))  # fmt: skip
    yield _Formula("churn_rate.lost", "Customers lost", Unit.COUNT, down, ends, "S − retained",
                   lambda x: Figure(round(x["S"]) - _retained(x), round(x["S"])), ("R",))  # fmt: skip
    yield _Formula("churn_rate.yearly", "Churn rate of a year", Unit.RATIO, down, (*ends, "months"),
                   "1 − retention ^ (12 ÷ months)", _yearly, ("R",))  # fmt: skip
    yield _Formula("repeat_purchase_rate", "Repeat purchase rate", Unit.RATIO, up, ("repeaters", "buyers"),
                   "repeaters ÷ buyers", _share("repeaters", "buyers"))  # fmt: skip
    yield _Formula("purchase_frequency", "Purchase frequency", Unit.NUMBER, up, ("orders", "buyers"),
                   "orders ÷ buyers", _one_each("orders", "buyers"))  # fmt: skip
    yield _Formula("aov", "Average order value", Unit.MONEY, up, ("revenue", "orders"), "revenue ÷ orders",
                   _one_each("revenue", "orders"))  # fmt: skip
    yield _Formula("arpu", "Average revenue per customer", Unit.MONEY, up, ("revenue", "buyers"),
                   "revenue ÷ buyers", _one_each("revenue", "buyers"))  # fmt: skip
    yield _Formula("clv", "Customer lifetime value", Unit.MONEY, up,
                   ("order_value", "orders_a_year", "years", "margin"), "order_value × orders_a_year × years × margin",
                   lambda x: Figure(x["order_value"] * x["orders_a_year"] * x["years"] * x["margin"], 0))  # fmt: skip
    yield _Formula("clv.subscription", "Customer lifetime value", Unit.MONEY, up, ("monthly", "margin", "churn"),
                   "monthly × margin ÷ churn",
                   lambda x: quotient(x["monthly"] * x["margin"], x["churn"], 0))  # fmt: skip
    yield _Formula("customer_lifespan.by_churn", "Months that customers stay", Unit.NUMBER, up, ("churn",),
                   "1 ÷ churn", lambda x: quotient(1, x["churn"], 0))  # fmt: skip
    yield _Formula("existing_customer_revenue_growth", "Existing-customer revenue growth", Unit.RATIO, up,
                   ("revenue", "prior_revenue"), "(revenue − prior_revenue) ÷ prior_revenue",
                   lambda x: quotient(x["revenue"] - x["prior_revenue"], x["prior_revenue"], 0))  # fmt: skip
    yield _Formula("nrr", "Net revenue retention", Unit.RATIO, up, moved,
                   "(mrr_start + expansion − contraction − churned) ÷ mrr_start",
                   _of_start(lambda x: x["mrr_start"] + x["expansion"] - x["contraction"] - x["churned"]))  # fmt: skip
    yield _Formula("grr", "Gross revenue retention", Unit.RATIO, up, ("mrr_start", "contraction", "churned"),
                   "(mrr_start − contraction − churned) ÷ mrr_start",
                   _of_start(lambda x: x["mrr_start"] - x["contraction"] - x["churned"]))  # fmt: skip
    yield _Formula("revenue_churn_rate", "Revenue churn rate", Unit.RATIO, down,
                   ("mrr_start", "contraction", "churned"), "(contraction + churned) ÷ mrr_start",
                   _of_start(lambda x: x["contraction"] + x["churned"]))  # fmt: skip
    yield _Formula("revenue_churn_rate.net", "Net revenue churn rate", Unit.RATIO, down, moved,
                   "(contraction + churned − expansion) ÷ mrr_start",
                   _of_start(lambda x: x["contraction"] + x["churned"] - x["expansion"]))  # fmt: skip
    yield _Formula("quick_ratio", "Quick ratio", Unit.NUMBER, up, ("new", "expansion", "contraction", "churned"),
                   "(new + expansion + reactivation) ÷ (contraction + churned)",
                   lambda x: quotient(
                       x["new"] + x["expansion"] + x["reactivation"], x["contraction"] + x["churned"], 0
                   ), ("reactivation",))  # fmt: skip
    yield _Formula("nps", "Net promoter score", Unit.POINTS, up, ("promoters", "passives", "detractors"),
                   "100 × (promoters − detractors) ÷ answers", _promoted)  # fmt: skip
    yield _Formula("csat", "Customer satisfaction", Unit.RATIO, up, ("satisfied", "answers"),
                   "satisfied ÷ answers", _share("satisfied", "answers"))  # fmt: skip
    yield _Formula("dso", "Days sales outstanding", Unit.DAYS, down, ("receivables", "sales", "days"),
                   "receivables ÷ sales × days",
                   lambda x: quotient(x["receivables"] * x["days"], x["sales"], 0))  # fmt: skip
    yield _Formula("product_return_rate", "Product return rate", Unit.RATIO, down, ("returned", "sold"),
                   "returned ÷ sold", _share("returned", "sold"))  # fmt: skip
    yield _Formula("email_open_rate", "E-mail open rate", Unit.RATIO, up, ("opened", "sent"),
                   "opened ÷ (sent − bounced)",
                   lambda x: rate(round(x["opened"]), round(x["sent"] - x["bounced"])), ("bounced",))  # fmt: skip
    yield _Formula("email_click_rate", "E-mail click rate", Unit.RATIO, up, ("clicked", "sent"),
                   "clicked ÷ (sent − bounced)",
                   lambda x: rate(round(x["clicked"]), round(x["sent"] - x["bounced"])), ("bounced",))  # fmt: skip
    yield _Formula("incremental_effect", "Effect against the holdout", Unit.RATIO, up,
                   ("treated", "treated_ordered", "holdout", "holdout_ordered"),
                   "treated_ordered ÷ treated − holdout_ordered ÷ holdout", _effect)  # fmt: skip


_FORMULAS = tuple(_formulas())
