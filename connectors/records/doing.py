"""What customers do: in the product, on the site, in the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from connectors.records.row import CustomValue, Record, record


@record
class Usage(Record):
    """A product event of one user."""

    table: ClassVar[str] = "usage"
    key: ClassVar[tuple[str, ...]] = ()

    user_id: str
    customer_id: str
    feature: str
    at: datetime


@record
class Session(Record):
    """A web session."""

    table: ClassVar[str] = "sessions"
    key: ClassVar[tuple[str, ...]] = ()

    visitor_id: str
    contact_id: str | None = None
    started_at: datetime
    purchased: bool


@record
class Footfall(Record):
    """A store's visitors of one day."""

    table: ClassVar[str] = "footfall"
    key: ClassVar[tuple[str, ...]] = ("date", "store_id")

    date: date
    store_id: str
    visitors: int
    transactions: int


@record
class Event(Record):
    """Anything else that happened."""

    table: ClassVar[str] = "events"
    key: ClassVar[tuple[str, ...]] = ("event_id",)
    takes_custom: ClassVar[bool] = True

    event_id: str
    contact_id: str
    kind: str
    at: datetime
    value: Decimal | None = None
    currency: str | None = None
    custom: Mapping[str, CustomValue] = field(default_factory=dict)
