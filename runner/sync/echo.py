"""What a source says otherwise because we told it so: what playbooks wrote is no change when it comes back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from runner.store.tables import contact_changes, writes
from runner.sync.person import Fields
from runner.sync.rows import Pull

#: A value, and when we decided to tell it.
_Said: TypeAlias = "tuple[Any, datetime]"


def differing(before: Fields, now: Fields) -> Mapping[str, Any]:
    """What the source says now of the fields in which it says something else than before."""
    then, told = _flat(before), _flat(now)
    return {name: told.get(name) for name in {**then, **told} if told.get(name) != then.get(name)}


def told_by_us(connection: sa.Connection, pull: Pull, contact_ids: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
    """What the source was last told of these people's fields and noes by us, and nobody has said otherwise since."""
    w = writes.c
    chosen = sa.select(w.contact_id, w.kind, w.payload, w.claimed_at).where(
        w.contact_id.in_(sorted(contact_ids)), w.target == pull.connector, w.kind.in_(("property", "opt_out"))
    )
    # Also of what is in doubt: that it is read there ends the doubt.
    said = sa.or_(w.state == "accepted", w.handed_at.is_not(None))
    told: dict[int, dict[str, _Said]] = defaultdict(dict)
    for row in connection.execute(chosen.where(said).order_by(w.claimed_at, w.id)) if contact_ids else ():
        fields = row.payload["fields"] if row.kind == "property" else _no_to(row.payload.get("topic"))
        told[row.contact_id] |= {name: (value, row.claimed_at) for name, value in fields.items()}
    _but_gainsaid(connection, told)
    return {id: {name: value for name, (value, _) in fields.items()} for id, fields in told.items()}


def _but_gainsaid(connection: sa.Connection, told: Mapping[int, dict[str, _Said]]) -> None:
    """Takes out what became something else after we had told it: that it is so again is somebody's doing."""
    c = contact_changes.c
    chosen = sa.select(c.contact_id, c.field, c.new, c.at).where(c.contact_id.in_(sorted(told)))
    for row in connection.execute(chosen) if told else ():
        value, at = told[row.contact_id].get(row.field, (row.new, row.at))
        if row.at > at and row.new != value:
            del told[row.contact_id][row.field]


def _flat(fields: Fields) -> dict[str, Any]:
    """Columns, custom fields and noes side by side."""
    columns = {name: value for name, value in fields.items() if name not in ("custom", "opted_out_of")}
    noes = {name: True for topic in fields.get("opted_out_of", ()) for name in _no_to(topic)}
    return columns | dict(fields.get("custom", {})) | noes


def _no_to(topic: str | None) -> dict[str, Any]:
    return {f"no to {topic}" if topic else "opted_out": True}
