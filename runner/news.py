"""Whom a tick looks at: of whom something changed, for whom something came due, for whom time alone may turn a no.

A change is of interest where the trigger reads what changed: somebody else may fire then. What the audience reads can
turn no more than a no, so that of others only those are looked at whom the playbook has turned away.

Everybody else stands where the last tick left them. Who is named without need costs a look, who is missing is found by
the nightly look at everybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import compress
from typing import Any

import sqlalchemy as sa

from runner.circumstances import living
from runner.conditions import Condition, Fields
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store.functions import numbers_in
from runner.store.marks import Marks, colleagues, read_by
from runner.store.tables import AT_THE_DOOR, companies, contacts, decisions, enrollments
from runner.store.types import Instant
from runner.triggers import Standing, Window


class Search:
    """A playbook's questions after people, built once and asked at every tick with its window."""

    def __init__(self, playbook: Playbook, window: Window) -> None:
        self._playbook = playbook
        self._window = Standing(window)
        self._newest = Standing(window.newest)
        self._some = Standing(replace(window, among=()))
        self._read = read_by(playbook.trigger.matches(window))
        self._asked = read_by(_asked(playbook.audience, window)) if playbook.audience is not None else frozenset()

    def concerned(self, connection: sa.Connection, marks: Marks) -> set[int]:
        """Of whom something changed that may let them in."""
        found = marks.concerning(self._read)
        if self._playbook.trigger.concerns_company and (found or marks.staff_changed):
            found |= colleagues(connection, marks, found)
        if turned_away := marks.turned_away.get(self._playbook.id):
            found |= turned_away & marks.concerning(self._asked)
        return found

    def questions(self, window: Window) -> Iterator[sa.SelectBase]:
        """What is asked at this tick after those of whom nothing changed; each tells numbers of contacts."""
        newest = window.newest
        for standing, current in ((self._window, window), (self._newest, newest), (self._some, window)):
            standing.move(current)
        if self._playbook.trigger.comes_due(newest):
            yield self._due
        if self._playbook.keys.reenter != "every occasion" or self._playbook.keys.mode != "parallel":
            yield self._inside
        if self._may_turn_a_no(window):
            yield self._refused

    def _may_turn_a_no(self, window: Window) -> bool:
        """Whether time, or the end of a stay, may let somebody in who was turned away."""
        audience = self._playbook.audience
        # Whoever is inside leaves at any time.
        return self._playbook.keys.mode == "single" or (audience is not None and audience.may_turn(window))

    @cached_property
    def may_fire(self) -> Any | None:
        """What their own row says of whoever may have to be looked at, once the questions have been asked for."""
        return self._playbook.trigger.may_fire(self._some)

    @cached_property
    def _due(self) -> sa.SelectBase:
        return self._playbook.trigger.due(self._window, self._newest)

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
        mine = enrollments.c.playbook == self._playbook.id
        return sa.select(living(enrollments.c.contact_id)).where(mine, entered)

    @cached_property
    def _refused(self) -> sa.Select[Any]:
        """Who was turned away, as far back as the trigger still asks, and whose answer may be another by now."""
        audience, their_number = self._playbook.audience, decisions.c.contact_id
        back_to = self._at(lambda w: _still_asked(self._playbook, w))
        refused = sa.select(their_number).where(
            decisions.c.playbook == self._playbook.id, AT_THE_DOOR, decisions.c.at >= back_to
        )
        flips = None if audience is None else audience.flips(self._window, their_number)
        if self._playbook.keys.mode == "single" or flips is None:
            return refused
        return (
            # Where nothing is asked of them the contacts are not read.
            refused.join_from(decisions, contacts, contacts.c.id == their_number, isouter=True)
            .outerjoin(companies, companies.c.id == contacts.c.company_id)
            .where(flips)
        )

    def _at(self, of: Any) -> Any:
        return self._window.value(of, Instant())


def answers(connection: sa.Connection, asked: Mapping[str, Sequence[sa.SelectBase]]) -> dict[str, set[int]]:
    """The questions of many playbooks in one, since each statement costs more than its answer; the people of each."""
    found: dict[str, set[int]] = {playbook: set() for playbook in asked}
    whose = [playbook for playbook, questions in asked.items() for _ in questions]
    if whose:
        at_once = _at_once(tuple(question for questions in asked.values() for question in questions))
        for number, contact in connection.execute(at_once):
            found[whose[number]].add(contact)
    return found


@lru_cache(maxsize=64)
def _at_once(questions: tuple[sa.SelectBase, ...]) -> sa.CompoundSelect[Any]:
    numbered = enumerate(question.subquery() for question in questions)
    return sa.union_all(*(sa.select(sa.literal_column(str(number)), asked.c[0]) for number, asked in numbered))


#: Playbooks of one question: SQLite knows how deep an expression may be.
_SIFTED_AT_ONCE = 100


def sifted(
    connection: sa.Connection, concerned: Mapping[str, set[int]], may_fire: Mapping[str, Any]
) -> dict[str, set[int]]:
    """Those of whom their own row says that they may fire: each person is read once for all playbooks."""
    found: dict[str, set[int]] = {playbook: set() for playbook in may_fire}
    asked = list(may_fire)
    for some in (asked[start : start + _SIFTED_AT_ONCE] for start in range(0, len(asked), _SIFTED_AT_ONCE)):
        if people := set().union(*(concerned[playbook] for playbook in some)):
            sieve = _sieve(tuple(may_fire[playbook] for playbook in some))
            for contact, *says in connection.execute(sieve, {"people": json.dumps(sorted(people))}):
                for playbook in compress(some, says):
                    found[playbook].add(contact)
    return {playbook: among & found.get(playbook, among) for playbook, among in concerned.items()}


@lru_cache(maxsize=64)
def _sieve(may_fire: tuple[Any, ...]) -> sa.Select[Any]:
    among = contacts.c.id.in_(numbers_in(sa.bindparam("people", type_=sa.Text())))
    return sa.select(contacts.c.id, *may_fire).where(among, sa.or_(*may_fire))


def _asked(audience: Condition, window: Window) -> sa.Select[Any]:
    company = companies.c.id == contacts.c.company_id
    return sa.select(contacts.c.id).outerjoin(companies, company).where(audience.sql(window.today))


def refused_since(looked_at: Iterable[tuple[Playbook, Window]]) -> datetime:
    """As far back as any trigger still asks."""
    return min(_still_asked(playbook, window) for playbook, window in looked_at)


def _still_asked(playbook: Playbook, window: Window) -> datetime:
    return min(window.since, window.now - playbook.trigger.reach(window))


def looked_by(playbook: Playbook, window: Window, settings: Settings) -> str:
    """A digest of what a look goes by besides the people: when it is another one, everybody is looked at."""
    kinds = {name: str(known[name].kind) for name, known in _named(playbook, window.fields) if name in known}
    words = [playbook.version, settings.customers, settings.currency, str(window.max_lateness), kinds]
    return hashlib.blake2b(json.dumps(words, sort_keys=True).encode(), digest_size=8).hexdigest()


def _named(playbook: Playbook, fields: Fields) -> Iterator[tuple[str, Fields]]:
    """The fields that decide who enters, each with those among which it is known."""
    trigger = playbook.trigger
    known = fields.bringing(*trigger.brings)
    yield from ((named.name, known) for named in trigger.names())
    for source, asked in trigger.asks(fields).values():
        yield from ((name, asked) for name in Condition.of(source, asked).used)
    if playbook.audience is not None:
        yield from ((name, fields) for name in playbook.audience.used)
