"""What templates do to values: a missing one stays missing and prints nothing; days, amounts and spans of days."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from functools import wraps
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from runner.render import habits

#: Filters that pass a missing value on instead of printing "None" or failing.
OF_A_VALUE = (
    "abs", "capitalize", "center", "e", "escape", "filesizeformat", "forceescape", "indent", "lower", "replace",
    "round", "safe", "string", "striptags", "title", "trim", "truncate", "upper", "urlencode", "urlize", "wordwrap",
)  # fmt: skip


#: A day or a time as JSON keeps it.
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")


def missing_stays_missing(of_value: Callable[..., Any]) -> Callable[..., Any]:
    position = 1 if hasattr(of_value, "jinja_pass_arg") else 0

    @wraps(of_value)
    def of_value_or_none(*arguments: Any, **named: Any) -> Any:
        return None if arguments[position] is None else of_value(*arguments, **named)

    return of_value_or_none


def default(value: Any, instead: Any = "", boolean: bool = False) -> Any:
    """Jinja's own knows undefined names alone; here missing values get the default too."""
    if value is None or isinstance(value, Undefined) or (boolean and not value):
        return instead
    return value


def _in_zone(context: Context, value: Any) -> Any:
    """The local day of a time: of the zone that the letter's `now` is in. Custom fields bring days as `2026-12-22`."""
    now = context.resolve_or_missing("now")
    if isinstance(value, str) and _ISO.fullmatch(value):
        with suppress(ValueError):
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    if isinstance(value, datetime):
        zone = now.tzinfo if isinstance(now, datetime) else None
        return (value.astimezone(zone) if value.tzinfo and zone else value).date()
    return value


@pass_context
def day(context: Context, value: Any) -> Any:
    """A day in words as the letter's language has it, `22 November 2026`; of a time, the local day."""
    local = _in_zone(context, value)
    if not isinstance(local, date):
        return local
    return habits.day(local, habits.language(context))


@pass_context
def money(context: Context, value: Any, currency: str | None = None) -> Any:
    """An amount with its currency, `€1,234.50` or `1.234,50 €`; without one named, in the account's."""
    if value is None or isinstance(value, Undefined):
        return value
    known = context.resolve_or_missing("currency")
    return habits.money(value, currency or (known if isinstance(known, str) else ""), habits.language(context))


@pass_context
def days_since(context: Context, value: Any) -> int | None:
    """Local days from then to today; None where there is no date."""
    local, today = _in_zone(context, value), context.resolve_or_missing("today")
    return (today - local).days if isinstance(local, date) and isinstance(today, date) else None


@pass_context
def days_until(context: Context, value: Any) -> int | None:
    days: int | None = days_since(context, value)
    return None if days is None else -days


#: What templates have besides Jinja's own.
FUNCTIONS: dict[str, Callable[..., Any]] = {"days_since": days_since, "days_until": days_until}
FILTERS: dict[str, Callable[..., Any]] = {"default": default, "d": default, "date": day, "money": money}
