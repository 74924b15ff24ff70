"""What a source says otherwise because we told it so: what playbooks wrote is no change when it comes back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from runner.store.tables import writes
from runner.sync.person import Fields
from runner.sync.rows import Pull


def differing(before: Fields, now: Fields) -> Mapping[str, Any]:
    """What the source says now of the fields in which it says something else than before."""
    then, told = _flat(before), _flat(now)
    return {name: told.get(name) for name in {**then, **told} if told.get(name) != then.get(name)}


def told_by_us(connection: sa.Connection, pull: Pull, contact_ids: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
    """What the source was last told of these people's fields and noes, by us."""
    w = writes.c
    chosen = sa.select(w.contact_id, w.kind, w.payload).where(
        w.contact_id.in_(sorted(contact_ids)), w.target == pull.connector, w.kind.in_(("property", "opt_out"))
    )
    # Also of what is in doubt: that it is read there ends the doubt.
    said = sa.or_(w.state == "accepted", w.handed_at.is_not(None))
    told: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(chosen.where(said).order_by(w.claimed_at, w.id)) if contact_ids else ():
        told[row.contact_id] |= row.payload["fields"] if row.kind == "property" else _no_to(row.payload.get("topic"))
    return told


def _flat(fields: Fields) -> dict[str, Any]:
    """Columns, custom fields and noes side by side."""
    columns = {name: value for name, value in fields.items() if name not in ("custom", "opted_out_of")}
    noes = {name: True for topic in fields.get("opted_out_of", ()) for name in _no_to(topic)}
    return columns | dict(fields.get("custom", {})) | noes


def _no_to(topic: str | None) -> dict[str, Any]:
    return {f"no to {topic}" if topic else "opted_out": True}
