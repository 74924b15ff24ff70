"""What must be known about people at this moment, so that a decision can be made: read in one go for a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.conditions import Condition, Today
from runner.conditions.brought import read
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store.tables import (
    companies,
    consents,
    contact_sources,
    contacts,
    enrollments,
    meta,
    playbooks,
    sends,
    suppressions,
)
from runner.store.types import Instant

#: Suppressions that a service mail does not heed; any other binds every mail.
MARKETING_NOES = ("unsubscribed", "crm")


@dataclass(frozen=True, slots=True)
class Due:
    """An enrollment whose next step may be looked at: one that is stored, or one that `plan` imagines."""

    #: Of one that is not stored a number beyond all that are.
    id: int
    #: Who it is about today: of somebody merged the survivor.
    contact_id: int
    occasion: str
    anchor: date | None
    facts: Mapping[str, Any]
    arm: str
    step: str
    attempt: int
    #: Since when this step has been next.
    step_since: datetime
    entered_at: datetime
    #: When it was to be looked at: whose time came first goes first.
    due_at: datetime
    #: Until when a survey may be answered that `plan` imagines to have gone out.
    asked_until: datetime | None = None
    #: Whether what the last `wait` was for has come, where `plan` imagines that wait to be over.
    happened: bool | None = None
    #: Who entered, where that is somebody who has been merged since.
    entered_as: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """What happened on one enrollment's way."""

    #: When the goal was reached after entering.
    goal_at: datetime | None = None
    #: The answer to the latest survey that went out, and until when it may be given.
    answer: Mapping[str, Any] | None = None
    asked_until: datetime | None = None
    #: When what this step waits for came.
    happened_at: datetime | None = None
    #: Whether what the last `wait` was for has come.
    happened: bool | None = None
    #: Who entered for the same occasion, is the same person by a merge, and goes first.
    rival: int | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """One person's, at one moment."""

    #: The columns of `contacts` and, below `company`, of the company; custom fields below `custom`.
    contact: Mapping[str, Any]
    company: Mapping[str, Any] | None = None
    #: Why we may not write: the reason of a suppression in force, and when it began.
    suppressed: tuple[str, datetime] | None = None
    #: The latest word on the topic: yes, no, or unknown.
    consent: str = "unknown"
    #: Whether `exit_when` holds.
    exits: bool = False
    #: What the counts, sums and lasts of the step's conditions come to, by their text.
    measured: Mapping[str, Any] = field(default_factory=dict)
    passage: Passage = Passage()

    @property
    def zone(self) -> str:
        return str(self.contact["zone"])

    @property
    def address(self) -> str | None:
        address: str | None = self.contact["address"]
        return address

    def values(self, due: Due | None = None) -> dict[str, Any]:
        """The fields by their full names, as conditions have them; with an enrollment's own, and what was brought."""
        named = {f"contact.{name}": value for name, value in _plain(self.contact).items()}
        named |= {f"company.{name}": value for name, value in _plain(self.company or {}).items()}
        named |= self.measured
        if due is None:
            return named
        brought = {**read(due.facts), "answer": self.answer(due) or {}}
        named |= {f"{word}.{name}": value for word, row in brought.items() for name, value in row.items()}
        return named | {
            "enrollment.happened": self.passage.happened,
            "enrollment.entered_at": due.entered_at,
            "enrollment.occasion": due.occasion,
        }

    def answer(self, due: Due) -> Mapping[str, Any] | None:
        """What was answered to the playbook's survey; where it sent none, the answer that let the person in."""
        if self.passage.answer is not None or self.passage.asked_until is not None:
            return self.passage.answer
        return read(due.facts).get("answer")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**(row.get("custom") or {}), **row}


