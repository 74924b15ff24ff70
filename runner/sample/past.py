"""What happens beside orders, whatever is written: companies, deals, memberships, tickets, the past tool's mails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from connectors.records import Company, Contract, Deal, Email, Record, Survey, Ticket
from runner.sample.people import OWNERS, Person, Span, company_name
from runner.sample.reactions import chance_to_answer, comment, score


@dataclass(frozen=True, slots=True)
class Fact:
    """A row, and when it is known; a later fact of the same id replaces an earlier one."""

    at: datetime
    record: Record


def facts(seed: int, people: Sequence[Person], span: Span, *, companies: int) -> list[Fact]:
    """Everything that nobody's letters change, in the order of its happening."""
    random = Random(f"{seed}:facts")
    happened = [*_companies(random, span, companies), *_deals(random, people, span)]
    for person in people:
        happened += _memberships(person, span)
        happened += _tickets(random, person, span)
    return sorted(happened, key=lambda fact: fact.at)


def surveys(seed: int, people: Sequence[Person], span: Span, until: date) -> Iterator[Survey]:
    """The answers to the past tool's NPS surveys, one a quarter to every third customer."""
    random = Random(f"{seed}:surveys")
    day = span.start + timedelta(days=20)
    while day < until:
        for person in people:
            if person.created_on < day and person.buys_at_once and random.random() < 0.33:
                yield _survey(random, person, day, until, span)
        day += timedelta(days=91)


def newsletters(seed: int, people: Sequence[Person], span: Span, until: date) -> Iterator[Email]:
    """The past tool's monthly newsletter; who is opted out said so in the first one."""
    random = Random(f"{seed}:newsletters")
    day = span.start + timedelta(days=10)
    opted_out: set[str] = set()
    while day < until:
        for person in people:
            if person.created_on < day and person.email and person.contact_id not in opted_out:
                yield _newsletter(random, person, day, span)
                if person.opted_out:
                    opted_out.add(person.contact_id)
        day += timedelta(days=30)


def _companies(random: Random, span: Span, count: int) -> Iterator[Fact]:
    for number in range(count):
        name, _ = company_name(number)
        at = span.at(span.start - timedelta(days=random.randint(30, 1500)), 9 * 3600)
        yield Fact(at, Company(company_id=f"b-{number:03}", name=name, created_at=at, owner=random.choice(OWNERS)))


def _deals(random: Random, people: Sequence[Person], span: Span) -> Iterator[Fact]:
    buyers = [person for person in people if person.company is not None]
    for person in buyers:
        for number in range(random.choice((0, 0, 1, 1, 2))):
            yield from _deal(random, person, number, span)


def _deal(random: Random, person: Person, number: int, span: Span) -> Iterator[Fact]:
    first = max(person.created_on, span.start)
    opened = first + timedelta(days=random.randint(0, max((span.until - first).days, 1)))
    closed = opened + timedelta(days=random.randint(6, 70))
    won = random.random() < 0.25 + 0.5 * person.satisfaction
    created_at, closed_at = span.at(opened, 11 * 3600), span.at(closed, 15 * 3600)
    deal = Deal(
        deal_id=f"d-{person.contact_id[2:]}-{number}",
        contact_id=person.contact_id,
        company_id=f"b-{person.company:03}",
        name=f"Supply {opened.year}",
        pipeline="default",
        stage="presentationscheduled",
        amount=_money(person.basket * random.uniform(8, 30)),
        currency="EUR",
        created_at=created_at,
        is_won=False,
        owner=person.owner,
    )
    yield Fact(created_at, deal)
    stage = "closedwon" if won else "closedlost"
    yield Fact(closed_at, replace(deal, stage=stage, closed_at=closed_at, is_won=won))


def _memberships(person: Person, span: Span) -> Iterator[Fact]:
    begins = person.created_at
    for year, term in enumerate(person.terms, start=1):
        contract_id = f"k-{person.contact_id[2:]}-{year}"
        contract = Contract(contract_id=contract_id, customer_id=person.contact_id, ends_on=term.ends_on)
        yield Fact(begins, contract)
        if term.renewed_on is None:
            return
        begins = span.at(term.renewed_on, 12 * 3600)
        yield Fact(begins, replace(contract, renewed_on=term.renewed_on))


def _tickets(random: Random, person: Person, span: Span) -> Iterator[Fact]:
    first = max(person.created_on, span.start)
    days = [person.hurt_on] if person.hurt_on and person.hurt_on >= first else []
    day = first + timedelta(days=int(random.expovariate((1.2 - person.satisfaction) * 0.7 / 365)))
    if day < span.until + timedelta(days=60):
        days.append(day)
    for number, on in enumerate(days):
        yield from _ticket(random, f"t-{person.contact_id[2:]}-{number}", person, on, span)


def _ticket(random: Random, ticket_id: str, person: Person, on: date, span: Span) -> Iterator[Fact]:
    created_at = span.at(on, random.gauss(13, 3) * 3600)
    slow = 4 if person.hurt_on == on else 1
    replied_at = created_at + timedelta(hours=random.lognormvariate(1.0, 1.0) * slow)
    solved_at = replied_at + timedelta(hours=random.lognormvariate(2.5, 1.0) * slow)
    ticket = Ticket(ticket_id=ticket_id, contact_id=person.contact_id, created_at=created_at)
    yield Fact(created_at, ticket)
    yield Fact(solved_at, replace(ticket, first_reply_at=replied_at, solved_at=solved_at))


def _survey(random: Random, person: Person, day: date, until: date, span: Span) -> Survey:
    satisfaction = person.satisfaction_on(day)
    answered_on = day + timedelta(days=random.choice((0, 0, 0, 1, 1, 2, 4)))
    answers = random.random() < chance_to_answer(satisfaction) and answered_on < until
    return Survey(
        response_id=f"s-{day:%Y%m%d}-{person.contact_id[2:]}",
        contact_id=person.contact_id,
        kind="nps",
        scale="0-10",
        score=score(random, "nps", satisfaction) if answers else None,
        sent_at=span.at(day, 9 * 3600),
        responded_at=span.at(answered_on, random.uniform(10, 21) * 3600) if answers else None,
        comment=comment(random, satisfaction) if answers else None,
    )


def _newsletter(random: Random, person: Person, day: date, span: Span) -> Email:
    satisfaction = person.satisfaction_on(day)
    arrived = not person.dead_mailbox and "@" in (person.email or "")
    opened = arrived and random.random() < 0.15 + 0.4 * satisfaction
    return Email(
        message_id=f"m-{day:%Y%m%d}-{person.contact_id[2:]}",
        contact_id=person.contact_id,
        campaign_id=f"newsletter-{day:%Y-%m}",
        sent_at=span.at(day, 10 * 3600),
        bounced=not arrived,
        machine_open=arrived and person.machine_opens,
        human_open=opened and not person.machine_opens,
        clicked=opened and random.random() < 0.05 + 0.15 * satisfaction,
        unsubscribed=arrived and person.opted_out,
        complained=False,
    )


def _money(amount: float) -> Decimal:
    return Decimal(round(amount * 100)).scaleb(-2)
