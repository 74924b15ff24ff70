"""What mail each address has had of late: what the caps count, and who had which letter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa

from runner import clock
from runner.circumstances.due import Due
from runner.circumstances.pace import OUT, Pace
from runner.circumstances.people import living
from runner.settings import Settings
from runner.store.functions import texts_in
from runner.store.tables import enrollments, sends


class Mailed:
    """What mail each address has had, kept up to date while a batch is decided: what the caps count, and for whom."""

    def __init__(self, paces: dict[str, Pace] | None = None) -> None:
        self.days: dict[str, list[date]] = {}
        self.surveys: dict[str, date] = {}
        #: The days on which each address was asked for a review, whatever became of it.
        self.reviews: dict[str, list[date]] = {}
        #: The room that mailers have, by their names.
        self.paces: dict[str, Pace] = {} if paces is None else paces
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
        rows = connection.execute(_OF_LATE, {"addresses": json.dumps(wanted), "since": since})
        for address, day, action, enrollment, step in rows:
            self.add(address, day, survey=action == "survey")
            self._by_step.setdefault((enrollment, step), []).append((address, day, action == "survey"))

    def load_reviews(self, connection: sa.Connection, addresses: Iterable[str]) -> None:
        """Every review that these addresses were asked for; a letter that is sent again is asked for once."""
        wanted = sorted(set(addresses) - self.reviews.keys())
        self.reviews |= {address: [] for address in wanted}
        for address, day, _, _ in connection.execute(_REVIEWS, {"addresses": json.dumps(wanted)}) if wanted else ():
            self.reviews[address].append(day)

    def pace(
        self, connection: sa.Connection, mailer: str, settings: Settings, now: datetime, *, lock: bool
    ) -> Pace | None:
        """The room that a mailer has; None where it may send any number."""
        known = self.paces.get(mailer)
        limits = known.limits if known else settings.limits(mailer)
        if limits.per_hour is None and limits.warm_up is None:
            return None
        if known is None or lock:
            known = self.paces.setdefault(mailer, Pace(mailer, limits, settings.timezone))
            known.look(connection, now, lock=lock)
        return known

    def for_(self, due: Due) -> Mailed:
        """What counts for this one: a letter that is sent again is still one letter."""
        earlier = self._by_step.get((due.id, due.step), ())
        if not due.attempt or not earlier:
            return self
        others = Mailed()
        others.days = {address: list(days) for address, days in self.days.items()}
        others.surveys, others._letters = dict(self.surveys), self._letters
        others.reviews = self.reviews
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
            {
                "addresses": json.dumps(list(addresses)),
                "of": playbook,
                "at": step,
                "since": now.date() - timedelta(days=2),
            },
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


_AT_THESE = sends.c.address.in_(texts_in(sa.bindparam("addresses", type_=sa.Text())))
_OF_LATE = sa.select(sends.c.address, sends.c.local_day, sends.c.action, sends.c.enrollment_id, sends.c.step).where(
    _AT_THESE,
    sends.c.state.in_(OUT),
    sends.c.local_day > sa.bindparam("since", type_=sa.Date()),
    sends.c.purpose == "marketing",
)
_LETTERS = (
    sa.select(sends.c.address, sends.c.local_day, enrollments.c.occasion, living(sends.c.contact_id))
    .join_from(sends, enrollments, enrollments.c.id == sends.c.enrollment_id)
    .where(
        _AT_THESE,
        sends.c.local_day >= sa.bindparam("since", type_=sa.Date()),
        sends.c.playbook == sa.bindparam("of"),
        sends.c.step == sa.bindparam("at"),
        sends.c.state.in_(OUT),
    )
)


_REVIEWS = (
    sa.select(sends.c.address, sa.func.max(sends.c.local_day), sends.c.enrollment_id, sends.c.step)
    .where(
        _AT_THESE,
        sends.c.action == "request_review",
        sends.c.state.in_(OUT),
    )
    .group_by(sends.c.address, sends.c.enrollment_id, sends.c.step)
)


@lru_cache(1024)
def local_day(now: datetime, zone: str) -> date:
    """Asked once a zone and instant, of which a batch has few."""
    return clock.local(now, zone).date()


def caps_since(settings: Settings, now: datetime) -> date:
    """The first local day that any cap still counts."""
    days = max(8, settings.caps.survey_every.days + 2 if settings.caps.survey_every else 0)
    return now.date() - timedelta(days=days)
