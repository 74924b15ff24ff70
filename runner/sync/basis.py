"""What counts as an order: those of the connectors that bring any, else won deals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from runner.settings import Settings
from runner.store.tables import orders


@dataclass(frozen=True, slots=True)
class Basis:
    """Where purchases come from."""

    #: The connectors whose orders count; none: deals count.
    orders_of: Sequence[str]
    #: The connectors whose won deals count; None: all of them.
    deals_of: Sequence[str] | None

    def document(self) -> dict[str, Any]:
        return {name: list(value) if value is not None else None for name, value in asdict(self).items()}


def basis_of(connection: sa.Connection, settings: Settings) -> Basis:
    """The setting `orders_from`, as far as its connectors have orders."""
    asked = settings.orders_from
    bring = [connector for connector in _with_orders(connection) if asked is None or connector in asked]
    return Basis(tuple(bring), asked)


def _with_orders(connection: sa.Connection) -> list[str]:
    """The connectors that brought an order: one look at the index each, however many orders there are."""
    found: list[str] = []
    while True:
        after = orders.c.connector > (found[-1] if found else "")
        following = connection.scalar(sa.select(sa.func.min(orders.c.connector)).where(after))
        if following is None:
            return found
        found.append(following)
