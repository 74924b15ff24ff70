"""What is told in bulk is read in transactions short enough for whoever waits, and is whole all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import sleep
from typing import Any

import sqlalchemy as sa

from connectors.feeds.api import Api, ApiSettings
from runner import collect
from runner.store.tables import contacts, orders, stale_contacts
from runner.sync import Heard, sync
from runner.sync.bulk import CHUNK, Pace
from tests.core.world import World


@contextmanager
def lasting(seconds: float) -> Iterator[Any]:
    yield
    sleep(seconds)


def test_a_slow_machine_writes_less_at_a_time_and_a_fast_one_more() -> None:
    pace = Pace()
    begun = pace.rows
    with pace.writing(lasting(0.2)):
        pass
    assert 0 < pace.rows < begun
    for _ in range(7):
        with pace.writing(lasting(0)):
            pass
    assert pace.rows == CHUNK
    with pace.writing(lasting(0.12)):
        pass
    assert 0 < pace.rows < CHUNK // 2
    assert Pace(steady=True).rows == CHUNK


def test_a_thousand_events_are_read_in_portions_and_none_is_lost(each_world: World) -> None:
    person = [{"id": f"c{n}", "email": f"c{n}@example.com"} for n in range(400)]
    told = [
        {"type": "order", "id": f"o{n}", "at": "2025-12-31T09:00:00Z", "total": 2, "contact": person[n % 400]}
        for n in range(1000)
    ]
    collect.tell(each_world.store, "shop", json.dumps({"events": told}).encode(), each_world.now)
    seen, stale = [0], [0]

    @sa.event.listens_for(each_world.store.writer, "commit")
    def count(connection: sa.Connection) -> None:
        for counts, table in ((seen, orders), (stale, stale_contacts)):
            counts.append(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)

    source = Heard(each_world.store, "shop", Api(ApiSettings()), customers="contact")
    sync(each_world.store, "shop", source, settings=each_world.app.settings, full=False, now=each_world.now, rank=())
    steps = [after - before for before, after in pairwise(seen) if after != before]
    assert (sum(steps), max(steps) <= CHUNK, len(steps) >= 4) == (1000, True, True)
    # A person's summary costs more than a row: however fast these were written, few are made in the first transaction.
    first, *others = [before - after for before, after in pairwise(stale) if after < before]
    assert (first, first + sum(others), len(others) >= 2) == (Pace().rows, 400, True)
    by_orders = sa.select(contacts.c.orders_count, sa.func.count()).group_by(contacts.c.orders_count)
    assert [tuple(row) for row in each_world.rows(by_orders.order_by(contacts.c.orders_count))] == [(2, 200), (3, 200)]
