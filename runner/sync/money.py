"""Amounts in the account's currency: at the rate of their day, else the last earlier one, else not at all."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

import sqlalchemy as sa

from runner.store.tables import facts

_fx = facts["fx"].c


class Rates:
    """The exchange rates, each currency's read when it is first asked for."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._rates: dict[str, tuple[list[date], list[Decimal]]] = {}

    def convert(self, connection: sa.Connection, amount: Decimal, currency: str, day: date) -> Decimal | None:
        """The amount in the account's currency; None where there is no rate of that day or before."""
        if currency == self._account:
            return amount
        days, rates = self._of(connection, currency)
        place = bisect_right(days, day)
        return amount * rates[place - 1] if place else None

    @staticmethod
    def rounded(amount: Decimal | int) -> Decimal:
        """As the store keeps money."""
        return Decimal(amount).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)

    def _of(self, connection: sa.Connection, currency: str) -> tuple[list[date], list[Decimal]]:
        if currency not in self._rates:
            living = _fx.currency == currency, _fx.deleted_at.is_(None)
            rows = connection.execute(sa.select(_fx.date, _fx.rate).where(*living).order_by(_fx.date, _fx.id)).all()
            self._rates[currency] = ([row.date for row in rows], [row.rate for row in rows])
        return self._rates[currency]
