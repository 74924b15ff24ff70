"""Something has become so of a contact: a condition that was false is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field

from runner.conditions import Condition, Fields
from runner.duration import Duration, SomeTime
from runner.triggers.states import StateTrigger
from runner.triggers.window import Window


class Became(StateTrigger):
    """Fires when a condition turns true, at once or when it has been true for a while without a break."""

    name: ClassVar[str] = "became"
    example: ClassVar[str] = "became: {when: contact.orders_count >= 10, for: 1 day}"
    its_occasion: ClassVar[str] = "the episode: `episode 2`"

    #: The condition: `contact.lifecycle_stage == "customer"`.
    when: str
    #: How long it must stay true, looked at tick by tick.
    for_: SomeTime | None = Field(None, alias="for")

    @property
    def held_for(self) -> Duration | None:
        return self.for_

    def turns(self, fields: Fields) -> bool:
        return bool(Condition.of(self.when, fields).atoms)

    def may_turn(self, window: Window) -> bool:
        return Condition.of(self.when, window.fields).may_turn(window)

    def flips(self, window: Window) -> Any:
        return Condition.of(self.when, window.fields).flips(window)

    def asks(self, fields: Fields) -> Mapping[str, tuple[str, Fields]]:
        return {"when": (self.when, fields)}

    def looks_at(self, fields: Fields) -> Sequence[str]:
        return sorted(Condition.of(self.when, fields).used)

    def begins(self, window: Window) -> Any:
        return Condition.of(self.when, window.fields).sql(window.today)

    def ends(self, window: Window) -> Any:
        return sa.not_(self.begins(window))

    def says(self) -> str:
        return f"became {self.when}{f', for {self.for_}' if self.for_ else ''}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        held = f", for {self.for_}" if self.for_ else ""
        return f"{self.when} since {facts['since'][:10]}{held}"
