"""Custom fields that have the name of a column of the summary: used where we have no value of our own, or told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.base import SetAside
from connectors.records import Contact, CustomValue, Record
from connectors.scales import SCALES
from runner import clock
from runner.store.tables import custom_fields
from runner.sync.money import Rates
from runner.sync.scales import is_point

#: What any of the columns can hold.
_LARGEST = 900_000_000_000_000
#: Columns of ours that nobody else may fill.
_OURS = frozenset(
    {
        "address", "zone", "first_order_at", "last_order_at", "orders_count", "revenue", "last_answer_at",
        "last_click_at", "open_tickets", "referral_code",
    }
)  # fmt: skip


def unused(names: Iterable[str]) -> list[str]:
    """A warning for each custom field of contacts that nobody will ever see, because we keep one of its name."""
    return [
        f"contacts: {name} is kept by Regulars itself and the column is not used; map it under another name"
        for name in sorted(_OURS.intersection(names))
    ]


def misread(records: Iterable[Record], zone: str) -> Iterator[SetAside]:
    """Values for the summary that cannot be used."""
    for record in records:
        if not isinstance(record, Contact):
            continue
        for name in _READ.keys() & record.custom.keys():
            value = record.custom[name]
            try:
                _read(name, value, zone)
            except ValueError as error:
                words = f"{error}; the contact is kept without it"
                yield SetAside(f"{record.table}/{record.contact_id}", name, str(value)[:100], words)


def fill(summary: dict[str, Any], custom: Mapping[str, CustomValue], zone: str) -> None:
    """Puts the sources' values where the summary has none; `zone` is that of times without one."""
    for name in _READ:
        if summary.get(name) is None:
            try:
                summary[name] = _read(name, custom.get(name), zone)
            except ValueError:
                summary[name] = None  # Told when it was read.


def fills(before: Mapping[str, CustomValue], after: Mapping[str, CustomValue]) -> bool:
    """Whether a value for the summary differs."""
    return any(before.get(name) != after.get(name) for name in _READ)


def _read(name: str, value: CustomValue, zone: str) -> Any:
    return None if value is None or value == "" else _READ[name](value, zone)


def _number(value: CustomValue, _zone: str = "") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        raise ValueError("is not a number that can be kept")
    return float(value)


def _amount(value: CustomValue, _zone: str) -> Decimal:
    return Rates.rounded(Decimal(str(_number(value))))


def _score(kind: str) -> Callable[[CustomValue, str], float]:
    def read(value: CustomValue, _zone: str) -> float:
        if not is_point(kind, score := _number(value)):
            raise ValueError(f"is no point of the scale {SCALES[kind]}")
        return score

    return read


def _time(value: CustomValue, zone: str) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("is no time; write one such as 2026-03-01T12:00:00Z") from None
    if not 1 < at.year < 9999:
        raise ValueError("must be a time in the years 2 to 9998")
    return at if at.tzinfo else at.replace(tzinfo=clock.rules(zone))


def _text(value: CustomValue, _zone: str) -> str:
    return str(value)


_READ: Mapping[str, Callable[[CustomValue, str], Any]] = {
    "nps_score": _score("nps"),
    "nps_at": _time,
    "csat_score": _score("csat"),
    "csat_at": _time,
    "mrr": _amount,
    "churn_risk": _number,
    "points": _amount,
    "tier": _text,
}


def risk_is_told(connection: sa.Connection) -> bool:
    """Whether a source tells the churn risk: then nobody else does."""
    return connection.scalar(_RISK) is not None


_RISK = sa.select(custom_fields.c.name).where(
    custom_fields.c.of_table == "contacts", custom_fields.c.name == "churn_risk"
)
