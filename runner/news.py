"""Whom a tick looks at: of whom something changed, for whom something came due, for whom time alone may turn a no.

Everybody else stands where the last tick left them. Who is named without need costs a look, who is missing is found by
the nightly look at everybody.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from enum import Enum
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from jinja2 import nodes as n

from runner import clock
from runner.conditions import Condition, Kind
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store.marks import Marks
from runner.store.tables import AT_THE_DOOR, decisions, enrollments
from runner.store.types import Instant
from runner.triggers import Window
from runner.triggers.base import Standing


class Turns(Enum):
    """When a condition's answer can turn though nothing about the contact changes."""

    NEVER = "never"
    #: With the local date.
    AT_MIDNIGHT = "at midnight"
    AT_ANY_TIME = "at any time"


def turns(condition: Condition | None) -> Turns:
    """What is not known to keep still may turn at any time."""
    if condition is None:
        return Turns.NEVER
    tree: Any = condition.tree
    calls = [node for node in (tree, *tree.find_all(n.Call)) if isinstance(node, n.Call)]
    if not calls:
        return Turns.NEVER
    return Turns.AT_MIDNIGHT if all(_asks_for_days(call, condition) for call in calls) else Turns.AT_ANY_TIME


def _asks_for_days(call: n.Call, condition: Condition) -> bool:
    """Whether it compares local dates alone."""
    match call:
        case n.Call(node=n.Name(name="today"), args=[]):
            return True
        case n.Call(
            node=n.Name(name="days_since" | "days_until"), args=[n.Getattr(node=n.Name(name=owner), attr=attr)]
        ):
            return condition.fields[f"{owner}.{attr}"].kind is Kind.DATE
    return False


class Search:
    """A playbook's questions after people, built once and asked at every tick with its window."""

    def __init__(self, playbook: Playbook, window: Window) -> None:
        self._playbook = playbook
        # Whoever is inside leaves at any time.
        self._turns = Turns.AT_ANY_TIME if playbook.keys.mode == "single" else turns(playbook.audience)
        self._window = Standing(window)
        self._newest = Standing(window.newest)

    def people(self, connection: sa.Connection, window: Window, marks: Marks) -> list[int]:
        """The numbers of those to look at, in order."""
        newest = window.newest
        self._window.move(window)
        self._newest.move(newest)
        found = set(marks.contacts)
        if self._playbook.trigger.comes_due(newest):
            found.update(connection.scalars(self._due))
        if self._playbook.keys.reenter != "every occasion" or self._playbook.keys.mode != "parallel":
            found.update(connection.scalars(self._inside))
        if self._turns is Turns.AT_ANY_TIME or (self._turns is Turns.AT_MIDNIGHT and _midnight_passed(window)):
            found.update(connection.scalars(self._refused))
        return sorted(found)

    @cached_property
    def _due(self) -> sa.Select[Any]:
        match = self._playbook.trigger.matches(self._newest).subquery("match")
        return sa.select(match.c.contact_id).distinct()

    @cached_property
    def _inside(self) -> sa.Select[Any]:
        """Who entered since the last tick, and who may come again from now on: another occasion may wait."""
        entered = enrollments.c.entered_at >= self._at(lambda w: w.since)
        if (again := self._playbook.reenter_after) is not None:
            over = sa.and_(
                enrollments.c.entered_at > self._at(lambda w: w.since - again.span),
                enrollments.c.entered_at <= self._at(lambda w: w.now - again.span),
            )
            entered = sa.or_(entered, over)
        return sa.select(enrollments.c.contact_id).where(enrollments.c.playbook == self._playbook.id, entered)

    @cached_property
    def _refused(self) -> sa.Select[Any]:
        """Who was turned away, as far back as the trigger still asks."""
        trigger = self._playbook.trigger
        back_to = self._at(lambda w: min(w.since, w.now - trigger.reach(w)))
        return sa.select(decisions.c.contact_id).where(
            decisions.c.playbook == self._playbook.id, AT_THE_DOOR, decisions.c.at >= back_to
        )

    def _at(self, of: Any) -> Any:
        return self._window.value(of, Instant())


def _midnight_passed(window: Window) -> bool:
    if window.now - window.since >= timedelta(days=1):
        return True
    return any(clock.local(window.since, zone).date() != clock.local(window.now, zone).date() for zone in window.zones)


def looked_by(playbook: Playbook, window: Window, settings: Settings) -> str:
    """A digest of what a look goes by besides the people: when it is another one, everybody is looked at."""
    named = [*playbook.trigger.names(), *(playbook.audience.used if playbook.audience else ())]
    kinds = {name: str(window.fields[name].kind) for name in named if name in window.fields}
    words = [playbook.version, settings.customers, str(window.max_lateness), kinds]
    return hashlib.blake2b(json.dumps(words, sort_keys=True).encode(), digest_size=8).hexdigest()
