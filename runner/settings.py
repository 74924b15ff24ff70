"""`regulars.yaml` as a model; every mistake in it a fault with file, line and advice."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from connectors.hooks.signing import key_of
from runner import business, clock
from runner.duration import Days, Duration, SomeTime, Span
from runner.errors import Fault, Faults
from runner.yaml_file import YamlFile, closest, read_yaml, validate

FILE = "regulars.yaml"


class Part(BaseModel):
    """A part of a user's YAML file: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=False)


def _hour(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        hours, minutes = value.split(":")
        return time(int(hours), int(minutes))
    if isinstance(value, time):
        return value
    raise ValueError(f'must be a time of day in quotes such as "09:00", is {value!r}')


def _share(value: Any) -> Any:
    share = value
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)? ?%", value.strip()):
        share = float(value.strip().rstrip("% ")) / 100
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1:
        return float(share)
    raise ValueError(f"must be a share from 0% to 100%, such as 10%, is {value!r}")


def _not_yet(value: Any) -> Any:
    raise ValueError("is not in this version yet")


#: A key of the language that this version does not act on: it is known, and refused by name.
NotYet = Annotated[Any, BeforeValidator(_not_yet)]
#: "09:00"
Hour = Annotated[time, BeforeValidator(_hour)]
#: 10% or 0.1
Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)? ?%$"},
            ]
        }
    ),
]


def mail_address(email: Any) -> Any:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(str(email), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"must be a mail address, is {email!r}: {error}") from None


#: hello@acme.example
MailAddress = Annotated[str, BeforeValidator(mail_address)]


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


def _days(key: str) -> str:
    business.days_of(key)
    return key


def _holiday(value: Any) -> Any:
    if isinstance(value, str) and not value[:1].isdigit():
        business.country(value)
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(f"must be a country such as PL, a part of one such as DE-BY, or a date, is {value!r}")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


_DAY = f"({'|'.join(clock.WEEKDAYS)})"
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
#: `mon-fri`, `sat`, `mon,wed`
Weekdays = Annotated[str, AfterValidator(_days)]
#: "09:00-17:00", or several spans of a day
OpenHours = Annotated[
    tuple[business.Hours, ...], BeforeValidator(business.hours_of), WithJsonSchema({"type": "string"})
]
#: `PL`, `DE-BY`, a date, or a list of these
DaysOff = Annotated[
    tuple[Annotated[date | str, BeforeValidator(_holiday)], ...], BeforeValidator(_as_list), WithJsonSchema(_TEXTS)
]


class BusinessHours(Part):
    """When the company works, in the account's zone: `mon-fri: "09:00-17:00"`, `sat: "09:00-12:00, 13:00-15:00"`."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"propertyNames": {"pattern": rf"^(holidays|{_DAY}(( ?, ?|-){_DAY})*)$"}}
    )
    __pydantic_extra__: dict[Weekdays, OpenHours]

    #: When nobody works: a country (`PL`), a part of one (`DE-BY`), a date, or a list of these.
    holidays: DaysOff = ()

    @model_validator(mode="after")
    def _opens(self) -> Self:
        named = [day for key in self.__pydantic_extra__ for day in business.days_of(key)]
        twice = next((clock.WEEKDAYS[day] for day in named if named.count(day) > 1), None)
        if twice:
            raise ValueError(f"have {twice} twice; give each day its hours once, as mon-thu and fri")
        now = clock.machine_now()
        if not named or self.calendar("UTC").next_open(now) > now + timedelta(days=365):
            raise ValueError('have no open hour within a year; write mon-fri: "09:00-17:00"')
        return self

    def calendar(self, zone: str) -> business.Calendar:
        """These hours on the clock of a zone."""
        hours = {day: spans for key, spans in self.__pydantic_extra__.items() for day in business.days_of(key)}
        dates = frozenset(day for day in self.holidays if isinstance(day, date))
        countries = tuple(code for code in self.holidays if isinstance(code, str))
        week = tuple(hours.get(day, ()) for day in range(7))
        return business.Calendar(zone, week, business.Holidays(dates, countries))


class Brake(Part):
    """Stops a playbook's tick that would take in too many people at once, until `approve`."""

    #: More people than this are held.
    people: int = Field(500, ge=1)
    #: … and more than this share of all contacts,
    share: Share = 0.05
    #: if they are at least so many.
    at_least: int = Field(50, ge=1)


class KpiSettings(Part):
    """How figures are counted and which are shown."""

    #: Who ordered within it is an active customer.
    activity_window: Span = Duration(365, "day")
    #: With fewer cases a figure is not judged against its target.
    minimum_n: int = Field(30, ge=1)
    #: Keys of the figures to show; all where none is named.
    show: tuple[str, ...] = ()
    #: `{nps: {at_least: 40}}`
    targets: Mapping[str, Mapping[str, float]] = Field(default_factory=dict)


class Schedule(Part):
    """When the daemon works."""

    #: How often.
    tick: SomeTime = Duration(5, "minute")
    #: When everything is pulled anew, in the account's zone.
    full_sync: Hour = time(3)


class Reviews(Part):
    """Where reviews are asked for."""

    #: A name for each and its address: `{google: "https://…"}`.
    sites: Mapping[str, str] = Field(default_factory=dict)


