"""What customers will bring, against published figures and a past that is over."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from runner.churn.ahead import _beta_points, orders_ahead
from runner.churn.gamma_gamma import Spending, fitted, next_value
from runner.churn.mbg_nbd import Fit
from runner.churn.worth import reckoned
from runner.kpis import Period, tenure
from runner.kpis.ahead import key_of
from runner.store.tables import meta, purchases
from tests.kpis.conftest import shop
from tests.kpis.shop import LONG_AGO, Shop, on, settings

__all__ = ["shop"]

PUBLISHED = Fit(0.243, 4.414, 0.793, 2.426, 0)


@pytest.mark.parametrize(
    ("x", "t", "orders"),
    [(0, 0, 0.1951), (1, 1.71, 0.2032), (2, 30.43, 1.2260), (7, 29.43, 3.3371), (7, 10, 0.0192)],
)
def test_the_worked_orders_of_39_weeks(x: float, t: float, orders: float) -> None:
    known = (np.array([float(x)]), np.array([float(t)]), np.array([38.86]))
    assert orders_ahead(PUBLISHED, *known, 39, drops_at_once=False)[0] == pytest.approx(orders, abs=6e-5)


@pytest.mark.parametrize(("a", "b"), [(0.04, 14.8), (0.5, 0.5), (1.0, 1.0), (2900.0, 2900.0)])
def test_the_points_know_a_beta_s_moments(a: float, b: float) -> None:
    chances, weights = _beta_points(a, b)
    assert weights.sum() == pytest.approx(1)
    assert weights @ chances == pytest.approx(a / (a + b))
    assert weights @ chances**2 == pytest.approx(a * (a + 1) / ((a + b) * (a + b + 1)))


@pytest.mark.parametrize(("x", "m", "worth"), [(2, 22.35, 24.66), (7, 73.74, 71.47), (0, 0, 35.22)])
def test_the_worked_values_of_the_next_order(x: float, m: float, worth: float) -> None:
    by = Spending(6.25, 3.74, 15.44)
    assert next_value(by, np.array([float(x)]), np.array([m]))[0] == pytest.approx(worth, abs=0.006)


def test_a_fit_finds_what_values_were_drawn_from() -> None:
    draw = np.random.default_rng(5)
    x = draw.integers(1, 12, 20_000).astype(float)
    rates = draw.gamma(3.7, 1 / 15.0, len(x))
    found = fitted(x, draw.gamma(6.0 * x, 1 / (rates * x)), prior=0)
    assert found is not None
    assert (found.p, found.q, found.gamma) == pytest.approx((6.0, 3.7, 15.0), rel=0.05)


REGULAR = (1000, 631, 468, 382, 326, 289, 262, 241)
HIGH_END = (1000, 869, 743, 653, 593, 551, 517, 491)


@pytest.mark.parametrize(
    ("there", "alpha", "beta", "likelihood"),
    [(HIGH_END, 0.668, 3.806, -1611.2), (REGULAR, 0.704, 1.182, -1680.3)],
)
def test_the_published_subscribers(there: tuple[int, ...], alpha: float, beta: float, likelihood: float) -> None:
    """Fader and Hardie 2007: of 1,000 customers who is there after each of seven years."""
    left = [(year, True, before - after) for year, (before, after) in enumerate(pairwise(there))]
    found = tenure.fitted([*left, (7, False, there[-1])])
    assert found is not None
    assert (found.alpha, found.beta) == pytest.approx((alpha, beta), abs=0.002)
    assert found.log_likelihood == pytest.approx(likelihood, abs=0.1)
    share = found.share(np.array([7.0, 8.0]))
    assert share[1] / share[0] > there[1] / there[0]


def sold(shop: Shop, people: int, *, until: date, days: int, loud: float = 1.0) -> None:
    """Customers who come at random and stay, each with a rate and a usual value of their own; `loud` later on."""
    draw, rows = np.random.default_rng(11), []
    first = until - timedelta(days=days)
    for who in shop.people(people):
        rate, usual = draw.gamma(1.5, 1 / 90), 1 / draw.gamma(4, 1 / 150)
        begin = draw.integers(0, 90)
        gaps = draw.exponential(1 / rate, 200).cumsum()
        for day in [begin, *(begin + gaps[begin + gaps < days])]:
            value = round(draw.gamma(6, usual / 6) * (loud if day > days - 90 else 1), 2) + 0.01
            rows.append((who, on(str(first + timedelta(days=int(day)))), Decimal(str(round(value, 2)))))
    row = {"seen_at": LONG_AGO}
    shop.connection.execute(
        purchases.insert(),
        [row | {"contact_id": who, "at": at, "order_key": f"o{n}", "total": v, "net": v, "value": v}
         for n, (who, at, v) in enumerate(rows)],
    )  # fmt: skip


def test_the_year_ahead_is_told_while_its_test_holds(shop: Shop) -> None:
    monday = date(2026, 1, 5)
    sold(shop, 300, until=monday, days=420)
    found = reckoned(shop.connection, settings(), monday, on("2026-01-05"))
    assert found.proof is not None
    assert found.mean is not None, found.why
    assert found.proof.top_tenth > 0.2
    last_year = float(sum(shop.connection.scalars(purchases.select().with_only_columns(purchases.c.value)))) / 300
    assert found.mean == pytest.approx(last_year * 365 / 375 * 0.95, rel=0.25)
    shop.connection.execute(meta.insert().values(key=key_of(monday), value=found.document()))
    january = shop.figures(keys=["clv"], kpis={"margin": "40%"})["clv.model"]
    assert (january.value, january.n) == (pytest.approx(found.mean * 0.4), 300)
    december = shop.figures(Period(date(2025, 12, 1), date(2026, 1, 1)), keys=["clv"])["clv.model"]
    assert (december.value, december.note) == (None, "No value of the year ahead was kept by then.")


def test_a_model_that_was_far_off_tells_nothing(shop: Shop) -> None:
    """In the last 90 days everybody spent three times as much: what was learnt before is no guide."""
    monday = date(2026, 1, 5)
    sold(shop, 300, until=monday, days=330, loud=3)
    found = reckoned(shop.connection, settings(), monday, on("2026-01-05"))
    assert found.mean is None
    assert "less than came in the 90 days after" in found.why


def test_subscribers_are_worth_more_the_longer_they_have_stayed(shop: Shop) -> None:
    plan = {"product": "pro", "kind": "plan", "interval": "month", "quantity": 1, "unit_amount": 100}
    months = [(0, 60), (1, 20), (3, 10), (6, 5), (9, 5)]
    for month, many in months:
        ended = date(2025, 1, 1) + timedelta(days=int(30.44 * month) + 10)
        rows = [plan | {"started_on": "2025-01-01", "ended_on": str(ended), "of": who} for who in shop.people(many)]
        shop.facts("subscriptions", *rows)
    shop.facts("subscriptions", *(plan | {"started_on": "2025-01-01", "of": who} for who in shop.people(60)))
    told = shop.figures(keys=["clv"], kpis={"discount": "0%"})
    ahead, new = told["clv.model"], told["clv.by_tenure"]
    assert ahead.n == 60
    assert ahead.value is not None
    assert new.value is not None
    assert 1_000 < ahead.value < 1_200
    assert "By 100 subscribers who have left" in ahead.note
