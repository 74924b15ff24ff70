"""What the sources say of one person becomes one contact: the first word that is not empty counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from email_validator import EmailNotValidError, validate_email

from connectors.records import Contact, Record, columns
from runner import clock
from runner.settings import Settings

#: What a source says: column → value in JSON, and `custom`. What it leaves empty is not in it.
Fields = Mapping[str, Any]

_FIRST_WORD = ("email", "first_name", "last_name", "country", "language", "timezone", "lifecycle_stage", "owner")
_DATES = ("birthday", "customer_since")


@dataclass(frozen=True, slots=True)
class Home:
    """A person's primary company."""

    company_id: int
    timezone: str | None


def fields_of(record: Record, *, without: Sequence[str]) -> dict[str, Any]:
    """The record as JSON, without its ids and without what is empty."""
    told = {column.name: getattr(record, column.name) for column in columns(type(record)) if column.name not in without}
    fields = {name: _json(value) for name, value in told.items() if value is not None and value != ""}
    custom = {name: value for name, value in getattr(record, "custom", {}).items() if value is not None and value != ""}
    return {**fields, "custom": custom}


def contact_fields(record: Contact) -> dict[str, Any]:
    fields = fields_of(record, without=("contact_id", "company_id", "deleted_at"))
    return fields | ({"opted_out_of": sorted(record.opted_out_of)} if record.opted_out_of else {})


def merged(sources: Sequence[Fields], home: Home | None, settings: Settings) -> dict[str, Any]:
    """The contact's columns from its sources, the one whose word goes first at the head.

    A no in any of them stands: opted out, consent refused, a test contact.
    """
    values: dict[str, Any] = {name: _first(sources, name) for name in _FIRST_WORD}
    values |= {name: _day(_first(sources, name)) for name in _DATES}
    values |= {name: _any(sources, name) for name in ("opted_out", "is_test")}
    values["consent"] = "no" if any(s.get("consent") == "no" for s in sources) else _first(sources, "consent")
    values["created_at"] = datetime.fromisoformat(_first(sources, "created_at"))
    values["custom"] = {name: value for s in reversed(sources) for name, value in s.get("custom", {}).items()}
    values["address"] = address(values["email"])
    values["company_id"] = home.company_id if home else None
    values["zone"], values["bad_timezone"] = _zone(values["timezone"], home, settings)
    return values


@lru_cache(maxsize=4096)
def address(email: str | None) -> str | None:
    """The address that is written to, in lower case; None where it cannot be one. Nothing is looked up."""
    if email is None or "�" in email:
        return None
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        return None


def _zone(own: str | None, home: Home | None, settings: Settings) -> tuple[str, bool]:
    """The zone in force, and whether the person's own is none."""
    if own and clock.zone(own):
        return own, False
    companys = home.timezone if home else None
    return companys if companys and clock.zone(companys) else settings.timezone, own is not None


def _first(sources: Sequence[Fields], name: str) -> Any:
    return next((s[name] for s in sources if name in s), None)


def _any(sources: Sequence[Fields], name: str) -> bool | None:
    told = [s[name] for s in sources if name in s]
    return any(told) if told else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
