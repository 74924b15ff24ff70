"""The words that cross the border: one frozen record type a table, read from a CRM, a shop or a CSV folder.

One definition serves everything: the CSV connector's file names and headers, the store's tables, the reference page.
Times are aware UTC, money is Decimal, ids are the source's own as text. A field with a default may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.records.buying import Cart, FxRate, LoyaltyMember, Order, OrderLine, Refund, WishlistItem
from connectors.records.columns import Column, columns
from connectors.records.doing import Event, Footfall, Session, Usage
from connectors.records.people import Company, Contact, Contract, Deal, Invoice, Licence, Project, Subscription
from connectors.records.row import CustomValue, FieldType, Link, Record, key_of, record
from connectors.records.saying import Email, Exit, Mention, Message, Referral, Report, ReviewRequest, Survey, Ticket

__all__ = [
    "BY_TABLE",
    "TABLES",
    "Cart",
    "Column",
    "Company",
    "Contact",
    "Contract",
    "CustomValue",
    "Deal",
    "Email",
    "Event",
    "Exit",
    "FieldType",
    "Footfall",
    "FxRate",
    "Invoice",
    "Licence",
    "Link",
    "LoyaltyMember",
    "Mention",
    "Message",
    "Order",
    "OrderLine",
    "Project",
    "Record",
    "Referral",
    "Refund",
    "Report",
    "ReviewRequest",
    "Session",
    "Subscription",
    "Survey",
    "Ticket",
    "Usage",
    "WishlistItem",
    "columns",
    "key_of",
    "record",
]

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
