"""Eighty people with every kind of odd and missing value, and with facts around every border of time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.circumstances import Circumstances
from runner.conditions import Condition, Today
from runner.store import Store
from runner.store.tables import (
    answers,
    companies,
    contact_sources,
    contacts,
    custom_fields,
    enrollments,
    events,
    facts,
    purchases,
    sends,
    surveys,
    tickets,
)

NOW = datetime(2026, 3, 28, 23, 30, 17, tzinfo=UTC)
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Warsaw")
TODAY = Today(NOW, ZONES)
#: And moments at which a month ends, somewhere or everywhere.
MOMENTS = (NOW, NOW - timedelta(days=28), NOW + timedelta(days=2, hours=12))
SEEN = {"seen_at": NOW, "changed_at": NOW, "created_at": NOW}
PEOPLE = 80

TEXTS = (
    "",
    "Anna",
    "anna",
    "Jürgen",
    "JÜRGEN",
    "ß",
    "O'Neill",
    '"',
    "100%",
    "a_b",
    "\\",
    "{{ x }}",
    "Łódź",
    "ÅSE",
    "'; --",
)
NUMBERS = (-1, 0, 1, 2.5, 6, 9.99, 10, 1000000)
DAYS = (
    *(date(1990, 2, 28), date(2000, 2, 29), date(2025, 12, 31), date(2026, 1, 28), date(2026, 1, 31)),
    *(date(2026, 2, 28), date(2026, 3, 26), date(2026, 3, 28), date(2026, 3, 29), date(2026, 4, 1), date(2030, 12, 31)),
)
TIMES = (
    datetime(2026, 3, 28, 23, 30, 16, tzinfo=UTC),
    datetime(2026, 2, 26, 11, 5, 3, tzinfo=UTC),
    datetime(2026, 2, 28, 10, 30, tzinfo=UTC),
    NOW - timedelta(days=30),
    NOW.replace(year=2019),
)
#: How long before NOW facts happened; the last have not yet.
AGES = (
    *(timedelta(days=days, seconds=part) for days in (0, 1, 7, 30, 45, 90, 400) for part in (-3600, -1, 0, 1, 3600)),
    *(timedelta(days=-2), timedelta(days=-30)),
)
CUSTOM = {"plan": "text", "seats": "number", "vip": "bool", "renews": "date", "trial_end": "time"}
KINDS = ("login", "page view", "return", "order-shipped")


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the facts, as a person would tell it."""

    word: str
    of: int
    at: datetime
    kind: str | None = None
    numbers: Mapping[str, float] | None = None


