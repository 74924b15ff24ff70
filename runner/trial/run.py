"""One test of a playbook is lived through, and compared with what was expected."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from connectors.records import Contact, FieldType, Record, columns
from runner import clock, collect
from runner.actions.questions import TAKEN
from runner.app.looking import explained
from runner.cases import Case, Given, Happening, Scene, known_of, record_of
from runner.cases.model import LISTS, LOOKS_AHEAD, ROWS
from runner.cases.rows import COMPANY, IDENTITY, PERSON, company_of, key_in, zone_of
from runner.decide import arm_of
from runner.duration import Duration
from runner.links import Kind, Ticket
from runner.log import LogRow
from runner.playbook import Playbook
from runner.store.functions import json_object
from runner.store.tables import contacts, sends
from runner.trial.verdict import Seen, failures_of
from runner.trial.world import TELLER, World
from runner.triggers import Trigger, Window
from runner.triggers.base import match_columns

_Types = Mapping[str, Mapping[str, FieldType]]
#: How long before anything that is told of the playbook had its first tick.
LONG_BEFORE = timedelta(days=400)
#: How much later than it may be a day is told as too late.
SOME_DAYS = timedelta(days=7)
_CONTACT = frozenset(column.name for column in columns(Contact))
#: People who draw, until one draws as a test says.
MOST_DRAWS = 10_000
#: Ticks of one test at the most.
MOST = 500


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one test."""

    case: Case
    #: What was expected and is not so, in words; empty where all is.
    failures: tuple[str, ...]
    #: The log's rows in the order in which they came, each as often as it changed.
    rows: tuple[LogRow, ...]
    #: The person's zone.
    zone: str
    #: How the trigger and the audience stood to the person, where they did not enter.
    why_not: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.failures

    def happened(self) -> list[str]:
        """What happened, and why not more, a line each."""
        return [*([_line(row, self.zone) for row in self.rows] or ["nothing happened"]), *self.why_not]

    def document(self) -> dict[str, Any]:
        """For `test --json`."""
        return {
            "name": self.case.name,
            "passed": self.passed,
            "failures": list(self.failures),
            "log": [row.document() for row in self.rows],
            "why_not": list(self.why_not),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a playbook's tests."""

    playbook: Playbook
    ran: tuple[Ran, ...]

    def line_of(self, ran: Ran) -> int:
        """Where in the playbook's file the test stands."""
        return self.playbook.file.locate(("tests", self.ran.index(ran)))[0]

    def document(self) -> dict[str, Any]:
        tests = [{**ran.document(), "line": self.line_of(ran)} for ran in self.ran]
        return {"playbook": self.playbook.id, "file": self.playbook.file.name, "tests": tests}


def run(world: World, playbook: Playbook, case: Case) -> Ran:
    """Lives through the test in a world of its own."""
    began = time.perf_counter()
    if case.given.inside:
        playbook = replace(playbook, trigger=NotAsked())
    with world.afresh(playbook):
        life = _Life(world, playbook, case)
        seen = life.lived()
        why_not = () if seen.entered else tuple(life.why_not(fired=bool(seen.rows)))
        failures = (*dict.fromkeys(life.untrue), *failures_of(case.expect, seen, why_not))
    return Ran(case, failures, tuple(seen.rows), life.scene.zone, why_not, time.perf_counter() - began)


class NotAsked(Trigger):
    """The trigger of a playbook that its person is inside of already."""

    name: ClassVar[str] = "not asked"

    def matches(self, window: Window) -> sa.Select[Any]:
        nobody = match_columns(occasion=sa.literal(""), occurred_at=contacts.c.created_at, facts=json_object())
        return sa.select(*nobody).where(sa.false())

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return "inside already, as the test says"


class _Life:
    """The person of a test, from long before to the end of what is expected."""

    def __init__(self, world: World, playbook: Playbook, case: Case) -> None:
        self.world = world
        self.playbook = playbook
        self.case = case
        settings, given = world.app.settings, case.given
        zone = zone_of(given.contact, given.company, settings.timezone)
        self.now = given.moment(zone)
        called, company = self._called()
        self.scene = Scene(self.now, zone, world.app.fields(), settings.customers, called, company)
        self.consent = "yes" if settings.consent == "required" else None
        self.told: dict[tuple[str, str], Record] = {}
        self.looked_at = self.now
        #: What was told and cannot be so.
        self.untrue: list[str] = []
        self.contact: Contact
        self.types: dict[str, dict[str, FieldType]] = {"contacts": {}, "companies": {}}

    def lived(self) -> Seen:
        """Tick after tick, until what is expected has come or nothing more can."""
        self._begin()
        seen = Seen(self.playbook, self.case.expect)
        for at in self._moments(seen):
            self.world.tick(at)
            self.looked_at = at
            seen.look(self.world.log(), entered=self.world.entered())
        return seen

    def _begin(self) -> None:
        given = self.case.given
        facts = self._known(given)
        first = min([self.now, *_times(facts)]) - LONG_BEFORE
        company = self._company(given)
        self._hear(first, [*company, *self._as_before(given)], self.types)
        self.world.begin(first, looked_at=self._last_look())
        self._hear(self.now, [self.contact, *facts], self.types)
        if given.inside:
            step = given.inside if isinstance(given.inside, str) else self.playbook.steps[0].id
            self.world.put_in(self.playbook, step, self.now)

    def _hear(self, at: datetime, records: Sequence[Record], types: _Types | None = None) -> None:
        self.untrue += self.world.hear(at, records, types)

    def _last_look(self) -> dict[str, datetime]:
        """A day that is kept late is late by some days: those long gone by are of no interest."""
        catch_up: Duration | None = getattr(self.playbook.trigger, "catch_up", None)
        return {self.playbook.id: self.now - catch_up.span - SOME_DAYS} if catch_up is not None else {}

    def _known(self, given: Given) -> list[Record]:
        """Everything that the test tells of the person."""
        known = known_of(given.contact, self.scene, consent=self.consent)
        self.contact = known.contact
        self.types["contacts"].update(known.types)
        if given.company is not None or self.scene.customers == "company":
            self.contact = replace(self.contact, company_id=self.contact.company_id or self.scene.company)
        facts = list(known.facts)
        for key, index, row in given.rows():
            facts.append(self._fact(LISTS[key], row, index + 1, self.scene))
        return facts

    def _company(self, given: Given) -> list[Record]:
        if self.contact.company_id is None:
            return []
        company, types = company_of(given.company or {}, self.scene)
        self.types["companies"].update(types)
        return [replace(company, company_id=self.contact.company_id)]

    def _as_before(self, given: Given) -> list[Record]:
        """The person as the playbook knew them: who it is, and what the test says was so before."""
        before = known_of(given.before, self.scene, consent=None)
        self.types["contacts"] = {**before.types, **self.types["contacts"]}
        identity = {name: getattr(self.contact, name) for name in IDENTITY if name not in given.before}
        return [replace(before.contact, **identity, created_at=self.contact.created_at), *before.facts]

    def _fact(self, table: str, row: Mapping[str, Any], number: int, scene: Scene) -> Record:
        key = key_in(table, row)
        before = self.told.get((table, key)) if key is not None else None
        record = record_of(table, row, number, scene, before=before)
        if key is not None:
            self.told[table, key] = record
        return record

    def _called(self) -> tuple[str, str]:
        """A person and a company whose draws go as the test says."""
        arms = [(step, name) for step in self.playbook.steps if (name := self.case.given.arms.get(step.id))]
        of_company = self.world.app.settings.customers == "company"
        for number in count():
            mark = f"-{number}" if number else ""
            person, company = str(self.case.given.contact.get("contact_id", PERSON)) + mark, COMPANY + mark
            unit = f"{TELLER}:{company if of_company else person}"
            if number == MOST_DRAWS or all(arm_of(self.playbook, step, unit).name == arm for step, arm in arms):
                return person, company
        raise AssertionError("there is always another number")

    # --- what happens

    def _moments(self, seen: Seen) -> Iterator[datetime]:
        """When to tick: at `now`, when something happens, when a step is due, and daily where the test says how far."""
        coming = sorted(self._happenings(), key=lambda one: one[0])
        until = self.case.expect.until
        last = until.instant(self.now, self.scene.zone) if until else LOOKS_AHEAD.after(self.now, self.scene.zone)
        to_the_end = until is not None or bool(self.case.then) or self.case.expect.nothing
        at: datetime | None = self.now
        for _ in range(MOST):
            if at is None:
                return
            while coming and coming[0][0] <= at:
                self._happen(coming.pop(0)[1], at)
            yield at
            if not coming and not to_the_end and seen.all_there():
                return
            at = self._next(at, coming[0][0] if coming else None, last, daily=until is not None)

    def _next(self, at: datetime, happens: datetime | None, last: datetime, *, daily: bool) -> datetime | None:
        times = [happens, self.world.next_due(at)]
        if daily and at < last:
            times.append(min(last, _tomorrow(at, self.now, self.scene.zone)))
        return min((time for time in times if time is not None and time <= last), default=None)

    def _happenings(self) -> Iterator[tuple[datetime, Happening]]:
        for one in self.case.then:
            written = one.after or one.at
            assert written is not None
            yield written.instant(self.now, self.scene.zone), one

    def _happen(self, one: Happening, at: datetime) -> None:
        scene = replace(self.scene, now=at)
        told = getattr(one, one.what)
        match one.what:
            case "contact":
                self._change(told, scene)
            case "click":
                self._click(told, at)
            case "unsubscribe":
                self._unsubscribe(at)
            case "answer" if (ticket := self._survey(told.get("kind"))) is not None:
                self._answer(ticket, told, at)
            case what:
                number = len(self.case.given.rows()) + self.case.then.index(one) + 1
                self._hear(at, [self._fact(ROWS[what], told, number, scene)])

    def _change(self, told: Mapping[str, Any], scene: Scene) -> None:
        """The contact as the CRM says it is from now on."""
        new = known_of(told, scene, consent=None)
        self.types["contacts"].update(new.types)
        named = {
            name: getattr(new.contact, name) for name in told if name not in new.types and hasattr(new.contact, name)
        }
        custom = {**self.contact.custom, **{name: new.contact.custom.get(name) for name in new.types}}
        self.contact = replace(self.contact, **named, custom={k: v for k, v in custom.items() if v is not None})
        self._hear(scene.now, [self.contact, *new.facts], self.types)

    def _survey(self, kind: str | None) -> Ticket | None:
        """The survey that was sent last and not answered."""
        asked = [sends.c.action == "survey", sends.c.answered_at.is_(None)]
        if kind is not None:
            asked.append(sends.c.about == kind)
        return self._ticket(Kind.SURVEY, *asked)

    def _answer(self, ticket: Ticket, told: Mapping[str, Any], at: datetime) -> None:
        details = {name: value for name, value in told.items() if name not in TAKEN}
        said = collect.Said(told.get("score"), told.get("comment"), told.get("reason"), details)
        try:
            collect.record(self.world.app.store, ticket, said, at)
        except collect.SurveyClosed:
            self.untrue.append(f"answer: the survey could not be answered any more on {at:%Y-%m-%d}")
        except collect.BadAnswer as error:
            said_so = told.get(error.where)
            self.untrue.append(f"answer: {said_so!r} is no answer to the survey that was sent ({error.fault})")

    def _click(self, step: str, at: datetime) -> None:
        if (ticket := self._ticket(Kind.REVIEW, sends.c.step == step)) is None:
            return self.untrue.append(f"click: no mail of {step} had gone out by {at:%Y-%m-%d}")
        clicked = MailEvent(f"click {at.isoformat()}", ticket.send_id, MailEventKind.CLICKED, at, actor=Actor.HUMAN)
        collect.events(self.world.app.store, self.world.app.plugs.mailer_name, [clicked], at)
        return None

    def _unsubscribe(self, at: datetime) -> None:
        if (ticket := self._ticket(Kind.UNSUBSCRIBE)) is None:
            return self.untrue.append(f"unsubscribe: no mail had gone out by {at:%Y-%m-%d}")
        collect.unsubscribe(self.world.app.store, ticket, "page", at)
        return None

    def _ticket(self, kind: Kind, *which: sa.ColumnElement[bool]) -> Ticket | None:
        """The link of that kind in the last mail that fits."""
        last = (
            sa.select(sends.c.id, sends.c.contact_id)
            .where(sends.c.state == "accepted", *which)
            .order_by(sends.c.claimed_at.desc(), sends.c.id.desc())
            .limit(1)
        )
        with self.world.app.store.read() as connection:
            row = connection.execute(last).one_or_none()
        return Ticket(kind, row.id, row.contact_id) if row is not None else None

    def why_not(self, *, fired: bool) -> Iterator[str]:
        """Clause by clause why the person did not enter; the trigger's own only where it did not fire."""
        _, told = explained(self.world.app, self.contact.contact_id, self.playbook.id, self.looked_at)
        for clause in told[0].clauses[1 if fired else 0 :]:
            mark = "yes" if clause.holds else "no"
            yield f"{mark}: {clause.text}" + (f" ({clause.value})" if clause.value else "")


def _times(facts: Sequence[Record]) -> Iterator[datetime]:
    """Every instant that the facts name."""
    for fact in facts:
        for column in columns(type(fact)):
            if isinstance(value := getattr(fact, column.name), datetime):
                yield value


def _tomorrow(at: datetime, like: datetime, zone: str) -> datetime:
    """The next day at the hour of `like`."""
    hour = clock.local(like, zone).time()
    day = clock.local(at, zone).date()
    today = clock.at_local(day, hour, zone)
    return today if today > at else clock.at_local(day + timedelta(days=1), hour, zone)


def _line(row: LogRow, zone: str) -> str:
    """`2027-02-28 09:00  thanks: done, 3 years since customer_since 2024-02-29`"""
    at = f"{clock.local(row.at, zone):%Y-%m-%d %H:%M}"
    until = f", until {clock.local(row.until, zone):%Y-%m-%d %H:%M}" if row.until else ""
    return f"{at}  {row.step or row.occasion}: {row.status}, {row.reason}{until}"
