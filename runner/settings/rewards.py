"""The settings about what customers are asked for and given: reviews, referrals, points and tiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from runner.duration import Days, Duration
from runner.settings.review_sites import why_off
from runner.yaml_types import Part, WebAddress

#: A name that conditions and templates use.
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
#: A contact's own field.
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Amount = Annotated[Decimal, Field(ge=0, le=1_000_000_000)]


#: Words in one language, or in several: `{en: a voucher, de: einen Gutschein}`; the first is for all others.
Said = str | Annotated[Mapping[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], str], Field(min_length=1)]


def in_language(said: Said | None, wishes: Iterable[str | None]) -> str | None:
    """What is said in the first of these languages in which it is said, else as it is said first."""
    if said is None or isinstance(said, str):
        return said
    tags = ((wish or "").lower().replace("_", "-").partition("-")[0] for wish in wishes)
    return next((said[tag] for tag in tags if tag in said), next(iter(said.values())))


class Reviews(Part):
    """Where reviews are asked for, and how often."""

    #: A name for each and its address: `{google: "https://…", trustpilot: "https://…"}`.
    sites: Mapping[str, str] = Field(default_factory=dict)
    #: The time between two requests to one address, whichever sites they are for.
    ask_every: Days = Duration(180, "day")

    @cached_property
    def open(self) -> Mapping[str, str]:
        """The sites on which people may be asked."""
        return {name: url for name, url in self.sites.items() if name not in self.off}

    @cached_property
    def off(self) -> Mapping[str, str]:
        """The sites on which nobody is asked, and why."""
        why = {name: why_off(name, url) for name, url in self.sites.items()}
        return {name: reason for name, reason in why.items() if reason is not None}


class Referrals(Part):
    """Where friends come to, how they are counted, and what is given for them."""

    #: Where the friend's page leads on to; `ref=` and `visit=` are added to it.
    landing: WebAddress
    #: What the recommender gets, in words for the page: `a voucher for 10 €`, or `{en: …, de: …}`. None: nothing.
    reward: Said | None = None
    #: What the friend gets, in words.
    welcome: Said | None = None
    #: What the friend is told of the reward; a sentence of our own where there is none.
    disclosure: Said | None = None
    #: The contact's own field in which a sign-up form keeps the code.
    code_field: Name = "referred_by"
    #: How long after using the code a friend's first order counts.
    window: Days = Duration(90, "day")
    #: How long an order may be returned; before that nothing is due.
    return_window: Days = Duration(30, "day")
    #: What a first order must come to, in the account's currency.
    minimum_order: Amount = Decimal(0)
    #: Rewards that one contact gets in 365 days at the most.
    per_year: int = Field(10, ge=1)
    #: The contact's own fields of which two people of one household have the same.
    household: tuple[Name, ...] = ("phone", "street", "payment_card")
    #: A file in the workspace with one coupon a line, each given once.
    coupons: str | None = None
    #: Whether the page shows where somebody stands among those who bring friends; it names nobody.
    leaderboard: bool = False


class Points(Part):
    """What earns points."""

    #: Each order.
    per_order: Amount = Decimal(0)
    #: Each whole unit of the account's currency, after refunds.
    per_amount: Amount = Decimal(0)
    #: Each year as a customer: the first, the second …; the last one counts for all later years.
    years: tuple[Amount, ...] = ()
    #: Months in a row with an order: the first, the second …; the last one counts for all further months.
    streak: tuple[Amount, ...] = ()
    #: A friend who has bought and kept it.
    referral: Amount = Decimal(0)
    #: How long they last; what is over expires at the end of its month. None: for ever.
    expire_after: Days | None = None
    #: How long before that an event `points_expiring` tells of it.
    remind_before: Days = Duration(30, "day")


class Tier(Part):
    """A tier and what it takes; all of what is named."""

    name: Word
    #: Orders within the time.
    orders: int | None = Field(None, ge=1, le=1_000_000)
    #: What was bought within the time, in the account's currency, after refunds.
    revenue: Amount | None = None
    #: Points earned within the time, whether spent or not.
    points: Amount | None = None
    #: Whole years as a customer.
    years: int | None = Field(None, ge=1, le=200)

    @model_validator(mode="after")
    def _takes_something(self) -> Self:
        if all(bar is None for bar in (self.orders, self.revenue, self.points, self.years)):
            raise ValueError("takes nothing; write orders, revenue, points or years")
        return self


class Loyalty(Part):
    """Points and tiers, counted from orders and from time."""

    #: Orders and anniversaries from this day on earn points.
    since: date
    #: What earns points.
    points: Points = Points()
    #: The lowest first.
    tiers: tuple[Tier, ...] = ()
    #: The time within which orders, revenue and points count for a tier.
    within: Days = Duration(365, "day")
    #: How long somebody keeps a tier that they no longer reach; an event tells them at its beginning.
    grace: Days = Duration(30, "day")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [tier.name for tier in self.tiers]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"has the tier {twice!r} twice")
        return self
