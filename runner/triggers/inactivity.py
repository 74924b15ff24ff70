"""Somebody has not been heard of for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from pydantic import Field

from runner import clock
from runner.conditions import Fields
from runner.duration import Days, Duration
from runner.store.activity import activity
from runner.store.functions import json_object, unindexed
from runner.store.tables import contacts, purchases
from runner.store.types import Instant
from runner.triggers.anchors import Anchor, dated_anchor
from runner.triggers.base import DATES, Named, Trigger, match_columns
from runner.triggers.day_table import DayTable, day_rows, lives_in
from runner.triggers.due_days import due_days
from runner.triggers.window import LONG_AGO, Window


class Inactivity(Trigger):
    """Fires once a lapse: when more than so many local days have passed since the last order or event."""

    name: ClassVar[str] = "inactivity"
    example: ClassVar[str] = "inactivity: {for: 90 days, event: order}"
    its_occasion: ClassVar[str] = "the lapse, named by the last activity: `lapse shop:536861`"

    #: How long nothing has happened.
    for_: Days = Field(Duration(90, "day"), alias="for")
    #: What counts as activity: `order`, an event's kind, or `any`.
    event: str = "order"
    #: Whether those who had lapsed before the playbook's first tick enter too.
    existing: Literal["skip", "enter"] = "skip"

    def names(self) -> Sequence[Named]:
        return [Named("event", "contact.last_order_at", kinds=DATES)] if self.event == "order" else []

    def anchors(self, fields: Fields) -> Sequence[Anchor]:
        return [dated_anchor(fields["contact.last_order_at"])] if self.event == "order" else []

    def matches(self, window: Window) -> sa.Select[Any]:
        if self.event == "order":
            either = sa.union_all(self._without_order(window), self._order_gone(window)).subquery("either")
            return sa.select(*either.c)
        days, told = self._days(window), activity(self.event)
        last, later = told.subquery("last"), told.subquery("later")
        joined = sa.join(last, contacts, contacts.c.id == last.c.contact_id)
        return (
            self._lapses(days.c, last.c.contact_id, last.c.at, last.c.key)
            .select_from(joined.join(days.values, self._lapsed(window, days, last.c.at)))
            .where(
                window.concerns(contacts.c.id),
                ~sa.exists().where(
                    later.c.contact_id == last.c.contact_id,
                    later.c.at > last.c.at,
                    later.c.at <= window.value(lambda w: w.now, Instant()),
                ),
            )
        )

    def left_out(self, window: Window) -> sa.Select[Any] | None:
        if self.existing == "enter" or window.now != window.first:
            return None
        lapsed = self.model_copy(update={"existing": "enter"}).matches(window).subquery("lapsed")
        return sa.select(sa.func.count(lapsed.c.contact_id.distinct()))

    def comes_due(self, window: Window) -> bool:
        return bool(self._begun(window))

    def may_fire(self, window: Window) -> Any | None:
        if self.event != "order":
            return None
        begun, gone = self._days(window), self._gone(window)
        return sa.or_(*(days.spanned(contacts.c.last_order_at) for days in (begun, gone)))

    def _without_order(self, window: Window) -> sa.Select[Any]:
        """Whose last order has just become too old."""
        days, at = self._days(window), contacts.c.last_order_at
        joined = sa.join(contacts, days.values, self._lapsed(window, days, at))
        mine = window.concerns(contacts.c.id), days.spanned(at)
        return self._lapses(days.c, contacts.c.id, at, contacts.c.last_order_id).select_from(joined).where(*mine)

    def _order_gone(self, window: Window) -> sa.Select[Any]:
        """Whose last order fell away, by a late refund say, so that an older one, known before, is too old already."""
        days, at = self._gone(window), contacts.c.last_order_at
        since, now = window.value(lambda w: w.since, Instant()), window.value(lambda w: w.now, Instant())
        known = sa.and_(purchases.c.order_key == contacts.c.last_order_id, purchases.c.seen_at <= since)
        joined = sa.join(contacts, purchases, known).join(days.values, self._lapsed(window, days, at))
        return (
            self._lapses(days.c, contacts.c.id, at, contacts.c.last_order_id)
            .select_from(joined)
            .where(contacts.c.changed_at >= since, contacts.c.changed_at <= now, window.concerns(contacts.c.id))
            .where(days.spanned(at))
        )

    def _lapses(self, days: Any, contact: Any, at: Any, key: Any) -> sa.Select[Any]:
        facts = json_object("last", at, "event", self.event)
        occasion = sa.literal("lapse ") + key
        return sa.select(*match_columns(contact=contact, occasion=occasion, occurred_at=days.due_at, facts=facts))

    def says(self) -> str:
        return f"no {self.event} for more than {self.for_}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        what = "order" if self.event == "order" else "activity" if self.event == "any" else self.event
        return f"no {what} for more than {self.for_}, the last on {facts['last'][:10]}"

    @staticmethod
    def _lapsed(window: Window, days: DayTable, at: Any) -> Any:
        at = at if window.among is None else unindexed(at)
        return sa.and_(lives_in(window, days.c), at >= days.c.start_at, at < days.c.end_at)

    def _days(self, window: Window) -> DayTable:
        """A lapse begins at the local midnight after the last whole day of grace; a state is never too late."""
        return DayTable(window, self._begun)

    def _gone(self, window: Window) -> DayTable:
        return DayTable(window, self._long_begun, "days_before")

    def _begun(self, window: Window) -> list[tuple[Any, ...]]:
        days = due_days(window, time(), offset=self.for_.days + 1, back_to=self._back_to(window))
        ever = window.since == window.first and self.existing == "enter"
        return day_rows(days, "") + ([self._ever_before(window, zone) for zone in window.zones] if ever else [])

    def _back_to(self, window: Window) -> datetime:
        return max(window.first, min(window.since, window.now - window.max_lateness.span))

    def _long_begun(self, window: Window) -> list[tuple[Any, ...]]:
        """Zone by zone, since when a last order has been too old for long; not before what was so at the first tick."""
        rows: list[tuple[Any, ...]] = []
        for zone in window.zones:
            end = clock.midnight(clock.local(self._back_to(window), zone).date() - timedelta(days=self.for_.days), zone)
            start = clock.midnight(clock.local(window.first, zone).date() - timedelta(days=self.for_.days), zone)
            begin = LONG_AGO if self.existing == "enter" else start
            rows.append((zone, 0, end.date(), end.date().isoformat(), begin, end, window.now, ""))
        return rows

    def _ever_before(self, window: Window, zone: str) -> tuple[Any, ...]:
        """Whoever had lapsed before the playbook's first tick."""
        last_day = clock.local(window.first, zone).date() - timedelta(days=self.for_.days)
        return (zone, 0, last_day, last_day.isoformat(), LONG_AGO, clock.midnight(last_day, zone), window.now, "")
