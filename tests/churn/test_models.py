"""The model and what judges it, against published figures and figures counted by hand."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from runner.churn.alike import Alike, alike, cells
from runner.churn.histories import Histories, Snapshot, number_of, of_rows
from runner.churn.mbg_nbd import Fit, MbgNbd, alive, fitted, no_order
from runner.churn.overview import _past_cases
from runner.churn.proof import area, proof
from runner.churn.scale import Scale, Tier, scale, scores

PUBLISHED = Fit(0.243, 4.414, 0.793, 2.426, 0)


@pytest.mark.parametrize(
    ("x", "t", "is_alive", "silent"),
    [(0, 0, 1.0, 0.9382), (1, 1.71, 0.2121, 0.9409), (2, 30.43, 0.7266, 0.6765), (7, 29.43, 0.6418, 0.4540),
     (7, 10, 0.0037, 0.9969)],
)  # fmt: skip
def test_the_worked_customers_of_bg_nbd(x: float, t: float, is_alive: float, silent: float) -> None:
    known = (np.array([x]), np.array([t]), np.array([38.86]))
    assert alive(PUBLISHED, *known, drops_at_once=False)[0] == pytest.approx(is_alive, abs=6e-5)
    assert no_order(PUBLISHED, *known, 13, drops_at_once=False)[0] == pytest.approx(silent, abs=6e-5)


def test_a_fit_finds_the_parameters_that_customers_were_drawn_from() -> None:
    draw = np.random.default_rng(3)
    found = fitted(*_drawn(draw, 20_000, r=0.8, alpha=60.0, a=0.7, b=2.5), prior=0)
    assert found is not None
    assert (found.r, found.alpha) == pytest.approx((0.8, 60.0), rel=0.1)
    assert found.a / (found.a + found.b) == pytest.approx(0.7 / 3.2, abs=0.03)


def _drawn(
    draw: np.random.Generator, people: int, *, r: float, alpha: float, a: float, b: float
) -> tuple[np.ndarray, ...]:
    age = draw.integers(30, 700, people).astype(float)
    rates, drops = draw.gamma(r, 1 / alpha, people), draw.beta(a, b, people)
    x, last, here = np.zeros(people), np.zeros(people), draw.random(people) > drops
    while here.any():
        come = last + draw.exponential(1 / rates)
        here &= come < age
        x, last = np.where(here, x + 1, x), np.where(here, come, last)
        here &= draw.random(people) > drops
    return x, last, age


def test_the_area_counts_pairs_and_half_of_ties() -> None:
    said, silent = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert area(said, silent) == (1 + 1 + 0.5 + 1) / 4
    assert area(said, np.ones(4, bool)) is None


def test_a_score_that_knows_nothing_does_not_hold() -> None:
    silent = np.arange(100) < 40
    fair = proof(np.full(100, 0.4), silent, on="2026-01-01", horizon=90)
    assert fair.brier == pytest.approx(0.24)
    assert not fair.holds
    assert proof(np.where(silent, 0.6, 0.2), silent, on="2026-01-01", horizon=90).holds


def test_people_alike_are_counted_by_silence_and_orders() -> None:
    known = Snapshot(100, np.arange(4), np.array([0, 1, 1, 9]), np.zeros(4, int), np.array([69, 70, 5, 100]))
    told = cells([(known, np.array([True, False, True, False]))])
    assert alike(told, orders=1, silent=31) == Alike("1", "31–60", 1, 1)
    assert alike(told, orders=2, silent=30) == Alike("2", "0–30", 1, 0)
    assert alike(told, orders=12, silent=0) == Alike("9 or more", "0–30", 1, 0)


def test_past_cases_are_a_sentence() -> None:
    words = "2 orders, last 91–120 days ago: of 2,019 past cases 79 % (77–81 %) did not order in the next 91 days"
    assert _past_cases(Alike("2", "91–120", 2019, 1595), 91) == words


def test_few_customers_are_judged_by_a_rule_with_its_reason() -> None:
    history = of_rows(np.repeat(np.arange(1, 51), 3), np.tile([0, 40, 100], 50) + 400)
    by = scale(history, 700, horizon=90, name="mbg_nbd", model=MbgNbd())
    assert (by.tier, by.why, by.rule_days) == (Tier.RULE, "50 customers; a model needs 200", 60)
    assert set(scores(by, history.on(560), MbgNbd())) == {0.0}
    assert set(scores(by, history.on(561), MbgNbd())) == {1.0}


def test_a_shop_without_orders_for_a_month_has_no_model() -> None:
    history = of_rows(np.repeat(np.arange(1, 301), 2), np.tile([0, 250], 300) + 400)
    by = scale(history, 700, horizon=90, name="mbg_nbd", model=MbgNbd())
    assert (by.tier, by.why) == (Tier.RULE, "no order for 50 days: orders do not come in, or the shop is closed")


def test_nothing_after_the_morning_is_looked_at() -> None:
    early = of_rows(np.array([1, 1, 2]), np.array([10, 20, 15]))
    late = of_rows(np.array([1, 1, 2, 1, 3]), np.array([10, 20, 15, 30, 31]))
    for history in (early, late):
        seen = history.on(30)
        assert (seen.customers.tolist(), seen.repeats.tolist(), seen.last.tolist()) == ([1, 2], [1, 0], [20, 15])


def test_the_real_shop_has_a_calibrated_model_that_holds(shared_folder: Path) -> None:
    history = _real_shop(shared_folder / "data" / "online_retail" / "orders.csv")
    by = scale(history, number_of(date(2011, 12, 9)), horizon=90, name="mbg_nbd", model=MbgNbd())
    assert (by.tier, by.rule_days) == (Tier.CALIBRATED, 110)
    assert by.proof is not None
    assert (by.proof.on, by.proof.n) == ("2011-09-10", 3370)
    assert by.proof.auc == pytest.approx(0.733, abs=0.002)
    assert by.proof.brier < by.proof.brier_of_base_rate
    assert Scale.read(json.loads(json.dumps(by.document()))) == by


def _real_shop(orders: Path) -> Histories:
    with orders.open(encoding="utf-8") as file:
        rows = [
            (int(row["contact_id"]), datetime.fromisoformat(row["ordered_at"]).date()) for row in csv.DictReader(file)
        ]
    return of_rows(np.array([who for who, _ in rows]), np.array([number_of(day) for _, day in rows]))
