"""Whether the stated effect is true: the sample company's planted one against what `regulars effect` says of it.

For each seed another company lives through sixty days: a share of its customers, drawn as a playbook draws its holdout,
gets no letter. Its orders go into a store, and the figure with its interval is the one that the command prints. What
writing truly did is known, because the company lives every customer's other life as well.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from town import table

from runner import clock
from runner.effect import Effects, effects
from runner.effect.statistics import BOUNDARIES, z_of
from runner.kpis.contrasts import Arm
from runner.sample import Received, SampleCompany
from runner.settings import Settings
from runner.store import Store, migrate
from runner.store.functions import draw_of
from runner.store.tables import contacts, enrollments, playbook_versions, playbooks, purchases

ZONE = "Europe/Warsaw"
UNTIL = date(2026, 11, 20)
WITHIN = 60
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Told(NamedTuple):
    """What was said of one company, and what is so."""

    seed: int
    said: float
    low: float
    high: float
    truth: float

    @property
    def inside(self) -> bool:
        return self.low <= self.truth <= self.high


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=100)
    options.add_argument("--contacts", type=int, default=1_500)
    options.add_argument("--holdout", type=float, default=0.2)
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--chances", type=int, default=4_000, help="trials without effect, to count false alarms")
    chosen = options.parse_args()
    one_life = partial(lived, people=chosen.contacts, held_out=chosen.holdout)
    every = []
    with ProcessPoolExecutor(chosen.processes) as pool:
        for seed, one in enumerate(pool.map(one_life, range(1, chosen.seeds + 1)), 1):
            every.append(one)
            print(f"{seed} of {chosen.seeds}", end="\r", file=sys.stderr, flush=True)
    told = [one for one in every if one is not None]
    inside = sum(one.inside for one in told)
    errors = [one.said - one.truth for one in told]
    rows = [
        ("companies, and of them without a verdict on their arms' sizes", f"{len(every)}, {len(every) - len(told)}"),
        ("customers in each, held out", f"{chosen.contacts:,}, {chosen.holdout:.0%}"),
        ("planted effect, mean of all, points", f"{100 * sum(one.truth for one in told) / len(told):.2f}"),
        ("effect as told, mean of all, points", f"{100 * sum(one.said for one in told) / len(told):.2f}"),
        ("mean error, points", f"{100 * sum(errors) / len(errors):+.2f}"),
        ("interval's width, mean, points", f"{100 * sum(one.high - one.low for one in told) / len(told):.1f}"),
        ("planted effect inside the interval", f"{inside} of {len(told)}"),
        ("missed by seeds", ", ".join(str(one.seed) for one in told if not one.inside) or "none"),
    ]
    table(("The sample company", ""), rows)
    print()
    alarms = false_alarms(chosen.chances)
    table(("Without any effect, false alarms", ""), [(words, f"{share:.1%}") for words, share in alarms.items()])


def lived(seed: int, people: int, held_out: float) -> Told | None:
    """None where the arms' sizes are ones that chance hardly makes, so that nothing is told."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        company = SampleCompany(seed, people, until=UNTIL, days=WITHIN + 3, lived=WITHIN + 2, timezone=ZONE)
        company.write_history(folder)
        who = [row["contact_id"] for row in _rows(folder, "contacts") if row["is_test"] not in ("true", "1", "yes")]
        # Each company draws anew: its first few people are the same in all of them.
        held = {id for id in who if draw_of(f"holdout:letter {seed}:shop:{id}") < held_out}
        arms = {id: "holdout" if id in held else "treated" for id in who}
        day = company.first_day
        # At the end of the day: the company's own truth counts from the day after the letter.
        at = clock.midnight(day + timedelta(days=1), ZONE) - timedelta(seconds=1)
        letters = [Received(f"s{id}", id, "letter", "ask", at, "email") for id, arm in arms.items() if arm == "treated"]
        for number in range(WITHIN + 2):
            company.live(day + timedelta(days=number), letters if not number else [])
        truth = company.truth(within=WITHIN).playbooks["letter"].difference
        assert truth is not None
        with Store("sqlite:///shop.db", workspace=folder) as store:
            migrate(store)
            store.relax()
            _settle(store, folder, arms, at, held_out)
            found = _effects(store, at + timedelta(days=WITHIN + 1))
    contrast = found.playbooks[0].contrast
    if contrast.difference is None or contrast.interval is None:
        return None
    return Told(seed, contrast.difference, *contrast.interval, truth)