class Mailed:
    """What mail each address has had, kept up to date while a batch is decided: what the caps count, and for whom."""

    def __init__(self) -> None:
        self.days: dict[str, list[date]] = {}
        self.surveys: dict[str, date] = {}
        #: What each step of an enrollment has sent: the address, the day, and whether it was a survey.
        self._by_step: dict[tuple[int, str], list[tuple[str, date, bool]]] = {}
        #: Address, local day, playbook, step and occasion → the contact that had this letter.
        self._letters: dict[tuple[str, date, str, str, str], int] = {}

    def load(self, connection: sa.Connection, addresses: Iterable[str], since: date) -> None:
        """Claimed, accepted and unsure marketing mail of these addresses since a local day."""
        wanted = sorted(set(addresses) - self.days.keys())
        self.days |= {address: [] for address in wanted}
        if not wanted:
            return
        counting = sends.c.state.in_(OUT)
        rows = connection.execute(
            sa.select(sends.c.address, sends.c.local_day, sends.c.action, sends.c.enrollment_id, sends.c.step).where(
                sends.c.address.in_(wanted), counting, sends.c.local_day > since, sends.c.purpose == "marketing"
            )
        )
        for address, day, action, enrollment, step in rows:
            self.add(address, day, survey=action == "survey")
            self._by_step.setdefault((enrollment, step), []).append((address, day, action == "survey"))

    def for_(self, due: Due) -> Mailed:
        """What counts for this one: a letter that is sent again is still one letter."""
        earlier = self._by_step.get((due.id, due.step), ())
        if not due.attempt or not earlier:
            return self
        others = Mailed()
        others.days = {address: list(days) for address, days in self.days.items()}
        others.surveys, others._letters = dict(self.surveys), self._letters
        for address, day, survey in earlier:
            others.days[address].remove(day)
            if survey and others.surveys.get(address) == day:
                del others.surveys[address]
        return others

    def recall(
        self, connection: sa.Connection, playbook: str, step: str, addresses: Iterable[str], now: datetime
    ) -> None:
        """Who had this step's letter of late at one of these addresses."""
        rows = connection.execute(
            _LETTERS,
            {"addresses": list(addresses), "of": playbook, "at": step, "since": now.date() - timedelta(days=2)},
        )
        for address, day, occasion, contact_id in rows:
            self.note(address, day, playbook, step, occasion, contact_id)

    def note(self, address: str, day: date, playbook: str, step: str, occasion: str, contact_id: int) -> None:
        self._letters.setdefault((address, day, playbook, step, occasion), contact_id)

    def had(self, address: str, day: date, playbook: str, step: str, occasion: str) -> int | None:
        """The contact for whom this letter went to the address that day."""
        return self._letters.get((address, day, playbook, step, occasion))

    def add(self, address: str, day: date, *, survey: bool) -> None:
        self.days.setdefault(address, []).append(day)
        if survey:
            self.surveys[address] = max(day, self.surveys.get(address, day))

    def on(self, address: str, day: date) -> int:
        return sum(mailed == day for mailed in self.days.get(address, ()))

    def within(self, address: str, day: date, days: int) -> list[date]:
        """The days of mails in the rolling span that ends with this day, oldest first."""
        return sorted(mailed for mailed in self.days.get(address, ()) if day - timedelta(days=days) < mailed <= day)


def living(contact_id: Any) -> sa.ScalarSelect[int]:
    """Who a contact is today: itself, or whom it was merged into."""
    one = contacts.alias("living")
    today = sa.select(sa.func.coalesce(one.c.merged_into, one.c.id)).where(one.c.id == contact_id)
    return today.correlate_except(one).scalar_subquery()


# What every batch asks is written once: building a statement takes longer than answering it.
_SOME: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_PEOPLE = sa.select(contacts).where(contacts.c.id.in_(_SOME))


