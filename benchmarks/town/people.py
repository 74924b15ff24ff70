"""The town's people and what happened to them: each row drawn from the seed, none by chance of the clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.store import Store, migrate
from runner.store.tables import contact_sources, contacts, custom_fields, facts, purchases

#: A Wednesday; every local day's hours have come by then.
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
ZONES = ("Europe/Warsaw", "Europe/London", "Europe/Paris", "UTC")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_CHUNK = 10_000

Row = dict[str, Any]


def settle_in(store: Store, people: int, *, seed: int = 1) -> None:
    """Fills the store: six in ten are customers, whose orders spread over two years; every tenth has answered.

    Every tenth person has a contract, an invoice, a cart, a report and logins, every twentieth a ticket, every fiftieth
    was heard of elsewhere.
    """
    migrate(store)
    draw = random.Random(seed)
    with store.write() as connection:
        connection.execute(
            custom_fields.insert().values(of_table="contacts", name="renewal_date", type="date", connector="crm")
        )
        for first in range(1, people + 1, _CHUNK):
            persons = [_person(id, draw) for id in range(first, min(first + _CHUNK, people + 1))]
            connection.execute(contacts.insert(), persons)
            connection.execute(contact_sources.insert(), [_source(person["id"]) for person in persons])
            for table, made in _FACTS.items():
                if rows := [row for person in persons for row in made(person, draw)]:
                    connection.execute(table.insert(), rows)
    with store.writer.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _before(draw: random.Random, days: int) -> datetime:
    return NOON - timedelta(minutes=draw.randrange(days * 24 * 60))


def _person(id: int, draw: random.Random) -> Row:
    is_customer = draw.random() < 0.6
    since = date(2020, 1, 1) + timedelta(days=draw.randrange(2317))
    ordered = _before(draw, 730) if is_customer else None
    orders = min(1 + draw.randrange(4) * draw.randrange(5), 12) if is_customer else 0
    first = ordered and ordered - timedelta(days=(orders - 1) * 30)
    answered = _before(draw, 365) if id % 10 == 0 else None
    return {
        "id": id,
        "key": f"crm:{id}",
        "draw": draw.random(),
        "email": f"p{id}@acme.example",
        "address": f"p{id}@acme.example",
        "first_name": f"P{id}",
        "zone": ZONES[id % len(ZONES)],
        "bad_timezone": False,
        "created_at": LONG_AGO,
        "birthday": date(1950, 1, 1) + timedelta(days=draw.randrange(20_000)),
        "lifecycle_stage": "customer" if is_customer else "lead",
        "consent": "yes" if id % 3 else "unknown",
        "opted_out": False,
        "is_test": False,
        "custom": {"renewal_date": (date(2026, 1, 1) + timedelta(days=draw.randrange(730))).isoformat()},
        "customer_since": since if is_customer else None,
        "first_order_at": first,
        "last_order_at": ordered,
        "last_order_id": f"shop:{id}" if ordered else None,
        "orders_count": orders,
        "revenue": Decimal(60 * orders) if orders else None,
        "nps_score": float(draw.randrange(11)) if answered else None,
        "nps_at": answered,
        "open_tickets": int(id % 20 == 0),
        "churn_risk": draw.random() if is_customer else None,
        "seen_at": LONG_AGO,
        "changed_at": LONG_AGO,
    }


def _source(id: int) -> Row:
    return {"id": id, "connector": "crm", "source_id": str(id), "contact_id": id, "seen_at": LONG_AGO}


def _fact(person: Row, name: str, **told: Any) -> Row:
    return {
        "connector": "crm", "source_id": f"{name}{person['id']}", "row_hash": "", "seen_at": LONG_AGO,
        "contact_source": person["id"], **told,
    }  # fmt: skip


def _orders(person: Row, _: random.Random) -> Iterator[Row]:
    """The last two: what else there was is in the summary."""
    for number in range(min(person["orders_count"], 2)):
        at = person["last_order_at"] - timedelta(days=30 * number)
        key = f"shop:{person['id']}" + ("" if not number else f"-{number}")
        told = {"order_key": key, "at": at, "total": 60, "net": 60, "value": 60, "seen_at": LONG_AGO}
        yield {"contact_id": person["id"], **told}


def _answers(person: Row, draw: random.Random) -> Iterator[Row]:
    id = person["id"]
    if id % 10 in (0, 1):
        kind, scale, points = ("nps", "0-10", range(11)) if id % 10 == 0 else ("csat", "1-5", range(1, 6))
        at = _before(draw, 365)
        told = {"response_id": f"r{id}", "contact_id": str(id), "kind": kind, "scale": scale}
        yield _fact(person, "r", **told, score=float(draw.choice(points)), sent_at=at, responded_at=at)


def _tickets(person: Row, draw: random.Random) -> Iterator[Row]:
    if (id := person["id"]) % 20 == 0:
        at = _before(draw, 365)
        solved = at + timedelta(days=1) if draw.random() < 0.5 and at < NOON - timedelta(days=1) else None
        yield _fact(person, "t", ticket_id=f"t{id}", contact_id=str(id), created_at=at, solved_at=solved)


def _contracts(person: Row, draw: random.Random) -> Iterator[Row]:
    if (id := person["id"]) % 10 == 2:
        ends = NOON.date() + timedelta(days=draw.randrange(-365, 365))
        renewed = ends if draw.random() < 0.5 and ends < NOON.date() else None
        yield _fact(person, "k", contract_id=f"k{id}", customer_id=str(id), ends_on=ends, renewed_on=renewed)


def _invoices(person: Row, draw: random.Random) -> Iterator[Row]:
    if (id := person["id"]) % 10 == 3:
        due = NOON.date() - timedelta(days=draw.randrange(180))
        paid = due if draw.random() < 0.7 else None
        issued = due - timedelta(days=14)
        yield _fact(
            person, "i", invoice_id=f"i{id}", customer_id=str(id), issued_on=issued, due_on=due, amount=80, paid_on=paid
        )


def _carts(person: Row, draw: random.Random) -> Iterator[Row]:
    if (id := person["id"]) % 10 == 4:
        at = _before(draw, 365)
        bought = at + timedelta(hours=1) if draw.random() < 0.8 else None
        yield _fact(person, "c", cart_id=f"c{id}", contact_id=str(id), created_at=at, checked_out_at=bought, total=80)


def _events(person: Row, draw: random.Random) -> Iterator[Row]:
    if person["id"] % 10 == 5:
        at = _before(draw, 365)
        yield _event(person, "report_sent", 0, at)
        stopped = _before(draw, 180)
        for number in range(draw.randrange(12)):
            yield _event(person, "login", number, stopped - timedelta(days=7 * number))


def _mentions(person: Row, draw: random.Random) -> Iterator[Row]:
    if (id := person["id"]) % 50 == 0:
        yield _fact(person, "m", mention_id=f"m{id}", contact_id=str(id), source="web", text="", at=_before(draw, 365))


def _event(person: Row, kind: str, number: int, at: datetime) -> Row:
    told = {"contact_id": str(person["id"]), "kind": kind, "at": at, "custom": {}}
    return _fact(person, f"{kind}{number}-", event_id=f"{kind}{number}-{person['id']}", **told)


_FACTS: dict[sa.Table, Callable[[Row, random.Random], Iterator[Row]]] = {
    purchases: _orders,
    facts["surveys"]: _answers,
    facts["tickets"]: _tickets,
    facts["contracts"]: _contracts,
    facts["invoices"]: _invoices,
    facts["carts"]: _carts,
    facts["events"]: _events,
    facts["mentions"]: _mentions,
}
