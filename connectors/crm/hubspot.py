"""HubSpot's contacts, companies and deals: what is set, and what is pulled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from connectors.base import ConnectorSettings, Cursor, Page, Source
from connectors.crm.hubspot_fields import NOT_MAPPED, Fields, plan
from connectors.crm.hubspot_pages import MODIFIED, Place, TablePages
from connectors.crm.hubspot_records import Account
from connectors.errors import Permanent
from connectors.limits import Caller
from connectors.records import BY_TABLE, FieldType, columns

#: Seconds to connect and to wait for more of an answer.
TIMEOUT = (5.0, 30.0)


class HubSpotSettings(ConnectorSettings):
    """`type: hubspot` in `regulars.yaml`."""

    type: Literal["hubspot"] = "hubspot"
    #: A service key or private app token.
    token: SecretStr
    base_url: str = "https://api.hubapi.com"
    #: Our field → HubSpot's property; of a contact, or with its table before it (`deal.amount`).
    fields: Mapping[str, str] = Field(default_factory=dict)
    #: Of the API: v3, or a dated one such as 2026-09.
    version: str = Field("v3", pattern=r"^(v3|20\d\d-\d\d)$")

    @field_validator("token")
    @classmethod
    def _one_word(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value().strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("must be one word such as pat-eu1-…; is it empty, or was something pasted with it?")
        return SecretStr(text)

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        loopback = parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
            raise ValueError(f"must be an https:// address (http:// on this machine only), is {url!r}")
        return url.rstrip("/")

    @field_validator("fields")
    @classmethod
    def _of_ours(cls, fields: Mapping[str, str]) -> Mapping[str, str]:
        faults = [fault for key in fields if (fault := _fault(key))]
        if faults:
            raise ValueError("; ".join(faults))
        return fields

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


class HubSpotSource(Source):
    """Pulls from HubSpot."""

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
        from connectors.crm.hubspot_api import LIMITS, HubSpotApi

        self._settings = settings
        self._api = HubSpotApi(
            settings.token.get_secret_value(),
            base_url=settings.base_url,
            version=settings.version,
            caller=Caller(LIMITS, sleep=sleep, monotonic=monotonic),
            timeout=timeout,
            on_call=self._count,
        )
        self._custom: dict[str, Mapping[str, FieldType]] = {}

    def _count(self) -> None:
        self.calls += 1

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        places = self._places(cursor)
        reading = self._fields()
        self._custom = {table: fields.custom_types for table, fields in reading.items()}
        account = Account(self._api)
        for fields in reading.values():
            yield from TablePages(fields, account, places, dict(self._settings.fields)).pull(full=full, now=now)

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        return self._custom

    def close(self) -> None:
        self._api.close()

    def _places(self, cursor: Cursor | None) -> dict[str, Place]:
        told = cursor or {}
        # Rows that were read before a field was mapped lack it, and no change of theirs would bring it.
        if told.get("fields") != dict(self._settings.fields):
            told = {}
        return {table: Place.read(told.get(table, {})) for table in MODIFIED}

    def _fields(self) -> Mapping[str, Fields]:
        """What to read of each table. Raises Permanent with every property that is mapped and not there."""
        plans = {table: plan(table, self._settings.fields_of(table), self._api.properties(table)) for table in MODIFIED}
        mistakes = [one for planned in plans.values() if not isinstance(planned, Fields) for one in planned]
        if mistakes:
            raise Permanent("; ".join(f"fields.{one.key}: {one.words}" for one in mistakes), system="HubSpot")
        return {table: planned for table, planned in plans.items() if isinstance(planned, Fields)}
