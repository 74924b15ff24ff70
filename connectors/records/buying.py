"""What customers buy, pay back and leave in their carts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from connectors.records.row import Record, record


@record
class Order(Record):
    """An order: paid (also when missing), fulfilled, cancelled, draft or test."""

    table: ClassVar[str] = "orders"
    key: ClassVar[tuple[str, ...]] = ("order_id",)

    order_id: str
    contact_id: str
    ordered_at: datetime
    status: str | None = None
    currency: str | None = None
    total: Decimal
    units: Decimal | None = None
    #: The code of whoever recommended us, as the buyer gave it.
    referral_code: str | None = None


@record
class OrderLine(Record):
    """One article of an order."""

    table: ClassVar[str] = "order_lines"
    key: ClassVar[tuple[str, ...]] = ()

    order_id: str
    sku: str
    category: str | None = None
    units: Decimal
    unit_price: Decimal


@record
class Refund(Record):
    """Money paid back; without an order it lowers the contact's latest earlier orders until it is used up."""

    table: ClassVar[str] = "refunds"
    key: ClassVar[tuple[str, ...]] = ("refund_id",)

    refund_id: str
    order_id: str | None = None
    contact_id: str | None = None
    refunded_at: datetime
    amount: Decimal
    units: Decimal | None = None


@record
class FxRate(Record):
    """What one unit of a currency is worth in the account's currency from a day on."""

    table: ClassVar[str] = "fx"
    key: ClassVar[tuple[str, ...]] = ("date", "currency")

    date: date
    currency: str
    rate: Decimal


@record
class Cart(Record):
    """A shopping cart."""

    table: ClassVar[str] = "carts"
    key: ClassVar[tuple[str, ...]] = ("cart_id",)

    cart_id: str
    contact_id: str | None = None
    created_at: datetime
    checked_out_at: datetime | None = None
    total: Decimal | None = None
    currency: str | None = None
    url: str | None = None


@record
class WishlistItem(Record):
    """An article somebody wants."""

    table: ClassVar[str] = "wishlist_items"
    key: ClassVar[tuple[str, ...]] = ("item_id",)

    item_id: str
    contact_id: str
    sku: str
    added_at: datetime
    purchased_at: datetime | None = None


@record
class LoyaltyMember(Record):
    """A membership of the loyalty programme."""

    table: ClassVar[str] = "loyalty"
    key: ClassVar[tuple[str, ...]] = ("contact_id",)

    contact_id: str
    joined_at: datetime
    left_at: datetime | None = None
    points: Decimal | None = None
