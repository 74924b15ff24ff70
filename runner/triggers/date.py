"""A date draws near, comes or has passed: a renewal, the days after an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import sqlalchemy as sa
from pydantic import model_validator

from runner.conditions import Field, Fields, Kind
from runner.conditions.sql import days_between
from runner.duration import Days, Duration, SomeTime
from runner.store.functions import json_object
from runner.store.tables import contacts
from runner.triggers.anchors import Anchor, dated_anchor, yearly_anchor
from runner.triggers.base import DATES, Lateness, Named, Trigger, match_columns
from runner.triggers.day_table import day_table, lives_in, on_target
from runner.triggers.due_days import DueDay, back_to, due_days
from runner.triggers.things import THINGS, column_of, concerns, things
from runner.triggers.window import LONG_AGO, Window
from runner.triggers.yearly import yearly_table
from runner.yaml_types import Hour


class Date(Trigger):
    """Fires on a date of a contact, or of a deal, contract or subscription of theirs, or some days before or after."""

    name: ClassVar[str] = "date"
    example: ClassVar[str] = "date: {of: contact.renewal_date, before: 30 days}"
    its_occasion: ClassVar[str] = "the date: `renewal_date 2027-03-31`"

    #: The date or time: `contact.renewal_date`, `contract.ends_on`, `subscription.trial_end`, `deal.closed_at`.
    of: str
    #: How long before it.
    before: Days | None = None
    #: How long after it.
    after: Days | None = None
    #: Whether it comes round every year.
    yearly: bool = False
    #: The local hour.
    at: Hour = dt.time(9)
    #: Where 29 February lies in a common year, for a yearly date.
    leap_day: Literal["feb28", "mar1", "skip"] = "feb28"
    #: How late it may still begin after the machine was off.
    catch_up: SomeTime = Duration(3, "day")
    #: A date that moves by less than this is the same one.
    rearm: Days = Duration(14, "day")

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.before and self.after:
            raise ValueError("has both before: and after:; keep one")
        return self

    def lateness(self, window: Window) -> Lateness:
        return Lateness("catch_up", self.catch_up)

    def same_occasion(self, earlier: Any, match: Any) -> tuple[Any, str]:
        near = sa.func.abs(days_between(earlier.anchor, match.anchor)) < self.rearm.days
        # The occasion's name without the date, which is its last word: another contract has one of its own.
        near = sa.and_(near, _without_date(earlier.occasion) == _without_date(match.occasion))
        return near, f"the date moved by less than {self.rearm}: the same occasion"

    @property
    def offset(self) -> int:
        """Days from the date to the day it fires."""
        return self.after.days if self.after else -self.before.days if self.before else 0

    def names(self) -> Sequence[Named]:
        return [Named("of", self.of, owners=("contact", "company", *THINGS), kinds=DATES)]

    @property
    def owner(self) -> str:
        """Whose date it is: the contact's, or that of a deal or company."""
        return self.of.partition(".")[0]

    @property
    def brings(self) -> Sequence[str]:
        return (self.owner,) if self.owner in THINGS else ()

    def looks_at(self, fields: Fields) -> Sequence[str]:
        return [self.of] if self.owner == "contact" else []

    def anchors(self, fields: Fields) -> Sequence[Anchor]:
        if self.owner != "contact":
            return []
        field = fields[self.of]
        return [yearly_anchor(field) if self.yearly else dated_anchor(field)]

    def matches(self, window: Window) -> sa.Select[Any]:
        if self.owner == "contact":
            return self._of_contact(window)
        fields = window.fields.bringing(*self.brings)
        begun = fields[self.of].column
        thing = things(self.owner, *self._near(window, begun))
        field = column_of(thing, fields[self.of])
        days, on_day, _ = self._days(window, field)
        occasion = thing.c.named + " " + days.occasion
        return (
            sa.select(
                *match_columns(
                    contact=contacts.c.id,
                    occasion=occasion,
                    occurred_at=days.due_at,
                    anchor=days.target,
                    facts=thing.c.told,
                )
            )
            .join_from(thing, contacts, contacts.c.id == thing.c.recipient_id)
            .join(days.zone.table, sa.and_(contacts.c.zone == days.zone, on_day))
            .where(concerns(window, self.owner, thing, occasion))
        )

    def _of_contact(self, window: Window) -> sa.Select[Any]:
        field = window.fields[self.of]
        days, on_day, spanned = self._days(window, field)
        at_home = lives_in(window, days) if self.yearly else lives_in(window, days, field)
        return (
            sa.select(
                *match_columns(
                    occasion=days.occasion,
                    occurred_at=days.due_at,
                    anchor=days.target,
                    facts=json_object("of", field.column),
                )
            )
            .join_from(contacts, days.zone.table, sa.and_(at_home, on_day))
            .where(spanned)
        )

    def may_fire(self, window: Window) -> Any | None:
        if self.owner != "contact" or self.yearly or window.fields[self.of].is_custom:
            return None
        return self._days(window, window.fields[self.of])[2]

    @property
    def concerns_company(self) -> bool:
        return self.owner != "contact"

    def comes_due(self, window: Window) -> bool:
        return any(self._due(window))

    def _days(self, window: Window, field: Field) -> tuple[Any, Any, Any]:
        """The due days, whether the field lies on what one of them is about, and whether it lies anywhere near."""
        word = self.of.split(".", 1)[1]
        if self.yearly:
            comes = yearly_table(window, field, self._due, f"{word} {{year}}", leap_day=self.leap_day)
            return comes.days, comes.on_day, sa.true()
        days = day_table(window, self._due, f"{word} {{target}}")
        spanned = sa.true() if field.is_custom else days.spanned(field.column)
        return days.c, on_target(field, days.c), spanned

    def _near(self, window: Window, column: Any) -> list[Any]:
        """Bounds by which an index finds what any zone may ask for; what comes every year is looked through."""
        if self.yearly:
            return []
        first = window.value(lambda w: self._bounds(w)[0], column.type)
        last = window.value(lambda w: self._bounds(w)[1], column.type)
        return [column >= first, column <= last]

    def _bounds(self, window: Window) -> tuple[Any, Any]:
        targets = [due.target for due in self._due(window)] or [LONG_AGO.date()]
        begin, end = min(targets) - dt.timedelta(days=1), max(targets) + dt.timedelta(days=2)
        if window.fields.bringing(*self.brings)[self.of].kind is Kind.DATE:
            return begin, end
        return dt.datetime.combine(begin, dt.time(), tzinfo=dt.UTC), dt.datetime.combine(end, dt.time(), tzinfo=dt.UTC)

    def _due(self, window: Window) -> Iterator[DueDay]:
        return due_days(window, self.at, offset=self.offset, back_to=back_to(window, self.catch_up))

    def says(self) -> str:
        side = f"{self.before} before " if self.before else f"{self.after} after " if self.after else ""
        return f"{side}{self.of}{', every year' if self.yearly else ''} at {self.at:%H:%M}"

    def why(self, facts: Mapping[str, Any], anchor: dt.date | None) -> str:
        word = self.of.split(".", 1)[1] if self.owner == "contact" else self.of.replace(".", " ")
        on = anchor.isoformat() if anchor else facts["of"][:10]
        if self.before:
            return f"{self.before} before {word} {on}"
        return f"{self.after} after {word} {on}" if self.after else f"{word} {on}"


def _without_date(occasion: Any) -> Any:
    return sa.func.substr(occasion, 1, sa.func.length(occasion) - len("2026-11-22"))
