"""The keys of `regulars.yaml`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator

from runner import business, clock
from runner.duration import Duration, SomeTime
from runner.settings.business_hours import BusinessHours
from runner.settings.parts import (
    Brake,
    Breakers,
    Caps,
    Churn,
    Digest,
    Effect,
    KpiSettings,
    MachinesSettings,
    MailLimits,
    QuietHours,
    Retention,
    Schedule,
    Sender,
    WrittenWebhook,
)
from runner.settings.rewards import Loyalty, Referrals, Reviews
from runner.yaml_file import closest
from runner.yaml_types import Part, without_password


class Settings(Part):
    """The workspace's settings."""

    #: Where everything is kept: a SQLite file, or `postgresql://…`.
    store: str = "sqlite:///regulars.db"
    #: The account's zone; a contact's own comes first where it is valid.
    timezone: str = "UTC"
    #: What pages are in where neither the contact's language nor the browser's wish can be served: `en`, `pl` …
    language: str = Field("en", pattern=r"^[a-z]{2,3}$")
    #: What amounts are counted in; orders in another one need a rate in the table `fx`.
    currency: str = "EUR"
    #: Who a customer is.
    customers: Literal["contact", "company"] = "contact"
    #: Where links in mails lead.
    public_url: str
    #: Signs links. Of a list the first signs, all verify.
    secret: SecretStr | tuple[SecretStr, ...]
    sender: Sender
    connectors: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    mail: Mapping[str, Any]
    #: Which connectors bring orders; where none does, won deals count as orders.
    orders_from: tuple[str, ...] | None = None
    #: Whether somebody who never said yes may get marketing mail.
    consent: Literal["required", "assumed"] = "assumed"
    #: Kinds of mail that people choose among on their preference page: a name, as in `topic:`, and what they read.
    topics: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], str] = Field(default_factory=dict)
    caps: Caps = Caps()
    #: When nobody is written to; at any hour somebody may where there are none.
    quiet_hours: QuietHours | None = None
    #: When the company works: what business hours and days are counted by.
    business_hours: BusinessHours | None = None
    brake: Brake | None = None
    #: What stops a playbook or a mailer by itself; real mail has them unless told otherwise, a rehearsal where told.
    breakers: Breakers | None = None
    #: What becomes of a send whose outcome nobody knows.
    on_unsure: Literal["hold", "resend"] = "hold"
    #: A fact or hold older than this starts and sends nothing any more.
    max_lateness: SomeTime = Duration(3, "day")
    #: How figures are counted and which are shown.
    kpis: KpiSettings = KpiSettings()
    #: How likely customers are to leave.
    churn: Churn = Churn()
    #: How the effect of playbooks is told.
    effect: Effect = Effect()
    #: The report by mail, and to whom; none where it is left out.
    digest: Digest | None = None
    #: When the daemon works.
    schedule: Schedule = Schedule()
    #: Where reviews are asked for, and how often.
    reviews: Reviews = Reviews()
    #: Whose opens and clicks are no person's; after a change `regulars reclassify` judges anew.
    machines: MachinesSettings = MachinesSettings()
    #: Where friends come to, how they are counted, and what is given for them.
    referrals: Referrals | None = None
    #: Points and tiers.
    loyalty: Loyalty | None = None
    #: Where `webhook` and `notify` may send messages, each by a name: its address, or its keys.
    webhooks: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], WrittenWebhook] = Field(default_factory=dict)
    #: How long is kept what nothing goes by any more.
    retention: Retention = Retention()

    @field_validator("store")
    @classmethod
    def _database(cls, url: str) -> str:
        if not re.match(r"(sqlite:///.|postgresql://)", url):
            raise ValueError(f"must be sqlite:///FILE or postgresql://…, is {without_password(url)!r}")
        return url

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if clock.zone(name) is None:
            raise ValueError(f"must be an IANA time zone, is {name!r}; {zone_advice(name)}")
        return name

    @field_validator("secret")
    @classmethod
    def _keys(cls, secret: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        keys = secret if isinstance(secret, tuple) else (secret,)
        if not keys or any(len(key.get_secret_value()) < SHORTEST_SECRET for key in keys):
            raise ValueError(f"must have at least {SHORTEST_SECRET} characters, each of them where it is a list")
        return secret

    @field_validator("public_url")
    @classmethod
    def _url(cls, url: str) -> str:
        if not re.match(r"https?://[^/\s]+", url):
            raise ValueError(f"must be a web address such as https://hello.acme.example, is {url!r}")
        return url.rstrip("/")

    @property
    def mailers(self) -> Mapping[str, Mapping[str, Any]]:
        """Each mailer's keys by its name, the account's own first; one that stands alone is called as its type."""
        if self.has_named_mailers:
            return {name: keys if isinstance(keys, Mapping) else {} for name, keys in self.mail.items()}
        return {str(self.mail.get("type")): self.mail}

    @property
    def has_named_mailers(self) -> bool:
        """Whether `mail:` has several mailers by name, and not one."""
        return "type" not in self.mail and any(isinstance(keys, Mapping) for keys in self.mail.values())

    def only_to(self, mailer: str | None = None) -> frozenset[str] | None:
        """Whom alone this mailer, or the account's, writes to; None where anybody may get mail."""
        return self._only_to.get(mailer or "", self._only_to[""])

    @cached_property
    def _only_to(self) -> Mapping[str, frozenset[str] | None]:
        """Whom alone each mailer writes to, the account's also under no name: asked of every letter."""
        told = {"": next(iter(self.mailers.values())), **self.mailers}
        return {
            name: None if (only_to := keys.get("only_to")) is None else frozenset(str(one).lower() for one in only_to)
            for name, keys in told.items()
        }

    def limits(self, mailer: str) -> MailLimits:
        """How fast the mailer of this name sends."""
        keys = self.mailers.get(mailer, {})
        return MailLimits(**{name: keys[name] for name in MailLimits.model_fields if name in keys})

    @cached_property
    def calendar(self) -> business.Calendar:
        """When the company works: Monday to Friday from 9 to 17 unless told."""
        if self.business_hours is None:
            return business.office_hours(self.timezone)
        return self.business_hours.calendar(self.timezone)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The signing keys, the one that signs first."""
        keys = self.secret if isinstance(self.secret, tuple) else (self.secret,)
        return tuple(key.get_secret_value() for key in keys)


#: Characters of a secret: links that can be forged are worth nothing.
SHORTEST_SECRET = 8
#: Keys that the language knows and this version does not act on yet.
NOT_YET: tuple[str, ...] = ()


def zone_advice(name: str) -> str:
    """What to write instead of a zone that is none."""
    from zoneinfo import available_timezones

    if re.fullmatch(r"(UTC|GMT)?\s*[-+−]\s*\d{1,2}(:?\d\d)?", name.strip(), re.IGNORECASE):
        return "an offset knows no clock changes: write a place such as Europe/Warsaw"
    if re.fullmatch(r"[A-Z]{3,5}", name.strip()):
        return "an abbreviation is no place: write one such as Europe/Warsaw"
    zones = sorted(zone for zone in available_timezones() if "/" in zone)
    cities = {zone.rpartition("/")[2]: zone for zone in reversed(zones)}
    city = next(iter(difflib.get_close_matches(name, cities, 1, cutoff=0.7)), "")
    return closest(name, zones) or closest(cities.get(city, ""), zones) or "use an IANA name such as Europe/Warsaw"