def people_of(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The contacts' own rows."""
    rows = connection.execute(_PEOPLE, {"ids": list(ids)}).mappings()
    return {row["id"]: dict(row) for row in rows}


def look_at(
    connection: sa.Connection,
    playbook: Playbook,
    people: Mapping[int, Mapping[str, Any]],
    *,
    topic: str | None,
    now: datetime,
    zones: Sequence[str],
    asking: Iterable[Condition] = (),
) -> dict[int, Circumstances]:
    """The circumstances of these people, by contact; whether they may be written to only where a topic asks for it.

    `asking` are the conditions that are to be asked of them one by one.
    """
    firms = _firms(connection, [p["company_id"] for p in people.values() if p["company_id"] is not None])
    noes = suppressed(connection, people) if topic is not None else {}
    words = _consents(connection, list(people), topic) if topic is not None else {}
    today = Today(now, zones)
    leaving = _leaving(connection, playbook, list(people), today)
    measured: dict[int, dict[str, Any]] = {id: {} for id in people}
    for condition in asking:
        for id, found in condition.measured(connection, list(people), today).items():
            measured[id] |= found
    return {
        id: Circumstances(
            contact=person,
            company=firms.get(person["company_id"]),
            suppressed=noes.get(id),
            consent=words.get(id, "unknown"),
            exits=id in leaving,
            measured=measured[id],
        )
        for id, person in people.items()
    }


#: What has gone out, or may have.
OUT = ("claimed", "accepted", "unsure")
_LETTERS = (
    sa.select(sends.c.address, sends.c.local_day, enrollments.c.occasion, living(sends.c.contact_id))
    .join_from(sends, enrollments, enrollments.c.id == sends.c.enrollment_id)
    .where(
        sends.c.address.in_(sa.bindparam("addresses", expanding=True)),
        sends.c.local_day >= sa.bindparam("since", type_=sa.Date()),
        sends.c.playbook == sa.bindparam("of"),
        sends.c.step == sa.bindparam("at"),
        sends.c.state.in_(OUT),
    )
)


def source_ids(connection: sa.Connection, ids: Sequence[int]) -> dict[int, str]:
    """How the first source that told of each person calls them."""
    first = sa.func.min(contact_sources.c.source_id)
    of = contact_sources.c.contact_id
    rows = connection.execute(sa.select(of, first).where(of.in_(ids)).group_by(of))
    return {row[0]: row[1] for row in rows}


def _firms(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    if not ids:
        return {}
    rows = connection.execute(sa.select(companies).where(companies.c.id.in_(set(ids)))).mappings()
    return {row["id"]: dict(row) for row in rows}


def suppressed(connection: sa.Connection, people: Mapping[int, Mapping[str, Any]]) -> dict[int, tuple[str, datetime]]:
    """A no binds the person or the address; told is the first one that binds every mail, else the first of all."""
    by_address: dict[str, list[int]] = {}
    for id, person in people.items():
        if person["address"]:
            by_address.setdefault(person["address"], []).append(id)
    rows = connection.execute(_NOES, {"ids": list(people), "addresses": list(by_address)})
    found: dict[int, tuple[str, datetime]] = {}
    for contact_id, address, reason, at in rows:
        for id in {contact_id} & people.keys() | set(by_address.get(address, ())):
            found[id] = (reason, at)
    return found


_NOES = (
    sa.select(suppressions.c.contact_id, suppressions.c.address, suppressions.c.reason, suppressions.c.at)
    .where(
        suppressions.c.lifted_at.is_(None),
        sa.or_(
            suppressions.c.contact_id.in_(_SOME),
            suppressions.c.address.in_(sa.bindparam("addresses", expanding=True)),
        ),
    )
    .order_by(suppressions.c.reason.not_in(MARKETING_NOES).asc(), suppressions.c.at.desc(), suppressions.c.id.desc())
)


def _consents(connection: sa.Connection, ids: Sequence[int], topic: str) -> dict[int, str]:
    """The latest word of each person on the topic, or on marketing as a whole, whoever they were when they said it."""
    return dict(connection.execute(_WORDS, {"ids": list(ids), "topic": topic}).all())


_WORDS = (
    sa.select(living(consents.c.contact_id), consents.c.answer)
    .where(
        sa.or_(
            consents.c.contact_id.in_(_SOME),
            consents.c.contact_id.in_(sa.select(contacts.c.id).where(contacts.c.merged_into.in_(_SOME))),
        ),
        sa.or_(consents.c.topic == sa.bindparam("topic"), consents.c.topic == "marketing"),
    )
    .order_by(consents.c.at, consents.c.id)
)


def _leaving(connection: sa.Connection, playbook: Playbook, ids: Sequence[int], today: Today) -> set[int]:
    if playbook.exit_when is None:
        return set()
    return set(
        connection.scalars(
            sa.select(contacts.c.id)
            .outerjoin_from(contacts, companies, companies.c.id == contacts.c.company_id)
            .where(contacts.c.id.in_(ids), playbook.exit_when.sql(today))
        )
    )


def due_enrollments(
    connection: sa.Connection, playbook: Playbook, step: str, now: datetime, limit: int | None = None, *, lock: bool
) -> list[Due]:
    """The oldest enrollments whose step is due; locked ones are ours until the transaction ends."""
    asked = {"of": playbook.id, "in": playbook.version, "at": step, "now": now, "most": limit or _MANY}
    rows = connection.execute(_DUE_LOCKED if lock else _DUE, asked).mappings()
    return [as_due(row) for row in rows]


def as_due(row: Mapping[Any, Any]) -> Due:
    """A row of enrollments, or one that has its columns, as what may be looked at."""
    due = Due(**{field.name: row[field.name] for field in fields(Due) if field.name in row})
    return replace(due, contact_id=row["living"], entered_as=due.contact_id) if "living" in row else due


#: The key in `meta` under which stands since when everything is paused.
ALL_PAUSED = "paused_at"


def paused(playbook: Any) -> sa.ColumnElement[bool]:
    """Whether a playbook is paused, or everything: asked at the door, at the claim and right before a call."""
    itself = sa.exists().where(playbooks.c.id == playbook, playbooks.c.paused_at.is_not(None))
    return sa.or_(itself, sa.exists().where(meta.c.key == ALL_PAUSED).correlate(None))


#: Enrollments, with whom each is about today.
ENROLLED = sa.select(enrollments, living(enrollments.c.contact_id).label("living"))
#: More than there are.
_MANY = 2**62
_DUE = (
    ENROLLED.where(
        enrollments.c.state == "active",
        enrollments.c.playbook == sa.bindparam("of"),
        enrollments.c.version == sa.bindparam("in"),
        enrollments.c.step == sa.bindparam("at"),
        enrollments.c.due_at <= sa.bindparam("now", type_=Instant()),
        sa.not_(paused(sa.bindparam("of"))),
    )
    .order_by(enrollments.c.due_at, enrollments.c.id)
    .limit(sa.bindparam("most", type_=sa.BigInteger()))
)
_DUE_LOCKED = _DUE.with_for_update(skip_locked=True, of=enrollments)


def due_steps(connection: sa.Connection, now: datetime) -> list[tuple[str, str, str]]:
    """Playbook, version and step of everything that is due, paused playbooks left out; in a stable order."""
    one = enrollments.c
    rows = connection.execute(
        sa.select(one.playbook, one.version, one.step)
        .distinct()
        # In words, as in the index: SQLite does not look into parameters.
        .where(sa.text("state = 'active'"), one.due_at <= now, sa.not_(paused(one.playbook)))
        .order_by(one.playbook, one.version, one.step)
    )
    return [tuple(row) for row in rows]


def local_day(now: datetime, zone: str) -> date:
    return clock.local(now, zone).date()


def caps_since(settings: Settings, now: datetime) -> date:
    """The first local day that any cap still counts."""
    days = max(8, settings.caps.survey_every.days + 2 if settings.caps.survey_every else 0)
    return now.date() - timedelta(days=days)
