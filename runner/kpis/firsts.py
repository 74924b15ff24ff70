"""What customers' first orders brought: of two orders of one instant the first is that of the lower key."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.customers import counting
from runner.kpis.orders import Orders, instant, orders
from runner.kpis.rows import with_customers
from runner.kpis.sums import money_of, product_of
from runner.store.arrays import NOTHING, Ints, Yes, numbers
from runner.store.functions import numbers_in
from runner.store.tables import purchases


class Firsts(NamedTuple):
    """Net revenue, and the squares of it by order."""

    net: Decimal
    squares: float


def firsts_of(asked: Asked) -> Firsts:
    """Of the orders of the period that are their customers' first ever."""
    told = asked.once(orders)
    came = told.first >= instant(asked.start)
    tied = came & _tied(told)
    each = told.value[told.begins[:-1]][came & ~tied]
    if tied.any():
        each = np.concatenate([each, _of_tied(asked, told, tied)])
    return Firsts(money_of(each), product_of(each, each))


def _tied(told: Orders) -> Yes:
    """Whose second order is of the same instant as the first one, and of another amount."""
    first, second = told.begins[:-1], np.minimum(told.begins[:-1] + 1, told.begins[1:] - 1)
    same: Yes = (told.at[first] == told.at[second]) & (told.value[first] != told.value[second])
    return same


def _of_tied(asked: Asked, told: Orders, tied: Yes) -> Ints:
    rows, customer = with_customers(asked, purchases, purchases.c.contact_id)
    place = sa.func.row_number().over(partition_by=customer, order_by=(purchases.c.at, purchases.c.order_key))
    some = json.dumps(told.customers[tied].tolist())
    ranked = (
        sa.select(purchases.c.value, place.label("place"))
        .select_from(rows)
        .where(counting(asked), customer.in_(numbers_in(some)))
        .subquery()
    )
    (value,) = numbers(asked.connection, sa.select(ranked.c.value).where(ranked.c.place == 1))
    without_rate: Ints = np.where(value == NOTHING, 0, value)
    return without_rate
