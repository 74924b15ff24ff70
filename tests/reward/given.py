"""Worlds with a loyalty or a referral programme, and what people see of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.records import Event, Order
from runner.store.ours import CARRIES
from runner.store.tables import contacts, events, friends, points
from tests.core.world import World, utc


def with_settings(world: World, more: str) -> World:
    """The same world, its settings longer."""
    path = world.folder / "regulars.yaml"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    world.reopen()
    return world


def bought(world: World, who: str, at: str, total: str = "50", id: str = "", code: str | None = None) -> None:
    order = id or f"{who}-{at}"
    world.hear(Order(order_id=order, contact_id=who, total=Decimal(total), ordered_at=utc(at), referral_code=code))


def told(world: World, who: str, kind: str, at: str, value: str | None = None, **custom: Any) -> None:
    amount = None if value is None else Decimal(value)
    world.hear(Event(event_id=f"{kind}-{who}-{at}", contact_id=who, kind=kind, at=utc(at), value=amount, custom=custom))


def person(world: World, who: str) -> Any:
    (row,) = world.rows(sa.select(contacts).where(contacts.c.key == f"crm:{who}"))
    return row


def ledger(world: World, who: str) -> list[tuple[str, int]]:
    """Somebody's points in the order in which they were written: by which rule, how many."""
    of = sa.select(points.c.rule, points.c.points).where(points.c.contact_id == person(world, who).id)
    return [(rule, int(amount)) for rule, amount in world.rows(of.order_by(points.c.id))]


def happened(world: World) -> list[str]:
    """What Regulars told of itself: `ada tier_up gold`."""
    chosen = sa.select(events).where(events.c.connector == "regulars").order_by(events.c.id)
    return [
        " ".join([row.contact_id, row.kind, *(str(row.custom[name]) for name in CARRIES if name in row.custom)])
        for row in world.rows(chosen)
    ]


def states(world: World) -> list[tuple[str, str | None]]:
    """Each friend's state, and why."""
    return [(row.state, row.reason) for row in world.rows(sa.select(friends).order_by(friends.c.id))]
