"""What a shop or a product may tell at `/api/events`: one model a type of event, and the records that each becomes.

The models are the protocol: the OpenAPI document is made of them. Each event is told whole: an order, cart, ticket or
answer that is told again under its id takes the earlier one's place.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.feeds.told_values import (
    Amount,
    Currency,
    Email,
    Key,
    Kind,
    Moment,
    Name,
    Properties,
    whole,
)
from connectors.records import Cart, Company, Contact, Event, Order, Record, Refund, Survey, Ticket, Usage
from connectors.scales import SCALES

#: Events of one body at the most.
MOST = 1000


class Told(BaseModel):
    """A part of what is told: unknown keys are faults, and nothing is guessed from a value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Firm(Told):
    """The company that somebody belongs to."""

    #: Its id at whoever tells this.
    id: Key
    name: Name | None = None


class Who(Told):
    """Whom it is about: an id, an address, or both. What else is told of them is kept; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key], "properties": {key: {"type": "string"}}} for key in ("id", "email")]
        }
    )

    #: Their id at whoever tells this.
    id: Key | None = None
    #: By it they are the same person as in the CRM.
    email: Email | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    #: ISO 3166: `DE`.
    country: Name | None = None
    #: `de`, `pt-BR`.
    language: Name | None = None
    #: IANA: `Europe/Berlin`.
    timezone: Name | None = None
    created_at: Moment | None = None
    birthday: date | None = None
    lifecycle_stage: Name | None = None
    #: A no here binds at once; a yes never overrules one that was said to us.
    opted_out: bool | None = None
    company: Firm | None = None
    #: Fields of your own: `contact.plan`.
    properties: Properties = Field(default_factory=dict)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.id is None and self.email is None:
            raise ValueError("needs an id or an email")
        return self

    @property
    def key(self) -> str:
        """Their id, and where there is none their address."""
        return self.id or (self.email or "").lower()

    def records(self, at: datetime) -> Iterator[Record]:
        """What is told of the person; nothing where that is an id alone."""
        if self.company is not None and self.company.name is not None:
            yield Company(company_id=self.company.id, name=self.company.name)
        plain = ("email", "first_name", "last_name", "country", "language", "timezone", "birthday", "lifecycle_stage")
        told = {name: getattr(self, name) for name in (*plain, "opted_out")}
        told |= {"company_id": self.company.id if self.company else None}
        if self.properties or any(value is not None for value in told.values()):
            yield Contact(contact_id=self.key, created_at=self.created_at or at, custom=dict(self.properties), **told)


class Happening(Told, ABC):
    """What every event has."""

    #: When it happened, with its zone: `2026-11-27T10:00:00Z`.
    at: Moment
    contact: Who

    @abstractmethod
    def records(self, *, customers: str) -> Iterator[Record]:
        """The event's own record; `customers` is the setting of that name."""


class OrderTold(Happening):
    """An order, as it stands today."""

    type: Literal["order"]
    #: The order's number.
    id: Key
    total: Amount
    #: The account's currency where it is not given.
    currency: Currency | None = None
    #: `paid` unless given; cancelled ones, drafts and tests do not count.
    status: Literal["paid", "fulfilled", "cancelled", "draft", "test"] | None = None
    units: Amount | None = None
    #: The code of whoever recommended the shop, as the buyer gave it.
    referral_code: Annotated[str, Field(max_length=100)] | None = None

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Order(
            order_id=self.id,
            contact_id=self.contact.key,
            ordered_at=self.at,
            status=self.status,
            currency=self.currency,
            total=self.total,
            units=self.units,
            referral_code=self.referral_code,
        )


class RefundTold(Happening):
    """Money paid back."""

    type: Literal["refund"]
    id: Key
    #: Of which order; without it the person's latest earlier orders are lowered.
    order_id: Key | None = None
    amount: Amount

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Refund(
            refund_id=self.id,
            order_id=self.order_id,
            contact_id=self.contact.key,
            refunded_at=self.at,
            amount=self.amount,
        )