def fill(store: Store) -> None:
    with store.write() as connection:
        for table, name, kind in (*(("contacts", *pair) for pair in CUSTOM.items()), ("events", "minutes", "number")):
            connection.execute(custom_fields.insert().values(of_table=table, name=name, type=kind, connector="c"))
        firms = [
            {"id": 1, "key": "c:1", "name": "Jürgen & Söhne", "custom": {}, **SEEN},
            {"id": 2, "key": "c:2", "name": None, "custom": {}, **SEEN},
        ]
        connection.execute(companies.insert(), firms)
        people = [_somebody(random.Random(number), number) for number in range(PEOPLE)]
        connection.execute(contacts.insert(), people)
        # Every tenth was merged into the one before, whose facts theirs are.
        connection.execute(contacts.update().where(contacts.c.id % 10 == 0).values(merged_into=contacts.c.id - 1))
        sources = [
            {"id": id, "connector": "c", "source_id": str(id), "contact_id": 1 + id // 2, "seen_at": NOW}
            for id in range(2 * PEOPLE)
        ]
        connection.execute(contact_sources.insert(), sources)
        _rates(connection)
        _facts(connection, random.Random(7))


def _somebody(chance: random.Random, number: int) -> dict[str, Any]:
    def maybe(values: Any) -> Any:
        return chance.choice((*values, None))

    custom = {"plan": maybe(TEXTS), "seats": maybe(NUMBERS), "vip": maybe((True, False))}
    custom |= {"renews": str(chance.choice(DAYS)), "trial_end": chance.choice(TIMES).isoformat()}
    return SEEN | {
        "id": number + 1, "key": f"c:{number}", "zone": chance.choice(ZONES), "first_name": maybe(TEXTS),
        "country": maybe(TEXTS), "orders_count": chance.choice((0, 1, 2, 6)), "nps_score": maybe(NUMBERS),
        "opted_out": maybe((True, False)), "revenue": maybe((Decimal("0.1"), Decimal("2.5"), Decimal("100"))),
        "mrr": maybe((Decimal("9.99"),)), "birthday": maybe(DAYS), "customer_since": maybe(DAYS),
        "last_order_at": maybe(TIMES), "nps_at": maybe(TIMES), "company_id": maybe((1, 2)),
        "custom": {name: value for name, value in custom.items() if chance.random() < 0.8},
    }  # fmt: skip


def _rates(connection: sa.Connection) -> None:
    """A dollar is worth half of ours since 2020, a quarter since March; for yen there is no rate."""
    rows = [("2020-01-01", "0.5"), ("2026-03-01", "0.25")]
    connection.execute(
        facts["fx"].insert(),
        [
            {"connector": "c", "source_id": day, "date": date.fromisoformat(day), "currency": "USD",
             "rate": Decimal(rate), "row_hash": "", "seen_at": NOW}
            for day, rate in rows
        ],
    )  # fmt: skip


def _facts(connection: sa.Connection, chance: random.Random) -> None:
    """Sums are of quarters, so that they are exact in whatever order they are made."""
    common = {"connector": "c", "row_hash": "", "seen_at": NOW - timedelta(days=3)}
    for number in range(500):
        at, source = NOW - chance.choice(AGES), chance.randrange(2 * PEOPLE)
        row = {**common, "source_id": str(number), "contact_source": source, "contact_id": str(source)}
        row["deleted_at"] = NOW if chance.random() < 0.1 else None
        match number % 5:
            case 0 | 1:
                kind, value = chance.choice(KINDS), chance.choice((Decimal("0.25"), Decimal(8), None))
                custom = {"minutes": chance.choice((1, 2.5))} if chance.random() < 0.5 else {}
                currency = chance.choice((None, "EUR", "USD", "JPY"))
                event = {"event_id": str(number), "kind": kind, "at": at, "value": value, "currency": currency}
                connection.execute(events.insert().values(**row, **event, custom=custom))
            case 2:
                bought = {"order_key": str(number), "at": at, "total": 1, "net": 1, "currency": "EUR", "seen_at": at}
                worth = chance.choice((Decimal("0.5"), Decimal("19.75"), None))
                connection.execute(purchases.insert().values(contact_id=1 + source // 2, value=worth, **bought))
            case 3:
                asked = {"ticket_id": str(number), "created_at": at}
                connection.execute(tickets.insert().values(**row, **asked))
            case 4:
                _answer(connection, chance, row, number, at)


def _answer(connection: sa.Connection, chance: random.Random, row: dict[str, Any], number: int, at: datetime) -> None:
    kind, score = chance.choice(("nps", "csat")), chance.choice((1, 3, 5))
    if number % 2:
        told = {"kind": kind.upper(), "scale": "0-10", "score": chance.choice((score, None))}
        responded = chance.choice((at, None))
        connection.execute(surveys.insert().values(**row, **told, response_id=str(number), responded_at=responded))
        return
    contact = 1 + row["contact_source"] // 2
    mail = {"playbook": "ask", "contact_id": contact}
    moments = dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), at)
    connection.execute(
        enrollments.insert().values(
            **mail, **moments, id=number, version="1", occasion=str(number), facts={}, arm="treated", state="done",
            step="nps",
        )
    )  # fmt: skip
    sent = {"id": str(number), "enrollment_id": number, "step": "nps", "attempt": 1, "action": "survey"}
    sent |= {"address": "a@x.example", "mailer": "outbox", "topic": "lifecycle", "purpose": "marketing"}
    sent |= {"state": "accepted", "claimed_at": at, "local_day": at.date()}
    connection.execute(sends.insert().values(**mail, **sent))
    given = {"kind": kind, "score": score, "answered_at": at, "changed_at": at, "seen_at": at}
    connection.execute(answers.insert().values(send_id=str(number), contact_id=contact, **given))


# --- what tests ask


def people_of(connection: sa.Connection) -> dict[int, Mapping[str, Any]]:
    """Everybody's fields by their full names."""
    firms = {row["id"]: row for row in connection.execute(sa.select(companies)).mappings()}
    rows = connection.execute(sa.select(contacts)).mappings().all()
    return {row["id"]: Circumstances(contact=row, company=firms.get(row["company_id"])).values() for row in rows}


def facts_by_person(connection: sa.Connection) -> dict[int, list[Fact]]:
    """Everybody's facts that count, with those of whoever was merged into them; reckoned without any of the product."""
    merged = dict(connection.execute(sa.select(contacts.c.id, contacts.c.merged_into)).all())
    found: dict[int, list[Fact]] = {id: [] for id in merged}
    for fact in _every_fact(connection):
        found[fact.of].append(fact)
        if (survivor := merged[fact.of]) is not None:
            found[survivor].append(fact)
    return found


def _every_fact(connection: sa.Connection) -> Iterator[Fact]:
    def rows(table: sa.Table) -> Sequence[Any]:
        return connection.execute(sa.select(table)).all()

    for one in rows(events):
        rate = {"JPY": None, "USD": 0.25 if one.at >= datetime(2026, 3, 1, tzinfo=UTC) else 0.5}.get(one.currency, 1.0)
        numbers = {"value": float(one.value or 0) * (rate or 0), "minutes": one.custom.get("minutes", 0)}
        if one.deleted_at is None:
            yield Fact("events", 1 + one.contact_source // 2, one.at, one.kind, numbers)
    for one in rows(purchases):
        yield Fact("orders", one.contact_id, one.at, None, {"total": float(one.value or 0)})
    for one in rows(tickets):
        if one.deleted_at is None:
            yield Fact("tickets", 1 + one.contact_source // 2, one.created_at)
    for one in rows(answers):
        yield Fact("answers", one.contact_id, one.answered_at, one.kind, {"score": one.score})
    for one in rows(surveys):
        if one.deleted_at is None and one.score is not None:
            at = one.responded_at or one.seen_at
            yield Fact("answers", 1 + one.contact_source // 2, at, one.kind.lower(), {"score": one.score})


def found(connection: sa.Connection, condition: Condition, today: Today = TODAY) -> set[int]:
    """For whom it holds in SQL; everybody is either in or out."""
    joined = sa.select(contacts.c.id).outerjoin_from(contacts, companies, companies.c.id == contacts.c.company_id)
    holds = condition.sql(today)
    inside = set(connection.scalars(joined.where(holds)))
    assert inside.isdisjoint(others := set(connection.scalars(joined.where(sa.not_(holds)))))
    assert len(inside) + len(others) == PEOPLE, "some are neither in nor out"
    return inside


def told(
    connection: sa.Connection, condition: Condition, people: Mapping[int, Mapping[str, Any]], today: Today = TODAY
) -> set[int]:
    """For whom it holds in Python."""
    measured = condition.measured(connection, list(people), today)
    return {id for id, values in people.items() if condition.holds({**values, **measured[id]}, today)}


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
