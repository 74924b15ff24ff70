"""A bill has not been paid in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field

from runner.duration import LONGEST, Duration, SomeTime
from runner.store.tables import contacts, facts
from runner.triggers.base import Lateness, Trigger, match_columns
from runner.triggers.day_table import day_table
from runner.triggers.due_days import DueDay, back_to, due_days
from runner.triggers.things import concerns, things
from runner.triggers.window import Window
from runner.yaml_types import Hour


class OverdueInvoice(Trigger):
    """Fires a number of days after an invoice was due and is not paid in full; once an invoice and number of days."""

    name: ClassVar[str] = "overdue_invoice"
    example: ClassVar[str] = "overdue_invoice: {days: 3}"
    its_occasion: ClassVar[str] = "the invoice and the day"
    silence: ClassVar[str] = "no invoice of theirs has been overdue for so many days"

    #: Days after `due_on`, in the recipient's zone.
    days: int = Field(3, ge=1, le=LONGEST)
    #: The local hour.
    at: Hour = time(9)
    #: How late it may still begin after the machine was off.
    catch_up: SomeTime = Duration(3, "day")

    def lateness(self, window: Window) -> Lateness:
        return Lateness("catch_up", self.catch_up)

    @property
    def brings(self) -> Sequence[str]:
        return ("invoice",)

    def matches(self, window: Window) -> sa.Select[Any]:
        due_on = facts["invoices"].c.due_on
        first = window.value(lambda w: min(self._targets(w)), sa.Date())
        last = window.value(lambda w: max(self._targets(w)), sa.Date())
        bill = things("invoice", due_on >= first, due_on <= last)
        days = day_table(window, self._due, self._step()).c
        occasion = bill.c.named + days.occasion
        columns = match_columns(
            contact=contacts.c.id,
            occasion=occasion,
            occurred_at=days.due_at,
            anchor=days.target,
            facts=bill.c.told,
        )
        return (
            sa.select(*columns)
            .join_from(bill, contacts, contacts.c.id == bill.c.recipient_id)
            .join(days.zone.table, sa.and_(contacts.c.zone == days.zone, bill.c.due_on == days.target))
            .where(concerns(window, "invoice", bill, occasion))
        )

    def comes_due(self, window: Window) -> bool:
        return any(self._due(window))

    @property
    def concerns_company(self) -> bool:
        return True

    def _step(self) -> str:
        return f" {self.days} day{'' if self.days == 1 else 's'} overdue"

    def _due(self, window: Window) -> Iterator[DueDay]:
        return due_days(window, self.at, offset=self.days, back_to=back_to(window, self.catch_up))

    def _targets(self, window: Window) -> list[date]:
        return [due.target for due in self._due(window)] or [window.now.date() - timedelta(days=self.days)]

    def says(self) -> str:
        return f"an invoice{self._step()} at {self.at:%H:%M}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        bill = facts["invoice"]
        amount = f"{bill['amount']:,.2f}".removesuffix(".00")
        return f"invoice {bill['invoice_id']} of {amount}, due on {bill['due_on']}, is{self._step()}"