class CartTold(Happening):
    """A shopping cart, as it stands; `at` is when it was begun."""

    type: Literal["cart"]
    id: Key
    #: When it became an order: from then on nobody is reminded of it.
    checked_out_at: Moment | None = None
    total: Amount | None = None
    currency: Currency | None = None
    #: Where the cart can be gone on with.
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")] | None = None

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Cart(
            cart_id=self.id,
            contact_id=self.contact.key,
            created_at=self.at,
            checked_out_at=self.checked_out_at,
            total=self.total,
            currency=self.currency,
            url=self.url,
        )


class TicketTold(Happening):
    """A request for help, as it stands; `at` is when it came."""

    type: Literal["ticket"]
    id: Key
    #: The first answer of a person, not of a machine.
    first_reply_at: Moment | None = None
    solved_at: Moment | None = None

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Ticket(
            ticket_id=self.id,
            contact_id=self.contact.key,
            created_at=self.at,
            first_reply_at=self.first_reply_at,
            solved_at=self.solved_at,
        )


class AnswerTold(Happening):
    """An answer to a survey that somebody else asked; `at` is when it was given."""

    type: Literal["answer"]
    id: Key
    kind: Literal["nps", "csat", "ces"]
    #: nps 0–10, csat 1–5, ces 1–7.
    score: Annotated[int, BeforeValidator(whole)]
    comment: Annotated[str, Field(max_length=5000)] | None = None
    sent_at: Moment | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"properties": {"kind": {"const": kind}, "score": {"minimum": scale.lowest, "maximum": scale.highest}}}
                for kind, scale in SCALES.items()
            ]
        }
    )

    @model_validator(mode="after")
    def _on_scale(self) -> Self:
        scale = SCALES[self.kind]
        if self.score not in scale:
            raise ValueError(f"the score of {self.kind} is {scale.lowest} to {scale.highest}, is {self.score}")
        return self

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Survey(
            response_id=self.id,
            contact_id=self.contact.key,
            kind=self.kind,
            scale=str(SCALES[self.kind]),
            score=float(self.score),
            sent_at=self.sent_at,
            responded_at=self.at,
            comment=self.comment,
        )


class LoginTold(Happening):
    """Somebody logged in: the event `login`."""

    type: Literal["login"]
    #: Where none is given, two of one person at one time are one.
    id: Key | None = None

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Event(event_id=self.id or _made(self), contact_id=self.contact.key, kind="login", at=self.at)


class UsageTold(Happening):
    """Somebody used a part of the product. Where customers are companies, the contact's company must be told."""

    type: Literal["usage"]
    feature: Name

    def records(self, *, customers: str) -> Iterator[Record]:
        firm = self.contact.company
        customer = firm.id if firm is not None and customers == "company" else self.contact.key
        yield Usage(user_id=self.contact.key, customer_id=customer, feature=self.feature, at=self.at)


class EventTold(Happening):
    """Anything else that happened: `event: {kind: webinar_attended}` in a playbook."""

    type: Literal["event"]
    kind: Kind
    #: Where none is given, two of one kind, person and time are one.
    id: Key | None = None
    value: Amount | None = None
    currency: Currency | None = None
    #: Fields of your own: `event.plan`. A name keeps the type it was first told with.
    properties: Properties = Field(default_factory=dict)

    def records(self, *, customers: str) -> Iterator[Record]:
        yield Event(
            event_id=self.id or _made(self),
            contact_id=self.contact.key,
            kind=self.kind,
            at=self.at,
            value=self.value,
            currency=self.currency,
            custom=dict(self.properties),
        )


AnyEvent = Annotated[
    OrderTold | RefundTold | CartTold | TicketTold | AnswerTold | LoginTold | UsageTold | EventTold,
    Field(discriminator="type"),
]


class Batch(Told):
    """Up to 1,000 events; all of them are kept, or none."""

    events: Annotated[list[AnyEvent], Field(min_length=1, max_length=MOST)]

    def records(self, *, customers: str) -> Iterator[Record]:
        """Who, then what happened."""
        for one in self.events:
            yield from one.contact.records(one.at)
            yield from one.records(customers=customers)


def _made(event: LoginTold | EventTold) -> str:
    """An id for what has none: what is told twice has the same."""
    told = ascii((event.contact.key, getattr(event, "kind", "login"), event.at.isoformat()))
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()
