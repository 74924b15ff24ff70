"""The window of time a tick looks at, and the one that moves with the ticks under statements that are built once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from runner.conditions import Fields, Today, today_in
from runner.duration import Duration
from runner.store.functions import numbers_in

#: Before everything.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = Duration(0, "day")


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time a tick looks at: everything that came due in (since, now]."""

    #: The playbook's own first tick: what was so before it is existing and does not fire.
    first: datetime
    since: datetime
    now: datetime
    #: A fact older than this starts nothing any more.
    max_lateness: Duration
    #: The time zones people live in.
    zones: tuple[str, ...]
    fields: Fields
    #: Whose window it is.
    playbook: str = ""
    #: Whether the trigger looks for the first time: what is so now was so before.
    first_look: bool = False
    #: The contacts looked at; None for everybody.
    among: Sequence[int] | None = None
    #: Whether nothing is caught up: only what came due after `since` is asked for.
    newly: bool = False

    @property
    def newest(self) -> Window:
        """What comes due in (since, now] by the passing of time alone."""
        return replace(self, newly=True, max_lateness=_NO_TIME, among=None)

    def concerns(self, contact: Any) -> Any:
        """Whether a contact's number is among those looked at; `enroll` narrows every trigger by it."""
        if self.among is None:
            return sa.true()
        numbers = self.value(lambda current: json.dumps(list(current.among or ())), sa.Text())
        return contact.in_(numbers_in(numbers))

    @property
    def today(self) -> Today:
        return today_in(self.now, self.zones)

    def value(self, of: Callable[[Window], Any], kind: sa.types.TypeEngine[Any]) -> Any:
        """Something about this window, for a statement."""
        return sa.literal(of(self), kind)


class Standing(Window):
    """A window that moves with the ticks: what is built with it once is executed at each with that tick's values.

    Each thread moves it for itself: a page explains somebody while a tick takes people in.
    """

    __slots__ = ("_here",)

    _here: threading.local

    def __init__(self, window: Window) -> None:
        super().__init__(**{field.name: getattr(window, field.name) for field in dataclass_fields(Window)})
        object.__setattr__(self, "_here", threading.local())
        self.move(window)

    def move(self, window: Window) -> None:
        self._here.window, self._here.today = window, window.today

    @property
    def today(self) -> Today:
        return Today(self.now, self.zones, value=lambda of, kind: _asked(lambda: of(self._here.today), kind))

    def value(self, of: Callable[[Window], Any], kind: sa.types.TypeEngine[Any]) -> Any:
        told: list[tuple[Window | None, Any]] = [(None, None)]

        def once_a_tick() -> Any:
            asked, value = told[0]
            if asked is not self._here.window:
                value = of(self._here.window)
                told[0] = self._here.window, value
            return value

        return _asked(once_a_tick, kind)


def _asked(value: Callable[[], Any], kind: sa.types.TypeEngine[Any]) -> Any:
    """A parameter whose value is asked for when the statement is executed."""
    return sa.bindparam(None, callable_=value, type_=kind, unique=True)
