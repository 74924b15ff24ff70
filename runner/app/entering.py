"""Who enters at a tick: what each playbook looks at, and whom it finds there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
import structlog

from runner.app import clockwork
from runner.app.app import App
from runner.churn import keeping
from runner.circumstances import ALL_PAUSED, zones_in_use
from runner.conditions import Fields
from runner.edge import Edge
from runner.enroll import Arrivals, Entered, enroll, finish, look, seek, strangers
from runner.news import refused_since
from runner.playbook import Playbook
from runner.settings import Brake
from runner.store.marks import Marks, marks_of
from runner.store.memory import recall
from runner.store.tables import playbooks
from runner.sync import ORDERS_SINCE
from runner.triggers import Window
from runner.waking import Fresh, wake

log = structlog.get_logger()

#: The field that is measured anew now and then.
RISK = "contact.churn_risk"
#: Playbooks with what their tick looks at.
Windows: TypeAlias = "list[tuple[Playbook, Window]]"


def enroll_all(
    app: App,
    running: Sequence[Playbook],
    now: datetime,
    edge: Edge | None = None,
    *,
    fields: Fields | None = None,
    all_over: bool = False,
) -> list[Entered]:
    """Who is new at each playbook's door. `all_over`: everybody is looked at, to see whether anybody is overlooked."""
    edge, brakes = edge or Edge(), brakes_of(app, running)
    looked_at = windows(app, running, now, fields)
    if not looked_at:
        return []
    with app.store.read() as connection:
        marks = marks_of(connection, refused_since=refused_since(looked_at))
        in_full = marks.many or not app.narrows or (all_over and _long_ago(looked_at, now))
        whole = (
            {one.id for one in running} if in_full else strangers(app.store, connection, looked_at, app.settings, edge)
        )
        known = [(playbook, window) for playbook, window in looked_at if playbook.id not in whole]
        sought = seek(app.store, connection, known, app.settings, marks, edge)
    entered, overlooked = [], {}
    for playbook, window in looked_at:
        if edge.has_failed(playbook.id):
            continue
        with edge.of(playbook.id, "enroll"):
            new, missed = _look(app, playbook, window, sought.get(playbook.id), all_over=all_over)
            entered.append(enroll(app.store, playbook, window, app.settings, new, brake=brakes[playbook.id]))
            overlooked[playbook.id] = missed
    # Before the changes are forgotten. What everybody is asked at night mends what a tick may have overlooked.
    wake(app.store, now, None if in_full or all_over else _fresh(marks, looked_at))
    # Who failed is left behind, and looks at everybody the next time.
    if through := [(one, window) for one, window in looked_at if not edge.has_failed(one.id)]:
        finish(app.store, through, app.settings, marks, now, whole)
    if all_over:
        _tell_of_overlooked(app, overlooked, now)
    return entered


def _fresh(marks: Marks, looked_at: Windows) -> Fresh:
    return Fresh(marks, min(window.since for _, window in looked_at))


#: After so long so much is new that a look at what is new would save nothing.
LONG = timedelta(hours=12)


def _long_ago(looked_at: Windows, now: datetime) -> bool:
    return all(now - window.since >= LONG for _, window in looked_at)


def _look(
    app: App, playbook: Playbook, window: Window, among: Sequence[int] | None, *, all_over: bool
) -> tuple[Arrivals, int]:
    """Who of these people is new at the door, and how many others only a look at everybody found."""
    if among is not None and not among and not all_over:
        return Arrivals(among=among), 0
    with app.store.read() as connection:
        new = look(app.store, connection, playbook, window, app.settings, among)
        if among is None or not all_over:
            return new, 0
        everybody = look(app.store, connection, playbook, window, app.settings)
    return everybody, len(set(everybody.contacts) - set(new.contacts))


#: What the nightly look at everybody found, by playbook.
OVERLOOKED = "overlooked"


def _tell_of_overlooked(app: App, overlooked: Mapping[str, int], now: datetime) -> None:
    """Whom only the look at everybody found: the ticks ought to have. They have entered all the same."""
    found = {id: people for id, people in overlooked.items() if people}
    for id, people in found.items():
        log.warning("overlooked so far", action="overlooked", playbook=id, people=people)
    app.remember(OVERLOOKED, {"at": now.isoformat(), "found": found})


def night_has_come(app: App, now: datetime) -> bool:
    """Whether nobody has looked at everybody for a day."""
    last = app.remembered(OVERLOOKED)
    return last is None or now - datetime.fromisoformat(last["at"]) >= timedelta(days=1)


def brakes_of(app: App, running: Sequence[Playbook]) -> dict[str, Brake | None]:
    """How many people each playbook's tick may take in; in a simulated store any number, unless somebody said so."""
    usual = app.settings.brake or (None if app.remembered("clock") == clockwork.SIMULATED else Brake())
    return {playbook.id: playbook.keys.brake or usual for playbook in running}


def all_paused(app: App) -> list[str]:
    """The words for it, where everything is paused."""
    at = app.remembered(ALL_PAUSED)
    if at is None:
        return []
    return [f"everything is paused since {at[:10]}: nobody enters, nothing is sent; `regulars resume` lifts it"]


def windows(app: App, running: Sequence[Playbook], now: datetime, fields: Fields | None = None) -> Windows:
    """What each playbook's tick looks at; paused ones are left out."""
    fields = app.fields() if fields is None else fields
    with app.store.read() as connection:
        if recall(connection, ALL_PAUSED) is not None:
            return []
        orders_since = _instant(recall(connection, ORDERS_SINCE))
        known = {row.id: row for row in connection.execute(_PLAYBOOKS)}
        zones = zones_in_use(connection)
        measured = keeping.measured_since(connection)
    found = []
    for playbook in running:
        row = known.get(playbook.id)
        if row is not None and row.paused_at is not None:
            continue
        first, since = (row.first_tick_at, row.last_tick_at) if row else (now, now)
        first = first if orders_since is None else max(first, orders_since)
        lateness = playbook.keys.max_lateness or app.settings.max_lateness
        first_look = row is None or row.watched != playbook.trigger.watches
        # Scores of another kind have not risen: whom they are high of is as if it had never been looked.
        if measured and measured > since and RISK in playbook.trigger.looks_at(fields):
            first_look = True
        found.append((playbook, Window(first, since, now, lateness, zones, fields, playbook.id, first_look)))
    return found


_PLAYBOOKS = sa.select(playbooks)


def _instant(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)
