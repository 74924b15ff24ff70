"""Columns of many rows as arrays, on both databases."""

from __future__ import annotations

from itertools import count

import sqlalchemy as sa

from runner.store import Store
from runner.store.arrays import NOTHING, arrays, numbers
from runner.store.tables import contacts, facts, purchases
from tests.kpis.shop import Shop, on


def test_columns_of_rows_far_apart_are_read_whole_and_in_order(database: str) -> None:
    with Store(database) as store, store.write() as connection:
        shop = Shop(connection)
        near = shop.person(churn_risk=0.29)
        shop._numbers = count(400_000)
        far = shop.person()
        shop.orders([far], "1999-12-31", value=None)
        shop.orders([near], "2026-01-02 03:04:05.678901+00:00", net="12.34")
        p, c = purchases.c, contacts.c
        bought = sa.select(p.contact_id, p.at, p.value)
        who, at, value = arrays(connection, bought, by=p.contact_id)
        people, risk = arrays(connection, sa.select(c.id, c.churn_risk), by=c.id)
    assert who.tolist() == [near, far] == people.tolist()
    assert [moment / 1e6 for moment in at.tolist()] == [
        on("2026-01-02 03:04:05.678901+00:00").timestamp(), on("1999-12-31").timestamp(),
    ]  # fmt: skip
    assert value.tolist() == [123_400, NOTHING]
    assert (risk[0], risk[1] != risk[1]) == (0.29, True)


def test_no_rows_are_empty_arrays(database: str) -> None:
    with Store(database) as store, store.read() as connection:
        assert [len(column) for column in arrays(connection, sa.select(contacts.c.id), by=contacts.c.id)] == [0]


def test_a_single_day_of_long_ago_is_read_too(database: str) -> None:
    with Store(database) as store, store.write() as connection:
        shop = Shop(connection)
        plan = {"product": "pro", "kind": "plan", "interval": "month", "quantity": 1, "unit_amount": 10}
        shop.facts("subscriptions", plan | {"of": shop.person(), "started_on": "1995-01-01"})
        (day,) = numbers(connection, sa.select(facts["subscriptions"].c.started_on))
    assert day.tolist() == [9131]
