"""Columns of many rows as arrays, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import count

import pytest
import sqlalchemy as sa

from runner.store import Store
from runner.store.arrays import NOTHING, arrays, numbers
from runner.store.tables import contacts, purchases
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


@pytest.mark.parametrize("days", [["1990-01-01"], ["1970-05-04", None], [None, "2026-11-22"], ["1969-12-20", None]])
def test_days_and_instants_before_the_turn_of_the_century_are_read_as_they_are(
    database: str, days: list[str | None]
) -> None:
    given = [day and date.fromisoformat(day) for day in days]
    with Store(database) as store, store.write() as connection:
        shop = Shop(connection)
        for day in given:
            shop.person(birthday=day, first_order_at=day and datetime.combine(day, time(), UTC))
        c = contacts.c
        told = numbers(connection, sa.select(c.birthday, c.first_order_at).order_by(c.id))
    since = [day and (day - date(1970, 1, 1)).days for day in given]
    assert [column.tolist() for column in told] == [
        [NOTHING if day is None else day for day in since],
        [NOTHING if day is None else day * 86_400_000_000 for day in since],
    ]
