"""Arrays of amounts added up: as money, or as the products that intervals are made of."""

from __future__ import annotations

from decimal import Decimal

from runner.store.arrays import Ints

#: Amounts are kept in ten-thousandths.
PARTS = 10_000


def money_of(amounts: Ints) -> Decimal:
    return Decimal(int(amounts.sum())) / PARTS


def product_of(some: Ints, others: Ints) -> float:
    """The products added up: as floats, since those of whole numbers leave their range."""
    return float((some.astype(float) * others).sum()) / PARTS**2
