"""The parts of the settings that have keys of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from connectors.hooks.signing import key_of
from runner.duration import Days, Duration, SomeTime, Span
from runner.yaml_types import Hour, MailAddress, Part, Share, WebAddress


class Sender(Part):
    """Who the mails come from; the postal address stands at the foot of each."""

    name: str
    email: MailAddress
    #: The postal address, which the law asks for.
    address: str


class Caps(Part):
    """How much mail one address gets at the most; counted by local day and rolling seven days."""

    #: Mails a local day.
    per_day: int | None = Field(None, ge=1)
    #: Mails in any seven days.
    per_week: int | None = Field(None, ge=1)
    #: The time between two surveys.
    survey_every: Days | None = None
    #: `defer` waits for the next free day, `skip` leaves the step out.
    when_over: Literal["defer", "skip"] = "defer"


#: Mails a day of a sender that mailbox providers do not know yet: twice as many every day.
USUAL_WARM_UP = tuple(50 * 2**day for day in range(12))


class MailLimits(Part):
    """How fast a mailer sends; who does not fit waits, by priority and in turn."""

    #: Mails in any hour at the most.
    per_hour: int | None = Field(None, ge=1)
    #: For a new sender, how many mails on its first day, its second …; `usual` begins with 50 and doubles every day to
    #: 102,400. A day without mail does not count. After the last day there is no such limit any more.
    warm_up: Literal["usual"] | tuple[Annotated[int, Field(ge=1)], ...] | None = None

    def on_day(self, number: int) -> int | None:
        """Mails on this day of the warm-up, the first being 1; None: any number."""
        days = USUAL_WARM_UP if self.warm_up == "usual" else self.warm_up or ()
        return days[number - 1] if number <= len(days) else None


class QuietHours(Part):
    """When nobody is written to, in the contact's own zone."""

    #: The local hour at which they begin: `"20:00"`.
    begin: Hour = Field(alias="from")
    #: The local hour at which they end, on the next day where it is earlier.
    end: Hour = Field(alias="to")
    #: `quiet` on Saturdays and Sundays all day, or the `same` hours.
    weekends: Literal["quiet", "same"] = "same"

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.begin == self.end and self.weekends == "same":
            raise ValueError(f"begin and end at {self.end:%H:%M}; leave quiet_hours out for none")
        return self


class Brake(Part):
    """Stops a playbook's tick that would take in too many people at once, until `approve`."""

    #: More people than this are held.
    people: int = Field(500, ge=1)
    #: … and more than this share of all contacts,
    share: Share = 0.05
    #: if they are at least so many.
    at_least: int = Field(50, ge=1)


class Breakers(Part):
    """What stops a playbook, or a mailer, until a person resumes it: its mail bounces or is called spam."""

    #: The share of its mails that were marked as spam, at which it stops.
    complaints: Share = 0.001
    #: The share that bounced, beyond which it stops.
    bounces: Share = 0.05
    #: Mails before a share is judged. Unless given 200, and of spam 1,000: one report in fewer is no share.
    minimum: int | None = Field(None, ge=1)
    #: How far back mails are counted.
    within: Span = Duration(7, "day")

    def least(self, of: Literal["complaints", "bounces"]) -> int:
        """Mails before the share of this is judged."""
        return self.minimum or {"complaints": 1_000, "bounces": 200}[of]


#: A scale by its ends, as `1-7`.
ScaleWords = Annotated[str, Field(pattern=r"^\d{1,3}-\d{1,3}$")]


class KpiSettings(Part):
    """How figures are counted and which are shown."""

    #: Who ordered within it is an active customer.
    activity_window: Span = Duration(365, "day")
    #: What makes a customer active: `orders` within the window, or a paid subscription; the one there is unless told.
    active_by: Literal["orders", "subscriptions"] | None = None
    #: How far back two orders of one customer may lie to make a repeat buyer.
    repeat_window: Span = Duration(365, "day")
    #: Orders within it that make a loyal customer.
    loyal_orders: int = Field(3, ge=2)
    #: What is left of revenue after the costs of what was sold; without it a customer's value is one of revenue.
    margin: Share | None = None
    #: By how much money of a year later is worth less, where a customer's value looks ahead.
    discount: Share = 0.1
    #: How late a contract may be renewed and still count as renewed.
    renewal_grace: Span = Duration(30, "day")
    #: How long goods may be sent back.
    return_window: Span = Duration(30, "day")
    #: Scales of satisfaction besides 1–5, each with the score from which on somebody is satisfied: `{1-7: 6, 1-3: 3}`.
    csat_scales: Mapping[ScaleWords, int] = Field(default_factory=dict)
    #: With fewer cases a figure is not judged against its target.
    minimum_n: int = Field(30, ge=1)
    #: Keys of the figures to show; where none is named those of the goals.
    show: tuple[str, ...] = ()
    #: What you are after: each has the few figures that tell whether you get there.
    goals: tuple[Literal["keep", "repeat", "grow", "please", "serve"], ...] = ("keep", "repeat", "please")
    #: When goals and targets were last looked at; a quarter later `doctor` asks to do so again.
    reviewed: date | None = None
    #: `{nps: {at_least: 40, warn_at: 20}}`
    targets: Mapping[str, Mapping[str, float]] = Field(default_factory=dict)

    @field_validator("csat_scales")
    @classmethod
    def _on_their_scale(cls, scales: Mapping[str, int]) -> Mapping[str, int]:
        for words, top in scales.items():
            lowest, highest = map(int, words.split("-"))
            if not lowest < top <= highest:
                raise ValueError(f"{words}: must be above {lowest} and at most {highest}, is {top}")
            if (lowest, highest) == (1, 5):
                raise ValueError(f"{words}: is the usual scale, on which 4 and 5 count as satisfied")
        return scales


