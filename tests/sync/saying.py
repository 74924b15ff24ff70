"""A source that says what a test tells it to, and a store that listens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.base import Cursor, Page, Source
from connectors.records import Company, Contact, Deal, FieldType, Order, Record, Refund, Survey
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import contacts
from runner.sync import Synced, sync

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings(**changed: Any) -> Settings:
    sender = {"name": "Acme", "email": "hello@acme.example", "address": "1 Main St"}
    told = {"public_url": "http://localhost", "secret": "long enough", "sender": sender, "mail": {"type": "outbox"}}
    return Settings(**{**told, **changed})


class Saying(Source):
    """Yields these pages, whatever it is asked."""

    type = "saying"

    def __init__(
        self, *pages: Page, fields: Mapping[str, FieldType] | None = None, breaks: Exception | None = None
    ) -> None:
        self.pages = pages
        self.fields = fields or {}
        self.breaks = breaks
        self.asked: list[Cursor | None] = []

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        self.asked.append(cursor)
        for page in self.pages:
            self.calls += 1
            yield page
        if self.breaks:
            raise self.breaks

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        return {"contacts": self.fields} if self.fields else {}


def page(*records: Record, table: str = "", **more: Any) -> Page:
    return Page(table or records[0].table, records, more.pop("cursor", {"at": 1}), **more)


def hear(store: Store, *records: Record, of: str = "crm", now: datetime = NOW, **more: Any) -> Synced:
    """One sync in which connector `of` says these records, a page a table."""
    tables: dict[str, list[Record]] = {}
    for record in records:
        tables.setdefault(record.table, []).append(record)
    pages = [page(*rows) for rows in tables.values()]
    return listen(store, Saying(*pages, fields=more.pop("fields", None)), of=of, now=now, **more)


def listen(store: Store, source: Source, *, of: str = "crm", now: datetime = NOW, **more: Any) -> Synced:
    chosen = more.pop("settings", None) or settings()
    rank = more.pop("rank", ("crm", "shop"))
    return sync(store, of, source, settings=chosen, full=more.pop("full", False), now=now, rank=rank, **more)


def person(id: str, **told: Any) -> Contact:
    return Contact(contact_id=id, created_at=datetime(2025, 1, 1, tzinfo=UTC), **told)


def company(id: str, **told: Any) -> Company:
    return Company(company_id=id, name=told.pop("name", "Acme"), **told)


def order(id: str, contact: str, total: str, at: datetime = datetime(2026, 1, 5, tzinfo=UTC), **told: Any) -> Order:
    return Order(order_id=id, contact_id=contact, total=Decimal(total), ordered_at=at, **told)


def refund(id: str, amount: str, at: datetime = datetime(2026, 2, 1, tzinfo=UTC), **told: Any) -> Refund:
    return Refund(refund_id=id, amount=Decimal(amount), refunded_at=at, **told)


def deal(id: str, **told: Any) -> Deal:
    told = {"stage": "closedwon", "is_won": True, "created_at": datetime(2025, 12, 1, tzinfo=UTC), **told}
    return Deal(deal_id=id, **told)


def survey(id: str, contact: str, score: float | None, at: datetime | None, **told: Any) -> Survey:
    told = {"kind": "nps", "scale": "0-10", **told}
    return Survey(response_id=id, contact_id=contact, score=score, responded_at=at, **told)


def rows(store: Store, table: sa.Table, **where: Any) -> Sequence[Any]:
    with store.read() as connection:
        chosen = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
        return connection.execute(chosen.order_by(*table.primary_key)).all()


def contact(store: Store, key: str) -> Any:
    return rows(store, contacts, key=key)[0]
