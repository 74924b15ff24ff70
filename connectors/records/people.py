"""Who customers are: people, companies, and what is agreed with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from connectors.records.row import CustomValue, Link, Record, record


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
