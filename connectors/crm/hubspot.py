"""HubSpot's objects as our tables: what is set, what is pulled, and the door to what is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.base import ConnectorSettings, Cursor, Forecast, Outcome, Page, Source
from connectors.crm.hubspot_fields import NOT_MAPPED, Fields, opted_out_of, plan
from connectors.crm.hubspot_kinds import KINDS
from connectors.crm.hubspot_pages import TablePages, forecast
from connectors.crm.hubspot_paths import USUAL, VERSIONS
from connectors.crm.hubspot_place import Place, Stage
from connectors.crm.hubspot_records import Account
from connectors.crm.hubspot_token import OAuth, Renewed, standing
from connectors.crm.hubspot_webhook import is_signed
from connectors.errors import Permanent
from connectors.limits import Caller
from connectors.loopback import is_loopback
from connectors.records import BY_TABLE, FieldType, columns
from connectors.writing import CrmWrite, CrmWriter

LINES = "order_lines"
#: Seconds to connect and to wait for more of an answer.
TIMEOUT = (5.0, 30.0)
#: So long the account's properties, owners and stages are taken to be what they were.
PROPERTIES_STAND = 3600.0


class HubSpotSettings(ConnectorSettings):
    """`type: hubspot` in `regulars.yaml`."""

    type: Literal["hubspot"] = "hubspot"
    #: A service key or private app token.
    token: SecretStr | None = None
    #: In its place, the credentials of an app: `{client_id, client_secret, refresh_token}`.
    oauth: OAuth | None = None
    base_url: str = "https://api.hubapi.com"
    #: Our field → HubSpot's property; of a contact, or with its table before it (`deal.amount`).
    fields: Mapping[str, str] = Field(default_factory=dict)
    #: Of the API: a dated one such as 2026-09, or v3 or v4, which HubSpot supports until 2027.
    version: str = Field(USUAL, pattern=VERSIONS)
    #: The tables to read; all that the account has.
    tables: Sequence[str] = tuple(KINDS)
    #: Calls in ten seconds at the most, where it is to be less than HubSpot allows.
    calls: int | None = Field(None, ge=1, le=250)
    #: The share of the account's calls of a day after which the rest is left to its other apps.
    day_share: float = Field(0.9, gt=0, le=1)
    #: Points of the account's CSAT surveys, as HubSpot keeps them.
    csat_scale: Literal["0-2", "1-5"] = "0-2"
    #: Whether HubSpot is told what playbooks write about its contacts: fields, notes, tasks, opt-outs.
    writes: bool = True
    #: Properties that are made in HubSpot when they are first written: `{last_nps: number, last_playbook: text}`.
    create: Mapping[str, FieldType] = Field(default_factory=dict)
    #: Our topics → HubSpot's subscription types, so that opting out of one is told there: `{newsletter: 4711}`.
    topics: Mapping[str, int] = Field(default_factory=dict)
    #: The client secret of the app whose webhooks tell that something changed; without it they are refused.
    webhook_secret: SecretStr | None = None

    @field_validator("token")
    @classmethod
    def _one_word(cls, token: SecretStr | None) -> SecretStr | None:
        text = token.get_secret_value().strip() if token else "absent"
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("must be one word such as pat-eu1-…; is it empty, or was something pasted with it?")
        return SecretStr(text) if token else None

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        encrypted = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        if not parts.hostname or not encrypted:
            raise ValueError(f"must be an https:// address (http:// on this machine only), is {url!r}")
        return url.rstrip("/")

    @field_validator("fields")
    @classmethod
    def _of_ours(cls, fields: Mapping[str, str]) -> Mapping[str, str]:
        faults = [fault for key in fields if (fault := _fault(key))]
        if faults:
            raise ValueError("; ".join(faults))
        return fields

    @field_validator("tables")
    @classmethod
    def _known(cls, tables: Sequence[str]) -> Sequence[str]:
        unknown = [name for name in tables if name not in KINDS]
        if unknown:
            raise ValueError(f"there is no {', '.join(unknown)}; there are {', '.join(KINDS)}")
        return [name for name in KINDS if name in tables]

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.token is None) == (self.oauth is None):
            raise ValueError("needs a token, or oauth in its place")
        return self

    def fields_of(self, table: str) -> Mapping[str, str]:
        """The mapping of one table, without the table's name."""
        named = ((_table_and_field(key), name) for key, name in self.fields.items())
        return {ours: name for (of, ours), name in named if of == table}


PREFIXES = {"contact": "contacts", "company": "companies", "deal": "deals"}


def _table_and_field(key: str) -> tuple[str, str]:
    prefix, dot, ours = key.rpartition(".")
    return PREFIXES.get(prefix, "") if dot else "contacts", ours


def _fault(key: str) -> str | None:
    table, ours = _table_and_field(key)
    if not table:
        return f"{key}: before the dot stands contact, company or deal"
    if not ours.isidentifier():
        return f"{key}: a field's name has letters, digits and _ only"
    if ours in NOT_MAPPED:
        return f"{key}: HubSpot itself says what stands there; it takes no property"
    record = BY_TABLE[table]
    if not record.takes_custom and ours not in {column.name for column in columns(record)}:
        return f"{key}: {table} have no such field"
    return None


