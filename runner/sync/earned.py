"""What people have by our own count, where the settings say that we count: points and tier."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.settings import Settings
from runner.store.tables import memberships, points
from runner.sync.bulk import any_of
from runner.sync.whose import Whose


def earned_of(connection: sa.Connection, of: Whose, settings: Settings) -> dict[int, dict[str, Any]]:
    """The columns of those who have earned something; a CRM that was told of them may be behind, so ours stand."""
    if settings.loyalty is None:
        return {}
    own: dict[int, dict[str, Any]] = {}
    for contact_id, amount in connection.execute(_EARNED, {"contacts": sorted(of.of_contact)}):
        columns = own.setdefault(of.of_contact[contact_id], {})
        columns["points"] = columns.get("points", Decimal(0)) + amount
    for contact_id, tier in connection.execute(_PLACED, {"people": of.people}):
        own.setdefault(contact_id, {})["tier"] = tier
    return own


_EARNED = sa.select(points.c.contact_id, points.c.points).where(points.c.contact_id.in_(any_of("contacts")))
_PLACED = sa.select(memberships.c.contact_id, memberships.c.tier).where(memberships.c.contact_id.in_(any_of("people")))
