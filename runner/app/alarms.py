"""Figures that have passed the marks of playbooks, looked at once a local day, over periods that are over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from runner import clock, kpis
from runner.app.app import App
from runner.edge import Edge
from runner.kpis import Kpi as Figure
from runner.kpis import Unit
from runner.kpis.words import interval_words, value_words
from runner.playbook import Playbook
from runner.report.spans import Span, spans_before
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import ACCOUNT, alarms, contact_sources, contacts, playbooks
from runner.triggers.kpi import Kpi

#: The local day on which the figures were looked at last.
LOOKED_AT = "alarms_looked_at"
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def raise_alarms(app: App, running: Sequence[Playbook], now: datetime, edge: Edge) -> int:
    """Writes down each alarm that has begun; how many."""
    watching = [one for one in running if isinstance(one.trigger, Kpi)]
    if not watching:
        return 0
    day = clock.local(now, app.settings.timezone).date()
    mark = [day.isoformat(), sorted(f"{one.id} {one.version}" for one in watching)]
    if app.remembered(LOOKED_AT) == mark:
        return 0
    rows: list[dict[str, Any]] = []
    for one in watching:
        with edge.of(one.id, "figures"):
            rows += _begun(app, one, day, now)
    if rows:
        stand_in(app.store, app.settings)
        with app.store.write() as connection:
            connection.execute(app.store.insert(alarms).on_conflict_do_nothing(), rows)
    app.remember(LOOKED_AT, mark)
    return len(rows)


def _begun(app: App, playbook: Playbook, day: date, now: datetime) -> list[dict[str, Any]]:
    """The alarm of the last period, where the one before had none."""
    trigger = playbook.trigger
    assert isinstance(trigger, Kpi)
    spans = spans_before(day, trigger.per, trigger.periods + 1)
    last = spans[0]
    with app.store.read() as connection:
        first = connection.scalar(sa.select(playbooks.c.first_tick_at).where(playbooks.c.id == playbook.id))
        existing = first is None or clock.midnight(last.period.end, app.settings.timezone) <= first
        if existing and trigger.existing == "skip":
            return []
        told = [_figure(connection, app.settings, trigger.key, span, now) for span in spans]
    enough = app.settings.kpis.minimum_n
    # Where nobody has been told yet, it is news also that it has been so for long.
    known = not existing and is_alarming(trigger, told[1:], enough)
    if known or not is_alarming(trigger, told[:-1], enough):
        return []
    figure = told[0]
    assert figure is not None
    return [
        {
            "playbook": playbook.id,
            "key": trigger.key,
            "period": last.name,
            "at": now,
            "name": figure.name,
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "n": figure.n,
            "mark": trigger.mark,
            "told": f"{value_words(figure)}{interval_words(figure, ' ({})')}, n {figure.n:,}",
            "mark_told": value_words(figure, trigger.mark),
        }
    ]


def is_alarming(trigger: Kpi, told: Sequence[Figure | None], enough: int) -> bool:
    """Beyond the mark in every period, or in the last one with its whole interval; never on too few cases."""
    latest = told[0]
    if latest is None or not _counts(latest, enough):
        return False
    near = latest.low if trigger.above is not None else latest.high
    if near is not None and trigger.passed(near):
        return True
    return all(
        one is not None and _counts(one, enough) and one.value is not None and trigger.passed(one.value) for one in told
    )


def _counts(figure: Figure, enough: int) -> bool:
    return figure.value is not None and (figure.unit is Unit.COUNT or figure.n >= enough)


def _figure(connection: sa.Connection, settings: Settings, key: str, span: Span, now: datetime) -> Figure | None:
    found = kpis.compute(connection, period=span.period, as_of=now, settings=settings, keys=[key])
    return next((one for one in found if one.key == key), None)


def stand_in(store: Store, settings: Settings) -> None:
    """The contact that stands for the account: a test contact without address, which no figure counts."""
    row = {"key": ACCOUNT, "first_name": settings.sender.name, "zone": settings.timezone, "is_test": True}
    row |= dict.fromkeys(("created_at", "seen_at", "changed_at"), _ALWAYS)
    with store.write() as connection:
        connection.execute(store.insert(contacts).values(**row).on_conflict_do_nothing())
        own = connection.scalar(sa.select(contacts.c.id).where(contacts.c.key == ACCOUNT))
        connector, _, source_id = ACCOUNT.partition(":")
        source = {"connector": connector, "source_id": source_id, "contact_id": own, "seen_at": _ALWAYS}
        connection.execute(store.insert(contact_sources).values(**source).on_conflict_do_nothing())
