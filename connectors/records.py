"""The words that cross the border: one frozen record type a table, read from a CRM, a shop or a CSV folder.

One definition serves everything: the CSV connector's file names and headers, the store's tables, the reference page.
Times are aware UTC, money is Decimal, ids are the source's own as text. A field with a default may be missing.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

#: A custom field's value as it is kept: text, number, truth, or a date or time in ISO 8601.
CustomValue = str | int | float | bool | None
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(kind: type[T]) -> type[T]:
    """A frozen dataclass, save that mypy alone sees to it: at run time that would double what making one costs."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)


class FieldType(StrEnum):
    """What a custom field holds, learned from a CRM's properties or a CSV column's rows."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    DATE = "date"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Link:
    """An association to another object of the same source: a contact's company, a deal's contact."""

    id: str
    label: str | None = None
    is_primary: bool = False


@record
class Record:
    """One row of one table, as a source tells it."""

    #: The table's name: the store's table and the CSV file's name without ending.
    table: ClassVar[str]
    #: The fields that identify a row within its connector; empty where the row's content and ordinal must do.
    key: ClassVar[tuple[str, ...]]
    #: Whether columns we do not know become custom fields.
    takes_custom: ClassVar[bool] = False


@record
class Contact(Record):
    """A person."""

    table: ClassVar[str] = "contacts"
    key: ClassVar[tuple[str, ...]] = ("contact_id",)
    takes_custom: ClassVar[bool] = True

    contact_id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company_id: str | None = None
    country: str | None = None
    language: str | None = None
    timezone: str | None = None
    created_at: datetime
    customer_since: date | None = None
    birthday: date | None = None
    lifecycle_stage: str | None = None
    owner: str | None = None
    opted_out: bool | None = None
    consent: str | None = None
    is_test: bool | None = None
    merged_into: str | None = None
    deleted_at: datetime | None = None
    custom: Mapping[str, CustomValue] = field(default_factory=dict)
    #: Every company of the contact where the source knows more than `company_id`.
    companies: tuple[Link, ...] = ()
    #: Topics of ours that the contact wants no mail about, where the source knows some.
    opted_out_of: tuple[str, ...] = ()


@record
class Company(Record):
    """An account."""

    table: ClassVar[str] = "companies"
    key: ClassVar[tuple[str, ...]] = ("company_id",)
    takes_custom: ClassVar[bool] = True

    company_id: str
    name: str
    created_at: datetime | None = None
    owner: str | None = None
    timezone: str | None = None
    custom: Mapping[str, CustomValue] = field(default_factory=dict)


@record
class Deal(Record):
    """A CRM deal; a won deal counts as an order unless orders come from elsewhere."""

    table: ClassVar[str] = "deals"
    key: ClassVar[tuple[str, ...]] = ("deal_id",)

    deal_id: str
    contact_id: str | None = None
    company_id: str | None = None
    name: str | None = None
    pipeline: str | None = None
    stage: str
    amount: Decimal | None = None
    currency: str | None = None
    created_at: datetime
    closed_at: datetime | None = None
    is_won: bool
    owner: str | None = None
    #: Every contact of the deal where the source knows more than `contact_id`.
    contacts: tuple[Link, ...] = ()


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
class Subscription(Record):
    """One version of a paid plan (`plan`) or add-on (`addon`), billed by `month` or `year`."""

    table: ClassVar[str] = "subscriptions"
    key: ClassVar[tuple[str, ...]] = ("subscription_id", "started_on")

    subscription_id: str
    customer_id: str
    product: str
    kind: str
    interval: str
    quantity: Decimal
    unit_amount: Decimal
    discount_pct: Decimal | None = None
    trial_end: date | None = None
    started_on: date
    ended_on: date | None = None


@record
class Contract(Record):
    """A term that ends and may be renewed."""

    table: ClassVar[str] = "contracts"
    key: ClassVar[tuple[str, ...]] = ("contract_id",)

    contract_id: str
    customer_id: str
    ends_on: date
    renewed_on: date | None = None


@record
class Invoice(Record):
    """A bill and what was paid of it."""

    table: ClassVar[str] = "invoices"
    key: ClassVar[tuple[str, ...]] = ("invoice_id",)

    invoice_id: str
    customer_id: str
    issued_on: date
    due_on: date
    amount: Decimal
    paid_on: date | None = None
    paid_amount: Decimal | None = None


@record
class Licence(Record):
    """A customer's seats today."""

    table: ClassVar[str] = "licences"
    key: ClassVar[tuple[str, ...]] = ("customer_id",)

    customer_id: str
    purchased: int
    assigned: int


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
class Ticket(Record):
    """A request for help."""

    table: ClassVar[str] = "tickets"
    key: ClassVar[tuple[str, ...]] = ("ticket_id",)

    ticket_id: str
    contact_id: str
    created_at: datetime
    first_reply_at: datetime | None = None
    solved_at: datetime | None = None
    subject: str | None = None
    #: Of the mail it began with: what an answer refers to.
    message_id: str | None = None


