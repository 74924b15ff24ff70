"""What became of somebody's points, tier or friends, told as events: they start playbooks as any shop's events do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.records import CustomValue
from runner.store import Store
from runner.store.ours import OURS
from runner.store.tables import contact_sources, events


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of ours; its name makes it happen once."""

    contact_id: int
    kind: str
    name: str
    carries: Mapping[str, CustomValue] = field(default_factory=dict)
    value: Decimal | None = None


def tell(connection: sa.Connection, store: Store, happenings: Sequence[Happening], now: datetime) -> int:
    """Writes them as events, each once; how many are new. Somebody of whom no source tells has none."""
    if not happenings:
        return 0
    sources = sources_of(connection, {one.contact_id for one in happenings})
    rows = [_row(one, sources[one.contact_id], now) for one in happenings if one.contact_id in sources]
    if not rows:
        return 0
    insert = store.insert(events).on_conflict_do_nothing().returning(events.c.id)
    return len(connection.scalars(insert, rows).all())


def sources_of(connection: sa.Connection, people: set[int]) -> dict[int, Any]:
    """The first source row of each of them, to which events point."""
    s = contact_sources.c
    chosen = sa.select(s.contact_id, s.id, s.source_id).where(s.contact_id.in_(sorted(people)))
    rows = connection.execute(chosen.order_by(s.deleted_at.is_not(None).desc(), s.id.desc()))
    return {row.contact_id: row for row in rows}


def _row(one: Happening, source: sa.Row[Any], now: datetime) -> dict[str, Any]:
    carries = {name: value for name, value in one.carries.items() if value is not None}
    return {
        "connector": OURS,
        "source_id": f"{one.kind}:{one.name}",
        "event_id": f"{one.kind}:{one.name}",
        "contact_source": source.id,
        "contact_id": source.source_id,
        "kind": one.kind,
        "at": now,
        "value": one.value,
        "currency": None,
        "custom": carries,
        "row_hash": hashlib.blake2b(ascii(sorted(carries.items())).encode(), digest_size=16).hexdigest(),
        "seen_at": now,
    }