class Churn(Part):
    """How likely customers are to leave: what `contact.churn_risk` is a chance of."""

    #: Days without an order, from 28 to 365, of which the score tells how likely they are.
    horizon: Days = Duration(90, "day")
    #: What scores: `mbg_nbd`, or the name of a model that an installed package brings.
    model: str = "mbg_nbd"

    @field_validator("horizon")
    @classmethod
    def _some_weeks(cls, horizon: Duration) -> Duration:
        if not 28 <= horizon.days <= 365:
            raise ValueError(f"must be from 28 to 365 days, is {horizon}")
        return horizon


class Effect(Part):
    """How the effect of playbooks is told."""

    #: The rise, in proportion, that the planned number of people is to tell: `20%` is from 10 to 12 in a hundred.
    lift: Annotated[Share, Field(gt=0)] = 0.2
    #: Guard rail: where surely more of its mails are unsubscribed from, a playbook should be stopped.
    unsubscribes: Share = 0.005
    #: The same of those who call it spam.
    complaints: Share = 0.001


class Digest(Part):
    """A report by mail, once a week or a month, with its PDF, which is kept in the workspace's folder `reports`."""

    #: Who gets it.
    to: tuple[MailAddress, ...] = Field(min_length=1)
    #: On Mondays, or on the first of a month.
    every: Literal["week", "month"] = "week"
    #: The hour from which it goes out, in the account's zone.
    at: Hour = time(8)


class Schedule(Part):
    """When the daemon works."""

    #: How often.
    tick: SomeTime = Duration(5, "minute")
    #: When everything is pulled anew, in the account's zone.
    full_sync: Hour = time(3)


class Retention(Part):
    """How long is kept what nothing goes by any more; each night lets go of what is older."""

    #: What letters and messages said: the own texts of each.
    mail: Days = Duration(90, "day")
    #: What webhooks and `/api/events` were told, as it came, once it was read; what could not be read 90 days at least.
    webhooks: Days = Duration(7, "day")
    #: By what an open or click was judged, the visitor's address and program; who it was stays as it was judged.
    visits: Days = Duration(365, "day")


class MachinesSettings(Part):
    """What counts as a machine that opens mails and follows links, besides what Regulars knows."""

    #: Networks of scanners: `["203.0.113.0/24"]`.
    networks: tuple[str, ...] = ()
    #: Words in the name by which a program calls itself.
    agents: tuple[Annotated[str, Field(min_length=3)], ...] = ()

    @field_validator("networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"must be networks such as 203.0.113.0/24; {error}") from error
        return networks


class Webhook(Part):
    """Where messages go: an address, or these keys."""

    #: https; http only with `allow_private`.
    url: WebAddress
    #: `whsec_…`, by which the receiver knows that a message is ours. Of a list each signs.
    secret: SecretStr | tuple[SecretStr, ...] = ()
    #: Whether it may lead to this machine or into its own network.
    allow_private: bool = False
    #: `slack`: `{"text": …}`, as chat programs take it.
    style: Literal["standard", "slack"] = "standard"

    @field_validator("secret")
    @classmethod
    def _keys(cls, secret: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        for key in secret if isinstance(secret, tuple) else (secret,):
            key_of(key.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.url.startswith("http:") and not self.allow_private:
            raise ValueError("is not https; http is for this machine and its own network, with allow_private: true")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        keys = self.secret if isinstance(self.secret, tuple) else (self.secret,)
        return tuple(key.get_secret_value() for key in keys)


def _with_keys(written: Any) -> Any:
    return {"url": written} if isinstance(written, str) else written


#: A webhook by its keys, or by its address alone.
WrittenWebhook = Annotated[Webhook, BeforeValidator(_with_keys, json_schema_input_type=WebAddress | Webhook)]
