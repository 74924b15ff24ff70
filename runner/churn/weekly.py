"""Once a week what customers will bring in the year ahead is reckoned and kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from runner import clock
from runner.kpis.ahead import Worth, key_of
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import meta


def keep_worth(store: Store, settings: Settings, now: datetime) -> Worth | None:
    """As of this week's Monday; None where it is kept already."""
    today = clock.local(now, settings.timezone).date()
    monday = today - timedelta(days=today.weekday())
    with store.read() as connection:
        if connection.scalar(sa.select(meta.c.key).where(meta.c.key == key_of(monday))) is not None:
            return None
        from runner.churn.worth import reckoned

        found = reckoned(connection, settings, monday, now)
    with store.write() as connection:
        row = store.insert(meta).values(key=key_of(monday), value=found.document())
        connection.execute(row.on_conflict_do_nothing())
    return found
