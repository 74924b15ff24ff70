"""Which orders count as purchases, and what is left of each after refunds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

#: The statuses of an order that was bought; one without status is paid.
BOUGHT = ("paid", "fulfilled")


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order or won deal; `net` is in its own currency."""

    order_key: str
    connector: str
    #: The source's own id, by which refunds name it; empty for a deal.
    order_id: str
    at: datetime
    total: Decimal
    net: Decimal
    currency: str
    seen_at: datetime
    #: `net` in the account's currency; None where there is no exchange rate.
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Repayment:
    """A refund; without an order it is for whatever the person bought last before it."""

    connector: str
    order_id: str | None
    at: datetime
    amount: Decimal


def netted(bought: Iterable[Purchase], refunds: Iterable[Repayment]) -> list[Purchase]:
    """One person's purchases, oldest first, lowered by their refunds; what is refunded in full is none any more."""
    left = sorted(bought, key=lambda purchase: (purchase.at, purchase.order_id, purchase.order_key))
    for refund in sorted(refunds, key=lambda refund: refund.at):
        left = _for_order(left, refund) if refund.order_id else _for_latest(left, refund)
    return [purchase for purchase in left if purchase.net > 0]


def _for_order(purchases: Sequence[Purchase], refund: Repayment) -> list[Purchase]:
    """An order that has not arrived has its refund wait for it."""
    return [
        replace(p, net=p.net - refund.amount) if (p.connector, p.order_id) == (refund.connector, refund.order_id) else p
        for p in purchases
    ]


def _for_latest(purchases: Sequence[Purchase], refund: Repayment) -> list[Purchase]:
    lowered, open_amount = list(purchases), refund.amount
    for place in range(len(lowered) - 1, -1, -1):
        purchase = lowered[place]
        if open_amount <= 0:
            break
        if purchase.connector == refund.connector and purchase.at <= refund.at and purchase.net > 0:
            taken = min(open_amount, purchase.net)
            lowered[place] = replace(purchase, net=purchase.net - taken)
            open_amount -= taken
    return lowered
