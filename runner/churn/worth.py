"""What customers will bring in the year ahead: orders to come times their value, tested on a past that is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import numpy as np
import sqlalchemy as sa

from runner.churn.ahead import orders_ahead
from runner.churn.gamma_gamma import Spending, correlation, fitted, next_value
from runner.churn.histories import Histories, Snapshot, day_of, number_of, of_rows
from runner.churn.mbg_nbd import SAMPLE, Fit
from runner.churn.mbg_nbd import fitted as fitted_orders
from runner.churn.scale import CUSTOMERS, HISTORY, REPEAT_BUYERS, YEAR
from runner.kpis.ahead import MOST_ALIKE, YEAR_AHEAD, Worth, WorthProof
from runner.kpis.asked import Asked, Period
from runner.kpis.days import local_days
from runner.kpis.orders import Orders, instant, orders
from runner.settings import Settings
from runner.store.arrays import Floats

#: The year is discounted quarter by quarter.
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Buyers:
    """Everybody who had ordered before a morning, and what each had spent by then."""

    known: Snapshot
    spent: Floats

    @property
    def counts(self) -> tuple[Floats, Floats, Floats]:
        """Repeat orders, the last of them after the first, known for: days."""
        k = self.known
        return k.repeats.astype(float), (k.last - k.first).astype(float), k.known.astype(float)

    @property
    def orders(self) -> Floats:
        return self.known.repeats.astype(float) + 1

    @property
    def mean(self) -> Floats:
        """Of what their orders were worth; the first one counts as well."""
        return self.spent / self.orders

    def some(self, most: int) -> Buyers:
        """A sample where there are more: always the same of a morning's."""
        if len(self.known) <= most:
            return self
        chosen = np.sort(np.random.default_rng(self.known.day).choice(len(self.known), most, replace=False))
        return Buyers(self.known.of(chosen), self.spent[chosen])


@dataclass(frozen=True, slots=True)
class Learnt:
    """How often they order and for how much."""

    orders: Fit
    values: Spending

    def expected(self, of: Buyers, days: float, *, discount: float = 0.0) -> Floats:
        """What each will spend in the days ahead; money of a year later is worth less by `discount`."""
        steps = QUARTERS if discount else 1
        orders, before = np.zeros(len(of.known)), np.zeros(len(of.known))
        for step in range(1, steps + 1):
            by_then = orders_ahead(self.orders, *of.counts, days * step / steps)
            years = days * (step - 0.5) / steps / 365
            orders, before = orders + (by_then - before) * (1 - discount) ** years, by_then
        return orders * next_value(self.values, of.orders, of.mean)


def reckoned(connection: sa.Connection, settings: Settings, day: date, now: datetime) -> Worth:
    """By the orders before a local day, as known at an instant."""
    asked = Asked(connection, Period(day - timedelta(days=1), day), now, settings)
    bought = asked.once(orders)
    history = of_rows(np.repeat(bought.customers, np.diff(bought.begins)), local_days(asked, bought.at))
    today, first, customers = number_of(day), history.first_day, len(history.customers)
    if first is None or customers < CUSTOMERS or today - first < HISTORY:
        return Worth(str(day), customers, None, f"The model needs {CUSTOMERS} customers and orders of {HISTORY} days.")
    back = YEAR if today - first >= YEAR + HISTORY else settings.churn.horizon.days
    if bought.unpriced is not None:
        return Worth(str(day), customers, None, "Some orders have no exchange rate.")
    then, by_now = (_spent_before(asked, bought, morning) for morning in (day - timedelta(days=back), day))
    buyers = _buyers(history, today, by_now)
    learnt = _learnt(buyers)
    if isinstance(learnt, str):
        return Worth(str(day), customers, None, learnt)
    proof = _tested(_buyers(history, today - back, then), _buyers(history, today - back, by_now), back)
    mean = float(learnt.expected(buyers.some(SAMPLE), YEAR_AHEAD, discount=settings.kpis.discount).mean())
    holds = proof is not None and proof.holds
    parameters = {"orders": _parameters(learnt.orders), "values": asdict(learnt.values)}
    return Worth(str(day), customers, mean if holds else None, _why(proof), **parameters, proof=proof)


def _buyers(history: Histories, day: int, spent: Floats) -> Buyers:
    return Buyers(history.on(day), _of(history, day, spent))


def _of(history: Histories, day: int, each: Floats) -> Floats:
    """Of everybody's the part of those who had ordered before a day."""
    return each[np.isin(history.customers, history.on(day).customers)]


def _learnt(buyers: Buyers) -> Learnt | str:
    """By what was known on a morning; else why that cannot be said."""
    again = buyers.known.repeats > 0
    if again.sum() < REPEAT_BUYERS:
        return f"The model needs {REPEAT_BUYERS} customers who ordered on more than one day."
    alike = correlation(buyers.orders[again], buyers.mean[again])
    if abs(alike) > MOST_ALIKE:
        return f"How often and how dear people order go together ({alike:+.2f}), which the model rules out."
    some = buyers.some(SAMPLE)
    paid = some.mean > 0
    orders, values = fitted_orders(*some.counts), fitted(some.orders[paid], some.mean[paid])
    if orders is None or values is None:
        return "The model found no parameters that fit."
    return Learnt(orders, values)


def _tested(then: Buyers, since: Buyers, days: int) -> WorthProof | None:
    """The same people's spending up to the earlier morning, by which alone is judged, and up to now."""
    learnt = _learnt(then) if len(then.known) >= CUSTOMERS else ""
    some = then.some(SAMPLE)
    came = since.some(SAMPLE).spent - some.spent
    if isinstance(learnt, str) or not came.sum():
        return None
    expected = learnt.expected(some, days)
    missed, spread = float(((expected - came) ** 2).sum()), float(((came - came.mean()) ** 2).sum())
    top = np.argsort(-expected, kind="stable")[: max(1, len(came) // 10)]
    return WorthProof(
        on=day_of(then.known.day).isoformat(),
        days=days,
        n=len(came),
        expected=float(expected.sum()),
        came=float(came.sum()),
        told_apart=1 - missed / spread if spread else 0.0,
        top_tenth=float(came[top].sum() / came.sum()),
    )


def _why(proof: WorthProof | None) -> str:
    if proof is None:
        return "No past morning is old enough to test the model by."
    off = f"{abs(proof.off_by):.0%} {'more' if proof.off_by > 0 else 'less'} than came"
    tested = f"On {proof.on} the model expected {off} in the {proof.days} days after, of {proof.n:,} customers"
    if proof.holds:
        return f"{tested}; the tenth it held for the best brought {proof.top_tenth:.0%}."
    return f"{tested}: no better than one figure for everybody." if proof.told_apart <= 0 else f"{tested}: too far off."


def _spent_before(asked: Asked, bought: Orders, morning: date) -> Floats:
    """What each customer had spent before a local day."""
    spent: Floats = bought.each(np.where(bought.at < instant(asked.midnight(morning)), bought.value, 0)) / 10_000
    return spent


def _parameters(fit: Fit) -> Mapping[str, float]:
    return {"r": fit.r, "alpha": fit.alpha, "a": fit.a, "b": fit.b}
