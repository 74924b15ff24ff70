"""Somebody filled a cart and left it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa

from runner.conditions.brought import kept
from runner.duration import Duration, SomeTime
from runner.store.functions import json_object, seconds_after, unindexed
from runner.store.tables import contact_sources, contacts, facts, purchases
from runner.store.types import Instant
from runner.triggers.arrivals import Arrival
from runner.triggers.base import match_columns
from runner.triggers.window import Window

carts = facts["carts"]


class CartAbandoned(Arrival):
    """Fires when a cart has been left for a while, without a checkout and without an order since; once a cart."""

    name: ClassVar[str] = "cart_abandoned"
    example: ClassVar[str] = "cart_abandoned: {after: 4 hours}"
    its_occasion: ClassVar[str] = "the cart"
    silence: ClassVar[str] = "no cart of theirs has been left for so long"

    #: How long after the cart was begun.
    after: SomeTime = Duration(4, "hour")

    @property
    def brings(self) -> Sequence[str]:
        return ("cart",)

    def matches(self, window: Window) -> sa.Select[Any]:
        left = sa.union_all(*self._left(window)).subquery("left_carts")
        facts = json_object("cart", kept("cart", {**left.c}))
        due = seconds_after(left.c.created_at, self.after.span.total_seconds())
        columns = match_columns(contact=left.c.owner_id, occasion=left.c.occasion, occurred_at=due, facts=facts)
        now = window.value(lambda w: w.now, Instant())
        bought = sa.exists().where(
            purchases.c.contact_id == left.c.owner_id, purchases.c.at >= left.c.created_at, purchases.c.at <= now
        )
        return (
            sa.select(*columns)
            .join_from(left, contacts, contacts.c.id == left.c.owner_id)
            .where(sa.or_(left.c.checked_out_at.is_(None), left.c.checked_out_at > now), ~bought)
        )

    def _left(self, window: Window) -> list[sa.Select[Any]]:
        owner = contacts.alias("owner")
        begun = (
            sa.select(
                sa.func.coalesce(owner.c.merged_into, owner.c.id).label("owner_id"),
                (sa.literal("cart ") + carts.c.connector + ":" + carts.c.source_id).label("occasion"),
                *(carts.c[name] for name in ("cart_id", "created_at", "checked_out_at", "total", "currency", "url")),
            )
            .join_from(carts, contact_sources, contact_sources.c.id == unindexed(carts.c.contact_source))
            .join(owner, owner.c.id == contact_sources.c.contact_id)
            .where(carts.c.deleted_at.is_(None), self.told_of(window, carts.c.contact_source))
        )
        return self.arrived(window, begun, carts.c.created_at, carts.c.seen_at, later=self.after.span)

    def says(self) -> str:
        return f"a cart left for {self.after}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return f"a cart of {facts['cart']['created_at'][:10]} left for {self.after}"
