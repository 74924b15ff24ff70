"""What customers ask, answer and say, and what is sent to them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from connectors.records.row import Record, record


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
class Exit(Record):
    """A customer who left, and the reason given."""

    table: ClassVar[str] = "exits"
    key: ClassVar[tuple[str, ...]] = ("customer_id", "left_on")

    customer_id: str
    left_on: date
    reason: str


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
class Report(Record):
    """A report sent to a customer."""

    table: ClassVar[str] = "reports"
    key: ClassVar[tuple[str, ...]] = ("report_id",)

    report_id: str
    customer_id: str
    sent_on: date
    first_opened_on: date | None = None