def web_address(url: Any) -> str:
    """An address that can be called as it is written: no password in it, no signs that must be escaped first."""
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]+", url) or not _is_whole(url):
        shown = _without_password(url) if isinstance(url, str) else url
        raise ValueError(f"must be a web address such as https://acme.example/in, without a password, is {shown!r}")
    return url


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


#: https://acme.example/in
WebAddress = Annotated[str, BeforeValidator(web_address)]


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


def _webhook(written: Any) -> Any:
    return {"url": written} if isinstance(written, str) else written


class Match(Part):
    """How a connector's people are recognised as ours: by `email`, by a field's name, or not at all (`none`)."""

    match: str = "email"


def _without_password(url: str) -> str:
    return re.sub(r"://[^/]*@", "://…@", url)


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


class Settings(Part):
    """The workspace's settings."""

    #: Where everything is kept: a SQLite file, or `postgresql://…`.
    store: str = "sqlite:///regulars.db"
    #: The account's zone; a contact's own comes first where it is valid.
    timezone: str = "UTC"
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
    caps: Caps = Caps()
    #: When nobody is written to; at any hour somebody may where there are none.
    quiet_hours: QuietHours | None = None
    #: When the company works: what business hours and days are counted by.
    business_hours: BusinessHours | None = None
    brake: Brake | None = None
    #: What becomes of a send whose outcome nobody knows.
    on_unsure: Literal["hold", "resend"] = "hold"
    #: A fact or hold older than this starts and sends nothing any more.
    max_lateness: SomeTime = Duration(3, "day")
    #: How figures are counted and which are shown.
    kpis: KpiSettings = KpiSettings()
    #: When the daemon works.
    schedule: Schedule = Schedule()
    #: Where reviews are asked for.
    reviews: Reviews = Reviews()
    #: Where `webhook` and `notify` may send messages, each by a name: its address, or its keys.
    webhooks: Mapping[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")],
        Annotated[Webhook, BeforeValidator(_webhook, json_schema_input_type=WebAddress | Webhook)],
    ] = Field(default_factory=dict)
    # Named by the design, not in yet: `check` says so.
    breakers: Any = None
    churn: Any = None
    retention: Any = None

    @field_validator("store")
    @classmethod
    def _database(cls, url: str) -> str:
        if not re.match(r"(sqlite:///.|postgresql://)", url):
            raise ValueError(f"must be sqlite:///FILE or postgresql://…, is {_without_password(url)!r}")
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
NOT_YET = ("churn", "retention")


_NEW_SECRET = "give it one: whsec_ and what `openssl rand -base64 32` prints"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The settings, the file they stand in, and what is worth a warning."""

    settings: Settings
    file: YamlFile
    warnings: tuple[Fault, ...]


def load_settings(workspace: Path, environment: Mapping[str, str] | None = None) -> SettingsFile:
    """The workspace's settings. Raises Faults with every mistake found."""
    path = workspace / FILE
    if not path.exists():
        raise Faults(
            [Fault(FILE, 0, 0, "", f"there is none in {workspace}", "run `regulars init DIR` or give one with -C DIR")]
        )
    file = read_yaml(path, FILE)
    if isinstance(file, Fault):
        raise Faults([file])
    if not isinstance(file.document, dict):
        raise Faults([Fault(FILE, 1, 1, "", "is empty", "`regulars init DIR` writes one to start from")])
    document, missing = _with_variables(file, file.document, (), _variables(workspace, environment))
    settings = validate(file, Settings, document)
    if missing or isinstance(settings, list):
        told = {fault.where for fault in missing}
        raise Faults(missing + [f for f in (settings if isinstance(settings, list) else []) if f.where not in told])
    assert isinstance(settings, Settings)
    warnings = [
        file.fault((key,), "not in this version yet: it is ignored", value=False)
        for key in NOT_YET
        if key in file.document
    ]
    warnings += [
        file.fault(("webhooks", name), "has no secret: its receiver cannot tell that a message is ours", _NEW_SECRET)
        for name, hook in settings.webhooks.items()
        if not hook.secrets and hook.style == "standard"
    ]
    return SettingsFile(settings, file, tuple(warnings))


def _variables(workspace: Path, environment: Mapping[str, str] | None) -> dict[str, str]:
    """`.env` beside the settings, under the process's environment."""
    from dotenv import dotenv_values

    told = {k: v for k, v in dotenv_values(workspace / ".env").items() if v is not None}
    return told | dict(os.environ if environment is None else environment)


def _with_variables(
    file: YamlFile, node: Any, path: tuple[str | int, ...], known: Mapping[str, str]
) -> tuple[Any, list[Fault]]:
    """The document with each `${NAME}` replaced, and a fault for each name that is nowhere."""
    faults: list[Fault] = []
    if isinstance(node, dict):
        filled: Any = {}
        for key, below in node.items():
            filled[key], more = _with_variables(file, below, (*path, key), known)
            faults += more
        return filled, faults
    if isinstance(node, list):
        parts = [_with_variables(file, below, (*path, index), known) for index, below in enumerate(node)]
        return [part for part, _ in parts], [fault for _, more in parts for fault in more]
    if isinstance(node, str):
        for name in re.findall(r"\$\{(\w+)\}", node):
            if name not in known:
                faults.append(
                    file.fault(path, f"the variable {name} is not set", f"set {name} in the environment or in .env")
                )
        return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], ""), node), faults
    return node, faults
