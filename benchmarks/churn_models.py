"""The model against what was published of it, and against simpler ways to tell who will not order.

CDNOW's customers come with the package lifetimes: `pip install --no-deps lifetimes` brings the files; none of its code
is run. `--shop FILE` adds a shop of one's own: orders with contact_id and ordered_at, such as UCI's Online Retail.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from town import table

from runner.churn import gamma_gamma
from runner.churn.ahead import orders_ahead
from runner.churn.histories import Histories, Snapshot, day_of, number_of, of_rows
from runner.churn.mbg_nbd import Fit, MbgNbd, alive, fitted, no_order
from runner.churn.proof import proof
from runner.churn.scale import scale
from runner.churn.worth import Buyers
from runner.store.arrays import Floats

#: CDNOW's first day: customers came in the twelve weeks from it.
BEGIN = number_of(date(1997, 1, 1))
#: Fader, Hardie and Lee (2005); Batislam, Denizel and Filiztekin (2007), both on the tenth of CDNOW.
PUBLISHED = {
    "BG/NBD": (False, (0.243, 4.414, 0.793, 2.426), -9582.4),
    "MBG/NBD": (True, (0.525, 6.183, 0.891, 1.614), None),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shop", type=Path, help="orders.csv of a shop, such as UCI's Online Retail")
    chosen = options.parse_args()
    folder = _datasets()
    if folder is not None:
        reproduced(folder)
        reproduced_values(folder)
        year_ahead(folder / "CDNOW_master.txt")
        cdnow = _cdnow(folder / "CDNOW_master.txt")
        for week in (52, 65):
            out_of_time(f"CDNOW, all 23,570 customers, week {week}", cdnow, BEGIN + 7 * week, 91)
    if chosen.shop is not None:
        out_of_time("Online Retail, 10 September 2011", _shop(chosen.shop), number_of(date(2011, 9, 10)), 90)


def _datasets() -> Path | None:
    found = find_spec("lifetimes")
    if found is None or not found.submodule_search_locations:
        print("lifetimes is not installed: no CDNOW (pip install --no-deps lifetimes)")
        return None
    return Path(next(iter(found.submodule_search_locations))) / "datasets"


def reproduced(folder: Path) -> None:
    with (folder / "cdnow_customers_summary.csv").open() as file:
        rows = [(float(row["frequency"]), float(row["recency"]), float(row["T"])) for row in csv.DictReader(file)]
    x, t, age = (np.array(column) for column in zip(*rows, strict=True))
    told = []
    for name, (at_once, parameters, likelihood) in PUBLISHED.items():
        found = fitted(x, t, age, drops_at_once=at_once, prior=0)
        assert found is not None
        ours = (found.r, found.alpha, found.a, found.b)
        told.append(
            (f"{name}, published", *(f"{one:.3f}" for one in parameters), f"{likelihood:,.1f}" if likelihood else "–")
        )
        told.append((f"{name}, here", *(f"{one:.4f}" for one in ours), f"{found.log_likelihood:,.2f}"))
    print(f"CDNOW, one in ten customers ({len(x):,}), 39 weeks")
    table(("", "r", "alpha", "a", "b", "log-likelihood"), told)
    print()


def reproduced_values(folder: Path) -> None:
    with (folder / "cdnow_customers_summary_with_transactions.csv").open() as file:
        rows = [(float(row["x"]), float(row["zbar"])) for row in csv.DictReader(file) if float(row["x"])]
    x, m = (np.array(column) for column in zip(*rows, strict=True))
    found = gamma_gamma.fitted(x, m, prior=0)
    assert found is not None
    print(f"Gamma-gamma, {len(x)} customers with a repeat order, correlation {gamma_gamma.correlation(x, m):.3f}")
    table(
        ("", "p", "q", "gamma", "mean of an order"),
        [("Fader and Hardie (2013)", "6.25", "3.74", "15.44", "35.22"),
         ("here", f"{found.p:.3f}", f"{found.q:.3f}", f"{found.gamma:.3f}", f"{found.mean:.2f}")],
    )  # fmt: skip
    print()


def year_ahead(path: Path, day: int = BEGIN + 273, days: int = 273) -> None:
    """What all customers were expected to bring in the last 39 weeks, and what they did."""
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    when = np.array([number_of(date(int(row[1][:4]), int(row[1][4:6]), int(row[1][6:]))) for row in rows])
    who, spent = np.array([int(row[0]) for row in rows]), np.array([float(row[3]) for row in rows])
    customers, place = np.unique(who, return_inverse=True)
    before, after = (np.bincount(place, spent * which, len(customers)) for which in (when < day, when >= day))
    buyers = Buyers(of_rows(who, when).on(day), before)
    x, t, age = buyers.counts
    told = []
    for name, at_once in (("BG/NBD", False), ("MBG/NBD", True)):
        fit = fitted(x, t, age, drops_at_once=at_once)
        values = gamma_gamma.fitted(buyers.orders[before > 0], buyers.mean[before > 0])
        assert fit is not None
        assert values is not None
        each = orders_ahead(fit, x, t, age, days, drops_at_once=at_once)
        worth = each * gamma_gamma.next_value(values, buyers.orders, buyers.mean)
        top = np.argsort(-worth, kind="stable")[: len(worth) // 10]
        told.append((name, f"{each.sum():,.0f}", f"{worth.sum():,.0f}", f"{after[top].sum() / after.sum():.0%}"))
    came = int((np.unique(np.stack([who, when]), axis=1)[1] >= day).sum())
    print(f"CDNOW, all {len(customers):,} customers, the last {days // 7} weeks")
    best = f"{np.sort(after)[::-1][: len(after) // 10].sum() / after.sum():.0%}"
    table(
        ("", "orders", "USD", "brought by the best tenth"),
        [*told, ("what came", f"{came:,}", f"{after.sum():,.0f}", f"{best}, as if it were known")],
    )
    print()


def out_of_time(title: str, history: Histories, day: int, horizon: int) -> None:
    """Each way at one morning; what learns has learnt from mornings whose days were over by then."""
    known = history.on(day)
    silent = history.silent_after(known, horizon)
    by = scale(history, day + horizon, horizon=horizon, name="mbg_nbd", model=MbgNbd())
    ways = _ways(history, known, horizon)
    rows = []
    for name, way in ways.items():
        said, is_chance = way()
        one = proof(said if is_chance else _spread(said), silent, on=day_of(day).isoformat(), horizon=horizon)
        rows.append((name, f"{one.auc:.3f}", f"{one.brier:.3f}" if is_chance else "–", _ece(one) if is_chance else "–"))
    for tier, one in (by.tried or {}).items():
        words = {"model": "MBG/NBD, as it stands", "calibrated": "MBG/NBD, recalibrated (in force)"}[tier]
        rows.append((words, f"{one.auc:.3f}", f"{one.brier:.3f}", _ece(one)))
    print(f"{title}: {len(known):,} customers, {silent.mean():.1%} without an order in {horizon} days")
    base = silent.mean() * (1 - silent.mean())
    table(
        ("", "AUC", "Brier", "off on average"),
        [("the base rate, as if it were known", "0.500", f"{base:.3f}", "–"), *rows],
    )
    print()


Way = Callable[[], tuple[Floats, bool]]


def _ways(history: Histories, known: Snapshot, horizon: int) -> dict[str, Way]:
    x, t, age = (column.astype(float) for column in (known.repeats, known.last - known.first, known.known))
    chosen = np.random.default_rng(known.day).choice(len(x), min(len(x), 50_000), replace=False)

    def bg() -> Fit:
        found = fitted(x[chosen], t[chosen], age[chosen], drops_at_once=False)
        assert found is not None
        return found

    gap = np.where(known.repeats > 0, t / np.maximum(x, 1), np.median(history.gaps(known.day)))
    return {
        "gap / own mean gap": lambda: (known.silent / np.maximum(gap, 1), False),
        "days since the last order": lambda: (known.silent.astype(float), False),
        "BG/NBD, 1 − P(alive)": lambda: (1 - alive(bg(), x, t, age, drops_at_once=False), True),
        "BG/NBD, no order": lambda: (no_order(bg(), x, t, age, horizon, drops_at_once=False), True),
    }


def _spread(said: Floats) -> Floats:
    """What is no chance, ranked into one: for the area alone."""
    return (said.argsort().argsort() + 0.5) / len(said)


def _ece(one: object) -> str:
    bins = one.bins  # type: ignore[attr-defined]
    n = sum(bin_.n for bin_ in bins)
    return f"{sum(bin_.n * abs(bin_.said - bin_.came_true) for bin_ in bins) / n:.3f}"


def _cdnow(path: Path) -> Histories:
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    days = [number_of(date(int(row[1][:4]), int(row[1][4:6]), int(row[1][6:]))) for row in rows]
    return of_rows(np.array([int(row[0]) for row in rows]), np.array(days))


def _shop(path: Path) -> Histories:
    with path.open(encoding="utf-8") as file:
        rows = [
            (int(row["contact_id"]), datetime.fromisoformat(row["ordered_at"]).date()) for row in csv.DictReader(file)
        ]
    return of_rows(np.array([who for who, _ in rows]), np.array([number_of(day) for _, day in rows]))


if __name__ == "__main__":
    main()
