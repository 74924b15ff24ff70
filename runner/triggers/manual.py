"""A person says who enters: `regulars enroll PLAYBOOK CONTACT`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from runner.store.functions import json_object
from runner.store.tables import contacts
from runner.store.types import Instant
from runner.triggers.base import BY_HAND, CALL, Trigger, match_columns
from runner.triggers.window import LONG_AGO, Window


class Manual(Trigger):
    """Fires for nobody by itself: `regulars enroll` calls people in, each call an occasion."""

    name: ClassVar[str] = "manual"
    example: ClassVar[str] = "manual"
    its_occasion: ClassVar[str] = "the call"
    silence: ClassVar[str] = "nobody has called them in"

    def comes_due(self, window: Window) -> bool:
        return False

    def matches(self, window: Window) -> sa.Select[Any]:
        never = sa.literal(LONG_AGO, Instant())
        return sa.select(*match_columns(occasion=sa.literal(""), occurred_at=never, facts=json_object())).where(
            sa.false()
        )

    def says(self) -> str:
        return "called in by hand, with `regulars enroll`"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return BY_HAND


class Called(Trigger):
    """One person, called in now; it stands in for a playbook's own trigger, which this call leaves alone."""

    name: ClassVar[str] = "called"

    contact: int
    call: str
    at: datetime

    def matches(self, window: Window) -> sa.Select[Any]:
        occasion = sa.literal(f"call {self.call}")
        facts = json_object(CALL, self.call)
        return sa.select(
            *match_columns(occasion=occasion, occurred_at=sa.literal(self.at, Instant()), facts=facts)
        ).where(contacts.c.id == self.contact)

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return BY_HAND