class HubSpotSource(Source, CrmWriter):
    """Pulls from HubSpot, and tells it what playbooks write."""

    type = "hubspot"
    settings_model = HubSpotSettings
    is_crm = True

    def __init__(
        self,
        settings: HubSpotSettings,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # The SDK takes a fifth of a second to import; settings are checked without it.
        from connectors.crm.hubspot_api import HubSpotApi
        from connectors.crm.hubspot_quota import Quota, limits
        from connectors.crm.hubspot_writing import Writing

        caller = Caller(limits(settings.calls), sleep=sleep, monotonic=monotonic)
        self._settings = settings
        self._monotonic = monotonic
        self._api = HubSpotApi(
            Renewed(settings.oauth, monotonic=monotonic)
            if settings.oauth
            else standing(settings.token or SecretStr("")),
            base_url=settings.base_url,
            version=settings.version,
            caller=caller,
            quota=Quota(caller, fixed=settings.calls is not None, day_share=settings.day_share, monotonic=monotonic),
            timeout=timeout,
            on_call=self._count,
        )
        self.may_write = settings.writes
        self.topics = settings.topics
        self.on_loopback = is_loopback(urlsplit(settings.base_url).hostname)
        self._writing = Writing(
            self._api,
            fields=settings.fields_of("contacts"),
            create=settings.create,
            topics=settings.topics,
        )
        self._plans: tuple[float, Mapping[str, Fields]] | None = None
        self._known: tuple[float, Account] | None = None

    def _count(self) -> None:
        self.calls += 1

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        places, absent = self._places(cursor)
        account = self._account(fresh=full)
        reading = self._fields(fresh=full)
        mapped = dict(self._settings.fields)
        # Where they are listed anyhow, they are not asked for deal by deal.
        lines = reading.get(LINES) if places[LINES].begun(full=full, now=now).stage is Stage.CHANGES else None
        for table, fields in reading.items():
            if table in absent and not full:
                continue
            sold = TablePages(lines, account, places, mapped, absent) if lines and LINES not in absent else None
            pages = TablePages(fields, account, places, mapped, absent, lines=sold if table == "deals" else None)
            yield from pages.pull(full=full, now=now)

    def _account(self, *, fresh: bool) -> Account:
        if self._known is not None and not fresh and self._monotonic() - self._known[0] < PROPERTIES_STAND:
            return self._known[1].of_before()
        account = Account(self._api, csat_scale=self._settings.csat_scale, topics=self._settings.topics)
        self._known = (self._monotonic(), account)
        return account

    def forecast(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Sequence[Forecast]:
        places, absent = self._places(cursor)
        reading = self._fields(fresh=full)
        told = [
            forecast(self._api, fields, places[table], full=full, now=now)
            for table, fields in reading.items()
            if full or table not in absent
        ]
        deals = any(one.rows for one in told if one.table == "deals")
        calls = sum(map(self._has_properties, reading)) + deals
        what = "properties and deals' stages" if deals else "properties"
        return [Forecast("account", 0, calls, f"{what}; owners take two more"), *told]

    def forgotten(self, table: str, ids: Sequence[str]) -> Sequence[str]:
        return [id for id in ids if self._api.is_erased(KINDS[table].object, id)]

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        known = {table: fields.custom_types for table, fields in self._plans[1].items()} if self._plans else {}
        return known | {"contacts": {**self._settings.create, **known.get("contacts", {})}} if known else {}

    def quota(self) -> Mapping[str, Any]:
        return self._api.quota.document()

    def write(self, writes: Sequence[CrmWrite]) -> Sequence[Outcome]:
        return self._writing.write(writes)

    def find(self, writes: Sequence[CrmWrite]) -> Sequence[Outcome]:
        return self._writing.find(writes)

    def is_hint(self, headers: Mapping[str, str], body: bytes, *, method: str, url: str, now: datetime) -> bool:
        secret = self._settings.webhook_secret
        return secret is not None and is_signed(
            secret.get_secret_value(), headers, body, method=method, url=url, now=now
        )

    def close(self) -> None:
        self._api.close()

    def _places(self, cursor: Cursor | None) -> tuple[dict[str, Place], set[str]]:
        """How far each table came, and those that the account does not have."""
        told = cursor or {}
        # Rows that were read before a field was mapped lack it, and no change of theirs would bring it.
        if told.get("fields") != dict(self._settings.fields):
            told = {}
        return {table: Place.read(told.get(table, {})) for table in KINDS}, set(told.get("absent", ()))

    def _fields(self, *, fresh: bool) -> Mapping[str, Fields]:
        """What to read of each table. Raises Permanent with every property that is mapped and not there."""
        if self._plans is not None and not fresh and self._monotonic() - self._plans[0] < PROPERTIES_STAND:
            return self._plans[1]
        plans = {table: self._plan(table) for table in self._settings.tables}
        mistakes = [one for planned in plans.values() if not isinstance(planned, Fields) for one in planned]
        if mistakes:
            raise Permanent("; ".join(f"fields.{one.key}: {one.words}" for one in mistakes), system="HubSpot")
        found = {table: planned for table, planned in plans.items() if isinstance(planned, Fields)}
        self._plans = (self._monotonic(), found)
        return found

    def _has_properties(self, table: str) -> bool:
        """Of a table without fields of the account's own nothing need be asked, unless some are mapped."""
        return bool(self._settings.fields_of(table)) or BY_TABLE[table].takes_custom

    def _plan(self, table: str) -> Any:
        fields = self._settings.fields_of(table)
        known = self._api.properties(KINDS[table].object) if self._has_properties(table) else ()
        also = [opted_out_of(number) for number in self._settings.topics.values()] if table == "contacts" else ()
        return plan(table, fields, known, also=also)
