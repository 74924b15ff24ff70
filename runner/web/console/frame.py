"""Renders the pages behind the login: one frame, one style sheet, everything in words and in the account's zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from runner import clock
from runner.app.log_words import asides, came_of
from runner.app.logins import Login
from runner.effect.words import (
    doubt_words,
    few_words,
    more_words,
    plan_words,
    points_words,
    soon_words,
    span_words,
    sum_words,
)
from runner.kpis import name_of
from runner.kpis.intervals import wilson
from runner.kpis.words import (
    alarm_words,
    interval_words,
    is_worth_a_line,
    number_words,
    status_words,
    target_words,
    value_words,
)
from runner.render.habits import money
from runner.render.page_words import LANGUAGE
from runner.settings import Settings

_HERE = Path(__file__).parent

#: The pages in the order of the navigation: path, and what it says.
PAGES: Mapping[str, str] = {
    "": "Home",
    "playbooks": "Playbooks",
    "log": "Log",
    "contacts": "Contacts",
    "kpis": "KPIs",
    "answers": "Answers",
    "deliverability": "Mail",
    "settings": "Settings",
}


@dataclass(frozen=True, slots=True)
class Guest:
    """Who looks at a page, and from where."""

    path: str
    login: Login | None
    #: What forms on the page must send back.
    form_token: str
    #: What was done just now, in words.
    said: str = ""

    @property
    def root(self) -> str:
        """Leads from the page to the top, so that a proxy may put a prefix before it."""
        return "../" * (self.path.count("/") - 1) or "./"

    @property
    def section(self) -> str:
        """The page of the navigation that this one belongs to."""
        first = self.path.strip("/").partition("/")[0]
        return {"quality": "kpis", "doctor": "settings", "effect": "playbooks"}.get(first, first)


class Frame:
    """The templates beside this file."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._zone, self._now = settings.timezone, now
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {"company": settings.sender.name, "zone": self._zone, "pages": PAGES}
        self._environment.filters |= {
            "when": self._when,
            "day": self._day,
            "n": lambda number: f"{number:,}",
            "share": share,
            "reach": reach,
            "value": value_words,
            "interval": interval_words,
            "figure": number_words,
            "points": points_words,
            "span": span_words,
            "of_all": lambda each, people, interval: sum_words(people, each, interval),
            "comes_to": more_words,
            "how_soon": soon_words,
            "planned": plan_words,
            "doubt": doubt_words,
            "few": few_words,
            "aim": target_words,
            "standing": status_words,
            "alarm": alarm_words,
            "period_name": lambda kpi, step: name_of(kpi.period, step),
            "asides": lambda row: asides(row, self._zone),
            "came": lambda row: " · ".join(came_of(row)),
            "plain": plain,
            "money": lambda amount: money(amount, settings.currency, LANGUAGE),
            "ticked": ticked,
        }

        self._environment.tests["worth_a_line"] = is_worth_a_line

    def render(self, guest: Guest, template: str, /, **values: object) -> str:
        return self._environment.get_template(f"{template}.html").render(guest=guest, root=guest.root, **values)

    def stylesheet(self) -> str:
        return (_HERE / "console.css").read_text(encoding="utf-8")

    def _when(self, at: datetime | None) -> Markup:
        """`26 Nov, 18:30` on the account's clock, the year where it is another one, the instant for machines."""
        if at is None:
            return Markup("–")
        local = clock.local(at, self._zone)
        year = "" if local.year == clock.local(self._now(), self._zone).year else f" {local.year}"
        words = f"{local.day} {local:%b}{year}, {local:%H:%M}"
        return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="minutes"), words)

    def _day(self, day: date | datetime | None) -> str:
        if day is None:
            return "–"
        local = clock.local(day, self._zone) if isinstance(day, datetime) else day
        return f"{local.day} {local:%b %Y}"


def share(part: int, whole: int) -> str:
    """`12.3 %`; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def reach(part: int, whole: int) -> str:
    """`10.1 to 14.9 %`: Wilson's interval."""
    if not whole:
        return ""
    low, high = wilson(part, whole)
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def ticked(words: str) -> Markup:
    """What stands between backticks as code."""
    parts = [
        Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in enumerate(words.split("`"))
    ]
    return Markup("").join(parts)


def plain(value: Any) -> str:
    """A value of a field as people read it."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case float() | Decimal() if value == int(value):
            return f"{value:,.0f}"
        case float() | Decimal():
            return f"{value:,.2f}"
    return str(value)
