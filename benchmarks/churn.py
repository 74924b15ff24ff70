"""What scoring costs: a night of a large shop, from its orders in the store to `churn_risk` of every customer.

The first night learns (the model at five mornings, its recalibration, its test), the others of the week do not.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
from town import conditions, table

from runner.churn import keeping
from runner.churn.histories import histories, number_of
from runner.churn.models import model_called
from runner.churn.scale import scale, scores
from runner.settings import Settings
from runner.store import Store, migrate, notes

T = TypeVar("T")
NOW = datetime(2026, 5, 6, 3, tzinfo=UTC)
DAYS = 730


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--memory", action="store_true", help="the store lies in memory (/dev/shm)")
    chosen = options.parse_args()
    settings = Settings(
        public_url="https://x.example", secret="signs nothing here",
        sender={"name": "X", "email": "x@x.example", "address": "1 Main St"}, mail={"type": "outbox"},
        timezone="Europe/Warsaw",
    )  # fmt: skip
    folder = "/dev/shm" if chosen.memory else None
    with tempfile.TemporaryDirectory(dir=folder) as name, Store("sqlite:///shop.db", workspace=Path(name)) as store:
        migrate(store)
        orders = settle_in(store, chosen.customers)
        before, parts = _peak(), _Parts()
        day, model = NOW.date(), model_called("mbg_nbd")
        with store.read() as connection:
            history = parts.took("orders read", lambda: histories(connection, settings, day, NOW))
        monday = number_of(day - timedelta(days=day.weekday()))
        by = parts.took(
            "learnt and tested, once a week",
            lambda: scale(history, monday, horizon=90, name="mbg_nbd", model=model),
        )
        said = parts.took("scored", lambda: scores(by, history.on(number_of(day)), model))
        assert by.proof is not None
        first = parts.took("the first night whole: read, learnt, scored, written", lambda: _night(store, settings, NOW))
        peak = _peak()
        another = parts.took("another night whole", lambda: _night(store, settings, NOW + timedelta(days=1)))
        proof = f"{by.proof.auc:.3f}; {by.proof.brier:.3f}, {by.proof.brier_of_base_rate:.3f}"
        rows = [
            ("customers, orders", f"{len(said):,}, {orders:,}", ""),
            *parts.rows,
            ("scores written in the first night, in another one", f"{first:,}", f"{another:,}"),
            ("memory, peak, MB; before", f"{peak:,.0f}", f"{before:,.0f}"),
            ("tier; AUC; Brier against base rate", f"{by.tier}; {proof}", ""),
        ]
    table(("A night's scores", "seconds", "of one core"), rows)
    conditions()


class _Parts:
    """What each part took: seconds by the clock, and of one core."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def took(self, name: str, work: Callable[[], T]) -> T:
        clock, core = time.perf_counter(), time.process_time()
        done = work()
        self.rows.append((name, f"{time.perf_counter() - clock:.2f}", f"{time.process_time() - core:.2f}"))
        return done


def _night(store: Store, settings: Settings, now: datetime) -> int:
    done = keeping.score(store, settings, now)
    assert done is not None
    return done.changed


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def settle_in(store: Store, customers: int) -> int:
    """Customers who came over two years, order at rates of their own, and are gone some time; three orders each."""
    draw = np.random.default_rng(1)
    came = draw.integers(0, DAYS, customers)
    lives = np.minimum(draw.exponential(260, customers), DAYS - came)
    more = draw.poisson(draw.gamma(0.55, 0.02, customers) * lives)
    who = np.concatenate([np.arange(customers), np.repeat(np.arange(customers), more)])
    when = np.concatenate(
        [came.astype(float), came[who[customers:]] + draw.random(more.sum()) * lives[who[customers:]]]
    )
    begin = (NOW - timedelta(days=DAYS)).replace(tzinfo=None)
    at = np.datetime64(begin, "s") + (when * 86_400).astype("timedelta64[s]")
    connection = store.writer.raw_connection()
    cursor = connection.cursor()
    # What notes changes is put back when the shop stands: nobody is to be told of it.
    for (trigger,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        cursor.execute(f"DROP TRIGGER {trigger}")
    old = "2020-01-01 00:00:00.000000"
    for start in range(0, customers, 100_000):
        some = range(start + 1, min(start + 100_000, customers) + 1)
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(
            "INSERT INTO contacts (id, key, draw, zone, bad_timezone, created_at, custom, orders_count, open_tickets,"
            " seen_at, changed_at) VALUES (?, ?, 0.5, 'UTC', 0, ?, '{}', 1, 0, ?, ?)",
            ((number, f"shop:{number}", old, old, old) for number in some),
        )
        cursor.execute("COMMIT")
    texts = at.astype("datetime64[us]").astype(str)
    for start in range(0, len(who), 100_000):
        part = slice(start, start + 100_000)
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(
            "INSERT INTO purchases (contact_id, order_key, at, total, net, value, seen_at)"
            " VALUES (?, ?, ?, 500000, 500000, 500000, ?)",
            (
                (int(one) + 1, f"shop:{start + number}", (moment := text.replace("T", " ")), moment)
                for number, (one, text) in enumerate(zip(who[part], texts[part], strict=True))
            ),
        )
        cursor.execute("COMMIT")
    cursor.execute("ANALYZE")
    connection.close()
    with store.write() as writing:
        notes.install(writing)
    return len(who)


if __name__ == "__main__":
    main()