@record
class Message(Record):
    """A message of a conversation, `in` or `out`."""

    table: ClassVar[str] = "messages"
    key: ClassVar[tuple[str, ...]] = ()

    thread_id: str
    customer_id: str
    #: Who of the customer it is with, where customers are companies.
    contact_id: str | None = None
    direction: str
    at: datetime


@record
class Survey(Record):
    """A survey sent and perhaps answered: `nps` 0-10, `csat` 1-5, `ces` 1-7; no score: not answered."""

    table: ClassVar[str] = "surveys"
    key: ClassVar[tuple[str, ...]] = ("response_id",)

    response_id: str
    contact_id: str
    kind: str
    scale: str
    score: float | None = None
    sent_at: datetime | None = None
    responded_at: datetime | None = None
    comment: str | None = None


@record
class Email(Record):
    """A mail sent by somebody else, with what became of it; our own mails are in the action log."""

    table: ClassVar[str] = "emails"
    key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: str
    contact_id: str
    campaign_id: str | None = None
    sent_at: datetime
    bounced: bool
    machine_open: bool
    human_open: bool
    clicked: bool
    unsubscribed: bool
    complained: bool


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
class LoyaltyMember(Record):
    """A membership of the loyalty programme."""

    table: ClassVar[str] = "loyalty"
    key: ClassVar[tuple[str, ...]] = ("contact_id",)

    contact_id: str
    joined_at: datetime
    left_at: datetime | None = None
    points: Decimal | None = None


@record
class Referral(Record):
    """One friend invited by a contact."""

    table: ClassVar[str] = "referrals"
    key: ClassVar[tuple[str, ...]] = ("referral_id",)

    referral_id: str
    referrer_id: str
    referred_email: str
    invited_at: datetime
    converted_at: datetime | None = None


@record
class ReviewRequest(Record):
    """A request for a review, and what came of it."""

    table: ClassVar[str] = "review_requests"
    key: ClassVar[tuple[str, ...]] = ("request_id",)

    request_id: str
    contact_id: str
    site: str
    sent_at: datetime
    reviewed_at: datetime | None = None
    rating: Decimal | None = None


@record
class Exit(Record):
    """A customer who left, and the reason given."""

    table: ClassVar[str] = "exits"
    key: ClassVar[tuple[str, ...]] = ("customer_id", "left_on")

    customer_id: str
    left_on: date
    reason: str


@record
class Project(Record):
    """Work promised to a customer."""

    table: ClassVar[str] = "projects"
    key: ClassVar[tuple[str, ...]] = ("project_id",)

    project_id: str
    customer_id: str
    due_on: date
    completed_on: date | None = None
    budget: Decimal | None = None
    actual_cost: Decimal | None = None
    status: str


@record
class Report(Record):
    """A report sent to a customer."""

    table: ClassVar[str] = "reports"
    key: ClassVar[tuple[str, ...]] = ("report_id",)

    report_id: str
    customer_id: str
    sent_on: date
    first_opened_on: date | None = None


@record
class Mention(Record):
    """Something said in public about the company."""

    table: ClassVar[str] = "mentions"
    key: ClassVar[tuple[str, ...]] = ("mention_id",)

    mention_id: str
    contact_id: str | None = None
    source: str
    url: str | None = None
    text: str
    at: datetime


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


#: Every table, in the order in which a source should bring them (who, then what happened).
TABLES: tuple[type[Record], ...] = (
    Company,
    Contact,
    FxRate,
    Deal,
    Order,
    OrderLine,
    Refund,
    Subscription,
    Contract,
    Invoice,
    Licence,
    Usage,
    Ticket,
    Message,
    Survey,
    Email,
    Cart,
    WishlistItem,
    Session,
    Footfall,
    LoyaltyMember,
    Referral,
    ReviewRequest,
    Exit,
    Project,
    Report,
    Mention,
    Event,
)
BY_TABLE: Mapping[str, type[Record]] = {record.table: record for record in TABLES}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table as a source may fill it."""

    name: str
    #: str, bool, int, float, Decimal, date or datetime.
    type: type
    required: bool


_COLUMNS: dict[type[Record], tuple[Column, ...]] = {}


def columns(record: type[Record]) -> tuple[Column, ...]:
    """The table's columns in the order of its definition, without custom fields and links."""
    if record not in _COLUMNS:
        _COLUMNS[record] = _columns(record)
    return _COLUMNS[record]


def _columns(record: type[Record]) -> tuple[Column, ...]:
    hints = get_type_hints(record)
    return tuple(
        Column(f.name, plain, f.default is MISSING and f.default_factory is MISSING)
        for f in fields(record)
        if (plain := _plain(hints[f.name])) is not None
    )


def _plain(hint: Any) -> type | None:
    """The value type of `T` or `T | None`; None for custom fields and links."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    return hint if isinstance(hint, type) and get_origin(hint) is None else None


def key_of(record: Record) -> str:
    """The row's id within its connector; several key fields are joined by `|`."""
    return "|".join(str(getattr(record, name)) for name in record.key)