def _settle(store: Store, folder: Path, arms: dict[str, str], at: datetime, held_out: float) -> None:
    numbers = {id: number for number, id in enumerate(arms, 1)}
    common = {"zone": ZONE, "created_at": LONG_AGO, "seen_at": LONG_AGO, "changed_at": LONG_AGO}
    orders = [row for row in _rows(folder, "orders") if row["contact_id"] in numbers and row["status"] == "paid"]
    with store.write() as connection:
        connection.execute(contacts.insert(), [{"id": n, "key": f"shop:{id}", **common} for id, n in numbers.items()])
        connection.execute(purchases.insert(), [_purchase(row, numbers) for row in orders])
        entered = dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), at)
        entered |= {
            "playbook": "letter",
            "version": "1",
            "occasion": "once",
            "facts": {},
            "state": "done",
            "step": "ask",
        }
        rows = [{"contact_id": numbers[id], "arm": arm, **entered} for id, arm in arms.items()]
        connection.execute(enrollments.insert(), rows)
        begun = {"id": "letter", "version": "1", "first_tick_at": at, "last_tick_at": at}
        connection.execute(playbooks.insert().values(**begun))
        body = {"holdout": f"{held_out:.0%}", "goal": {"event": "order", "within": f"{WITHIN} days"}}
        version = {"playbook": "letter", "version": "1", "body": body, "at": at}
        connection.execute(playbook_versions.insert().values(**version))


def _purchase(row: dict[str, str], numbers: dict[str, int]) -> dict[str, Any]:
    at, total = datetime.fromisoformat(row["ordered_at"]).astimezone(UTC), Decimal(row["total"])
    told = {"order_key": row["order_id"], "at": at, "seen_at": at, "total": total, "net": total, "value": total}
    return {"contact_id": numbers[row["contact_id"]], **told}


def _effects(store: Store, as_of: datetime) -> Effects:
    settings = Settings(
        public_url="https://x.example", secret="signs nothing here",
        sender={"name": "X", "email": "x@x.example", "address": "1 Main St"}, mail={"type": "outbox"}, timezone=ZONE,
    )  # fmt: skip
    with store.read() as connection:
        return effects(connection, [], settings, as_of=as_of)


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        # The last row of an id counts.
        rows = list(csv.DictReader(file))
    id = "contact_id" if name == "contacts" else "order_id"
    return list({row[id]: row for row in rows}.values())


def false_alarms(trials: int, *, people: int = 500, rate: float = 0.2) -> dict[str, float]:
    """How often one of the looks calls an effect where there is none, by the boundaries and by 1.96 at each."""
    random, by_boundaries, by_habit = Random(1), 0, 0
    step = people // len(BOUNDARIES)
    for _ in range(trials):
        one, other, at_looks = Arm(), Arm(), []
        for _ in BOUNDARIES:
            one, other = one + _arm(random, step, rate), other + _arm(random, step, rate)
            at_looks.append(abs(z_of(one, other)))
        by_boundaries += any(z > boundary for z, boundary in zip(at_looks, BOUNDARIES, strict=True))
        by_habit += any(z > 1.96 for z in at_looks)
    return {"five looks, these boundaries": by_boundaries / trials, "five looks, 1.96 at each": by_habit / trials}


def _arm(random: Random, people: int, rate: float) -> Arm:
    return Arm(people, sum(random.random() < rate for _ in range(people)))


if __name__ == "__main__":
    main()
