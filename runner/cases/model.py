"""The keys of a test, as a marketer writes them below `tests:`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from runner.cases.when import Fixed, Later
from runner.duration import Duration
from runner.yaml_types import Part

#: A time that is fixed counts from no other.
_ANY = datetime(2000, 1, 1, tzinfo=UTC)
#: One row of a table, or some fields of a person.
Row = Mapping[str, Any]


class Given(Part):
    """Who it is about, what is known of them, and when the playbook looks at them."""

    #: When it is: on the person's own clock, unless it has an offset.
    now: Fixed
    #: The person: fields of a contact, your own ones too.
    contact: Row = Field(default_factory=dict)
    #: What some of these fields were before; the playbook knew the person then.
    before: Row = Field(default_factory=dict)
    #: The company they belong to.
    company: Row | None = None
    #: Whether they are inside already: `true` before the first step, or the id of the step that comes next.
    inside: bool | str = False
    #: Which arm of a `split` they draw, by the split's step: `{split-1: b}`.
    arms: Mapping[str, str] = Field(default_factory=dict)
    #: Orders: `{at: 5 days ago, total: 49}`.
    orders: tuple[Row, ...] = ()
    #: Refunds: `{at: yesterday, amount: 10}`.
    refunds: tuple[Row, ...] = ()
    #: Scores given earlier: `{kind: nps, score: 3, at: 2 days ago}`.
    answers: tuple[Row, ...] = ()
    #: Events: `{kind: visit, at: 1 hour ago}`.
    events: tuple[Row, ...] = ()
    #: Requests for help, open unless `solved_at` says when they were solved.
    tickets: tuple[Row, ...] = ()
    #: Deals: `{deal_id: d-1, stage: proposal, amount: 900}`.
    deals: tuple[Row, ...] = ()
    #: Carts: `{at: 5 hours ago, total: 80}`.
    carts: tuple[Row, ...] = ()
    #: Invoices: `{due_on: 3 days ago, amount: 120}`.
    invoices: tuple[Row, ...] = ()
    #: Contracts: `{ends_on: in 30 days}`.
    contracts: tuple[Row, ...] = ()
    #: Subscriptions: `{unit_amount: 29, started_on: 90 days ago}`.
    subscriptions: tuple[Row, ...] = ()
    #: Membership of the loyalty programme: `{points: 1200}`.
    loyalty: tuple[Row, ...] = ()
    #: Friends they invited.
    referrals: tuple[Row, ...] = ()
    #: Reviews they were asked for: `{site: google, rating: 5}`.
    reviews: tuple[Row, ...] = ()
    #: What was said of you in public: `{at: 1 hour ago, source: web, text: Nice}`.
    mentions: tuple[Row, ...] = ()
    #: Messages of a conversation, theirs to you unless `direction: out`: `{at: 2 hours ago}`.
    messages: tuple[Row, ...] = ()
    #: That they left, and why: `{at: yesterday, reason: price}`.
    exits: tuple[Row, ...] = ()

    def moment(self, zone: str) -> datetime:
        """`now` as an instant."""
        return self.now.instant(_ANY, zone)

    def rows(self) -> list[tuple[str, int, Row]]:
        """Every row with the key it stands under and its place there."""
        return [(key, index, row) for key in LISTS for index, row in enumerate(getattr(self, key))]


class Happening(Part):
    """One thing that happens later."""

    #: How long after `now`.
    after: Later | None = None
    #: When, on the person's own clock.
    at: Fixed | None = None
    #: They order: `{total: 50}`.
    order: Row | None = None
    #: Money goes back to them.
    refund: Row | None = None
    #: A score: to the survey that the playbook sent last, else one told by a connector.
    answer: Row | None = None
    #: An event of some kind: `{kind: visit}`.
    event: Row | None = None
    #: They ask for help; with the id of an earlier one, it is solved say.
    ticket: Row | None = None
    #: A deal comes, or moves: `{deal_id: d-1, stage: closedwon}`.
    deal: Row | None = None
    #: A cart is filled, or checked out.
    cart: Row | None = None
    #: A bill comes, or is paid.
    invoice: Row | None = None
    #: A contract is made, or renewed.
    contract: Row | None = None
    #: A subscription begins, or ends.
    subscription: Row | None = None
    #: They say something of you in public: `{source: web, text: Nice}`.
    mention: Row | None = None
    #: They write to you, or you to them: `{direction: out}`.
    message: Row | None = None
    #: They leave: `{reason: price}`.
    exit: Row | None = None
    #: Fields of the person that change.
    contact: Row | None = None
    #: The id of a step whose mail is clicked.
    click: str | None = None
    #: Whether the person unsubscribes by the link in the last mail.
    unsubscribe: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.after is None) == (self.at is None):
            raise ValueError("when? write after: 2 days, or at: and a time")
        if len(self.model_fields_set - {"after", "at"}) != 1:
            known = ", ".join(name for name in type(self).model_fields if name not in ("after", "at"))
            raise ValueError(f"what happens? one of {known}")
        return self

    @property
    def what(self) -> str:
        return next(iter(self.model_fields_set - {"after", "at"}))


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_STEPS: dict[str, Any] = {"type": ["array", "string"], "items": {"type": "string"}}
#: The ids of steps, or one.
Steps = Annotated[tuple[str, ...], BeforeValidator(_one_or_more), WithJsonSchema(_STEPS)]


class Expect(Part):
    """What is to come of it."""

    #: The steps that are done, in their order, and no others; waits and forks may be left out.
    done: Steps | None = None
    #: Steps that are held back at some time.
    held: Steps = ()
    #: Steps that are left out.
    skipped: Steps = ()
    #: Words of the reason that the log gives for one of its rows.
    reason: str | None = None
    #: That the person does not enter: words of the reason, or `true` whatever it is.
    not_entered: str | bool | None = None
    #: How far to look: `30 days`, or a time. The trigger is then asked every day.
    until: Later | None = None

    @model_validator(mode="before")
    @classmethod
    def _steps_alone(cls, value: Any) -> Any:
        if isinstance(value, list | tuple | str):
            return {"done": value}
        return value

    @field_validator("not_entered")
    @classmethod
    def _not_false(cls, value: str | bool | None) -> str | bool | None:
        if value is False:
            raise ValueError("is false: say under done: what is done instead")
        return value

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {"until"}:
            raise ValueError("what is expected? the steps that are done, [] for none, or not_entered: and a reason")
        if self.not_entered is not None and (self.done or self.held or self.skipped):
            raise ValueError("who does not enter has no steps: keep not_entered: or the steps")
        return self

    @property
    def steps(self) -> tuple[str, ...]:
        return (*(self.done or ()), *self.held, *self.skipped)

    @property
    def nothing(self) -> bool:
        """Whether it is that something does not happen, for which one must look to the end."""
        return self.not_entered is not None or self.done == ()


def _or_steps(schema: dict[str, Any]) -> None:
    """The steps alone may stand for it."""
    schema["anyOf"] = [{"$ref": schema.pop("$ref")}, _STEPS]


class Case(Part):
    """One test of a playbook."""

    #: What it shows, in a sentence.
    name: str
    #: Who it is about, what is known of them, and when.
    given: Given
    #: What happens later, one after the other.
    then: tuple[Happening, ...] = ()
    #: The steps that are done, in order; `[]` for none; or keys that say more.
    expect: Expect = Field(json_schema_extra=_or_steps)


#: The keys of `given:` that hold rows, each with its table.
LISTS: Mapping[str, str] = {
    "orders": "orders",
    "refunds": "refunds",
    "answers": "surveys",
    "events": "events",
    "tickets": "tickets",
    "deals": "deals",
    "carts": "carts",
    "invoices": "invoices",
    "contracts": "contracts",
    "subscriptions": "subscriptions",
    "loyalty": "loyalty",
    "referrals": "referrals",
    "reviews": "review_requests",
    "mentions": "mentions",
    "messages": "messages",
    "exits": "exits",
}
#: The keys of a happening that are a row, each with its table.
ROWS: Mapping[str, str] = {
    "order": "orders",
    "refund": "refunds",
    "answer": "surveys",
    "event": "events",
    "ticket": "tickets",
    "deal": "deals",
    "cart": "carts",
    "invoice": "invoices",
    "contract": "contracts",
    "subscription": "subscriptions",
    "mention": "mentions",
    "message": "messages",
    "exit": "exits",
}
#: The longest that is looked ahead where a test does not say how far.
LOOKS_AHEAD = Duration(400, "day")
