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
from runner.store.tables import contacts, orders
from runner.sync import Heard, sync
from runner.sync.bulk import CHUNK, Pace
from tests.core.world import World


@contextmanager
def lasting(seconds: float) -> Iterator[Any]:
    yield
    sleep(seconds)


def test_a_slow_machine_writes_less_at_a_time_and_a_fast_one_more() -> None:
    pace = Pace()
    with pace.writing(lasting(0.2)):
        pass
    assert pace.rows == CHUNK // 5
    for _ in range(5):
        with pace.writing(lasting(0)):
            pass
    assert pace.rows == CHUNK
    with pace.writing(lasting(0.12)):
        pass
    assert CHUNK // 5 <= pace.rows < CHUNK // 2
    assert Pace(steady=True).rows == CHUNK


def test_a_thousand_events_are_read_in_portions_and_none_is_lost(each_world: World) -> None:
    person = [{"id": f"c{n}", "email": f"c{n}@example.com"} for n in range(400)]
    told = [
        {"type": "order", "id": f"o{n}", "at": "2025-12-31T09:00:00Z", "total": 2, "contact": person[n % 400]}
        for n in range(1000)
    ]
    collect.tell(each_world.store, "shop", json.dumps({"events": told}).encode(), each_world.now)
    seen = [0]

    @sa.event.listens_for(each_world.store.writer, "commit")
    def count(connection: sa.Connection) -> None:
        seen.append(connection.scalar(sa.select(sa.func.count()).select_from(orders)) or 0)

    source = Heard(each_world.store, "shop", Api(ApiSettings()), customers="contact")
    sync(each_world.store, "shop", source, settings=each_world.app.settings, full=False, now=each_world.now, rank=())
    steps = [after - before for before, after in pairwise(seen) if after != before]
    assert (sum(steps), max(steps) <= CHUNK, len(steps) >= 4) == (1000, True, True)
    counts = sa.select(contacts.c.orders_count, sa.func.count()).group_by(contacts.c.orders_count)
    assert [tuple(row) for row in each_world.rows(counts.order_by(contacts.c.orders_count))] == [(2, 200), (3, 200)]
