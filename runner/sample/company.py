"""The sample company: a past that is written down once, and days that are lived one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from connectors.base import MailEvent
from connectors.records import Contact, Order, Record, Refund, key_of
from runner.sample import files, past
from runner.sample.demand import EFFECT, EFFECT_DAYS, Demand, days_of_effect
from runner.sample.people import Person, Span, invent
from runner.sample.reactions import Answered, Reaction, Received, Unsubscribed, reactions
from runner.sample.truth import Effect, Truth, two_lives

#: When a letter of yesterday is found, in seconds after midnight.
_MORNING = 6.5 * 3600


@dataclass(frozen=True, slots=True)
class Day:
    """What came back on one day; its rows are at the ends of the CSV files."""

    day: date
    mail_events: Sequence[MailEvent]
    answers: Sequence[Answered]
    unsubscribes: Sequence[Unsubscribed]


@dataclass(frozen=True, slots=True)
class _Letter:
    playbook: str
    written_on: date
    #: The first day on which it makes an order more likely.
    works_from: date


class SampleCompany:
    """A mid-size online shop. The same seed, contacts and until give the same company, letter by letter.

    `days` before `until` its data begin; the last `lived` of them are not written but lived with `live`.
    """

    def __init__(
        self,
        seed: int = 1,
        contacts: int = 2000,
        *,
        until: date,
        days: int = 365,
        lived: int = 90,
        timezone: str = "Europe/Warsaw",
    ) -> None:
        if contacts < 1 or not 0 <= lived <= days:
            raise ValueError("a sample company needs at least one contact, and no more lived days than days")
        self._seed = seed
        self._span = Span(until - timedelta(days=days), until, ZoneInfo(timezone))
        companies = max(contacts // 50, 1)
        self._people = invent(seed, contacts, self._span, companies=companies)
        self._places = {person.contact_id: place for place, person in enumerate(self._people)}
        self._facts = past.facts(seed, self._people, self._span, companies=companies)
        self._demand = Demand(seed, self._people)
        self._customer_since = {
            place: person.created_on
            for place, person in enumerate(self._people)
            if person.buys_at_once and person.created_on < self._span.start
        }
        self._letters: dict[int, list[_Letter]] = {}
        #: The days on which letters make an order more likely.
        self._works_on: dict[int, set[date]] = {}
        self._refunds: dict[date, list[Refund]] = {}
        self._reactions: dict[date, list[Reaction]] = {}
        self._folder: Path | None = None
        #: The first day that is lived.
        self.first_day = until - timedelta(days=lived)
        self._tomorrow = self.first_day

    def write_history(self, folder: Path) -> None:
        """The CSV files as they are on the morning of the first lived day."""
        if self._folder is not None:
            raise ValueError("the history is already written; make another SampleCompany for another folder")
        self._folder = folder
        orders = [record for day in _days(self._span.start, self.first_day) for record in self._orders_of(day)]
        rows: list[Record] = [*_latest(self._facts_before(self.first_day)), *orders]
        rows += past.surveys(self._seed, self._people, self._span, self.first_day)
        rows += past.newsletters(self._seed, self._people, self._span, self.first_day)
        known = [place for place, person in enumerate(self._people) if person.created_on < self.first_day]
        rows += [self._contact(place, self.first_day) for place in known]
        files.begin(folder)
        files.append(folder, rows)

    def live(self, day: date, mails: Sequence[Received]) -> Day:
        """One day more, in order: `mails` are the letters that reached people since the last call.

        The day's rows are appended to the CSV files. Every time in what is returned lies within the day.
        """
        if self._folder is None:
            raise ValueError("write_history comes before the first day")
        if day != self._tomorrow:
            raise ValueError(f"the next day is {self._tomorrow}, not {day}")
        if strangers := sorted({letter.source_id for letter in mails} - self._places.keys()):
            raise ValueError(f"nobody in the sample company has the id {strangers[0]!r}")
        self._tomorrow += timedelta(days=1)
        for letter in mails:
            self._receive(letter, day)
        before = dict(self._customer_since)
        rows = [*_latest(self._facts_before(self._tomorrow)), *self._orders_of(day)]
        rows += [self._contact(place, self._tomorrow) for place in self._changed(day, before)]
        files.append(self._folder, rows)
        return self._returned(day)

    def truth(self, *, within: int = 60, by: date | None = None) -> Truth:
        """What the letters did, by playbook id and for all together.

        Counts each person once a playbook, from its first letter on. `by` leaves out those whose days `within`
        were not over on that day.
        """
        playbooks = sorted({letter.playbook for letters in self._letters.values() for letter in letters})
        return Truth(
            effect=EFFECT,
            effect_days=EFFECT_DAYS,
            within=within,
            playbooks={playbook: self._effect({playbook}, within, by) for playbook in playbooks},
            all_letters=self._effect(set(playbooks), within, by),
        )

    def _effect(self, playbooks: set[str], within: int, by: date | None) -> Effect:
        people = []
        for place, letters in sorted(self._letters.items()):
            own = [letter.written_on for letter in letters if letter.playbook in playbooks]
            if not own or (by is not None and min(own) + timedelta(days=within) >= by):
                continue
            others = (letter.works_from for letter in letters if letter.playbook not in playbooks)
            people.append(
                two_lives(
                    self._demand,
                    place,
                    self._people[place].contact_id,
                    min(own),
                    within,
                    lived=self._works_on[place],
                    other=days_of_effect(others),
                )
            )
        return Effect(tuple(people))

    def _receive(self, letter: Received, day: date) -> None:
        place = self._places[letter.source_id]
        written_on = self._span.day_of(letter.at)
        works_from = max(written_on + timedelta(days=1), day)
        self._letters.setdefault(place, []).append(_Letter(letter.playbook, written_on, works_from))
        self._works_on.setdefault(place, set()).update(days_of_effect([works_from]))
        person = self._people[place]
        begins = max(letter.at, self._span.at(day, _MORNING)) if written_on < day else letter.at
        for reaction in reactions(self._seed, person, letter, begins, person.satisfaction_on(day)):
            self._reactions.setdefault(self._span.day_of(reaction.at), []).append(reaction)

    def _returned(self, day: date) -> Day:
        due = sorted(self._reactions.pop(day, []), key=lambda reaction: reaction.at)
        return Day(
            day,
            mail_events=[one for one in due if isinstance(one, MailEvent)],
            answers=[one for one in due if isinstance(one, Answered)],
            unsubscribes=[one for one in due if isinstance(one, Unsubscribed)],
        )

    def _facts_before(self, day: date) -> list[Record]:
        """The facts not told yet that are known when `day` begins."""
        midnight = self._span.midnight(day)
        told = next((place for place, fact in enumerate(self._facts) if fact.at >= midnight), len(self._facts))
        facts, self._facts = self._facts[:told], self._facts[told:]
        return [fact.record for fact in facts]

    def _changed(self, day: date, customers_before: Mapping[int, date]) -> Iterator[int]:
        """Whose contact row is another one after `day`: new people, new customers, renewed memberships."""
        for place, person in enumerate(self._people):
            new = person.created_on == day or (place in self._customer_since) != (place in customers_before)
            if new or any(term.renewed_on == day for term in person.terms):
                yield place

    def _orders_of(self, day: date) -> list[Record]:
        written = {place for place, days in self._works_on.items() if day in days}
        buyers = [(place, None) for place in self._demand.buyers(day, written)]
        first_buyers = [
            (place, person.created_at)
            for place, person in enumerate(self._people)
            if person.created_on == day and person.buys_at_once
        ]
        orders = [order for place, at in [*buyers, *first_buyers] for order in self._order(place, day, at)]
        return [*sorted(orders, key=lambda order: order.ordered_at), *self._refunds.pop(day, [])]

    def _order(self, place: int, day: date, first_at: datetime | None) -> Iterator[Order]:
        """An order, now and then after a try that was cancelled."""
        person = self._people[place]
        random = Random(f"{self._seed}:order:{person.contact_id}:{day}")
        at = first_at or self._span.at(day, random.triangular(6.5, 23.5, 19.5) * 3600)
        order = Order(
            order_id=f"o-{day:%Y%m%d}-{person.contact_id[2:]}",
            contact_id=person.contact_id,
            ordered_at=at,
            status="paid",
            currency="EUR",
            total=_money(person.basket * random.lognormvariate(0, 0.4)),
            units=Decimal(random.randint(1, 6)),
        )
        self._customer_since.setdefault(place, day)
        if random.random() < 0.012:
            yield _cancelled(order)
        yield order
        if random.random() < 0.02 + 0.06 * (1 - person.satisfaction_on(day)):
            self._refund(order, day + timedelta(days=random.randint(3, 14)), random)

    def _refund(self, order: Order, day: date, random: Random) -> None:
        """One of four gives everything back, the others a part."""
        share = 1.0 if random.random() < 0.25 else random.uniform(0.2, 0.8)
        refund = Refund(
            refund_id=f"r-{order.order_id[2:]}",
            order_id=order.order_id,
            contact_id=order.contact_id,
            refunded_at=self._span.at(day, 14 * 3600),
            amount=min(_money(float(order.total) * share), order.total),
        )
        self._refunds.setdefault(day, []).append(refund)

    def _contact(self, place: int, morning: date) -> Contact:
        """The CRM's row on the morning of that day."""
        person = self._people[place]
        since = self._customer_since.get(place)
        renewal = _renewal(person, morning)
        return Contact(
            contact_id=person.contact_id,
            email=person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            company_id=None if person.company is None else f"b-{person.company:03}",
            country=person.country,
            language=person.language,
            timezone=person.timezone,
            created_at=person.created_at,
            customer_since=since,
            birthday=person.birthday,
            lifecycle_stage="customer" if since else "lead",
            owner=person.owner,
            opted_out=person.opted_out,
            consent=person.consent,
            is_test=person.is_test,
            custom={
                "renewal_date": renewal.isoformat() if renewal else None,
                "plan": "club" if renewal else None,
            },
        )


def _renewal(person: Person, morning: date) -> date | None:
    """When the membership ends that runs on that morning, or the last one ended."""
    return next((term.ends_on for term in person.terms if not term.renewed_on or term.renewed_on >= morning), None)


def _cancelled(order: Order) -> Order:
    return replace(order, order_id=f"{order.order_id}-x", status="cancelled")


def _latest(records: Sequence[Record]) -> Sequence[Record]:
    """Of rows with one id the last, at its place."""
    return list({(record.table, key_of(record)): record for record in records}.values())


def _days(first: date, behind: date) -> Iterator[date]:
    return (first + timedelta(days=after) for after in range((behind - first).days))


def _money(amount: float) -> Decimal:
    return Decimal(max(round(amount * 100), 100)).scaleb(-2)
