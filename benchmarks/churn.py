"""What scoring costs: a night of a large shop, from its orders in the store to `churn_risk` of every customer.

The first night learns (the model at five mornings, its recalibration, its test), the others of the week do not.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from town import conditions, table

from runner.churn import keeping
from runner.churn.histories import histories, number_of
from runner.churn.models import model_called
from runner.churn.scale import scale, scores
from runner.settings import Settings
from runner.store import Store, migrate, notes

NOW = datetime(2026, 5, 6, 3, tzinfo=UTC)
DAYS = 730


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--written", action="store_true", help="also write every score for the first time")
    chosen = options.parse_args()
    settings = Settings(
        public_url="https://x.example", secret="signs nothing here",
        sender={"name": "X", "email": "x@x.example", "address": "1 Main St"}, mail={"type": "outbox"},
        timezone="Europe/Warsaw",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name, Store("sqlite:///shop.db", workspace=Path(name)) as store:
        migrate(store)
        orders = settle_in(store, chosen.customers)
        before, day, model = _peak(), NOW.date(), model_called("mbg_nbd")
        marks, worked = [time.perf_counter()], time.process_time()
        with store.read() as connection:
            history = histories(connection, settings, day, NOW)
        marks.append(time.perf_counter())
        by = scale(history, number_of(day), horizon=90, name="mbg_nbd", model=model)
        marks.append(time.perf_counter())
        said = scores(by, history.on(number_of(day)), model)
        marks.append(time.perf_counter())
        worked = time.process_time() - worked
        assert by.proof is not None
        read, learn, score = (later - earlier for earlier, later in pairwise(marks))
        rows = [
            ("customers, orders", f"{len(said):,}, {orders:,}"),
            ("orders read, seconds", f"{read:.2f}"),
            ("learnt and tested, seconds, once a week", f"{learn:.2f}"),
            ("scored, seconds", f"{score:.2f}"),
            ("all of it, seconds", f"{read + learn + score:.2f}"),
            ("a night without learning, seconds", f"{read + score:.2f}"),
            ("the same in seconds of one core", f"{worked:.2f}"),
            ("memory, peak, MB; before", f"{_peak():,.0f}; {before:,.0f}"),
            (
                "tier; AUC; Brier against base rate",
                f"{by.tier}; {by.proof.auc:.3f}; {by.proof.brier:.3f}, {by.proof.brier_of_base_rate:.3f}",
            ),
        ]
        if chosen.written:
            rows += [_written(store, settings, NOW), _written(store, settings, NOW + timedelta(days=1))]
    table(("A night's scores", ""), rows)
    conditions()


def _written(store: Store, settings: Settings, now: datetime) -> tuple[str, str]:
    began = time.perf_counter()
    done = keeping.score(store, settings, now)
    assert done is not None
    return f"with {done.changed:,} scores written down, seconds", f"{time.perf_counter() - began:.2f}"


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
