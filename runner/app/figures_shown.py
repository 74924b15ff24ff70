"""The figures of a page: as they were counted and kept last, or counted now where nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from runner import clock, kpis
from runner.app.app import App
from runner.app.clockwork import last_moment
from runner.app.figuring import Question, figures
from runner.kpis import GOALS, Kpi, Period, Step, TableQuality, Trend
from runner.store.tables import contacts, cursors

#: Nights that may have failed before figures are counted in the visit itself.
NIGHTS = 3
#: With more people than this nobody waits for figures to be counted in a visit: the night brings them.
COUNTED_AT_ONCE = 200_000
#: Periods of a trend.
DRAWN = {Step.MONTHS: 12, Step.QUARTERS: 8, Step.YEARS: 3}


@dataclass(frozen=True, slots=True)
class Shown:
    """Some figures of one period."""

    period: Period
    figures: Sequence[Kpi]
    #: They will be counted in the night: here are too many people to count in a visit.
    is_awaited: bool = False


def shown(app: App, keys: Sequence[str] | None) -> Shown:
    """The last 90 days; `keys` None: all figures."""
    now, zone = last_moment(app), app.settings.timezone
    usual = kpis.default_period(now, zone)
    with app.store.read() as connection:
        for nights in range(NIGHTS + 1):
            back = timedelta(days=nights)
            period = Period(usual.start - back, usual.end - back)
            if told := kpis.kept(connection, period=period, settings=app.settings, keys=keys):
                return Shown(period, _in_order(told, keys))
        many = connection.scalar(sa.select(sa.func.max(contacts.c.id))) or 0
    if many > COUNTED_AT_ONCE:
        return Shown(usual, [], is_awaited=True)
    asked = keys or tuple(measure.key for measure in kpis.KPIS)
    return Shown(usual, figures(app, Question(keys=asked)))


def trends(app: App, keys: Sequence[str], step: Step = Step.MONTHS) -> Mapping[str, Trend]:
    """How figures went, by key, as far back as they are kept; counted now where people are few enough to wait for."""
    with app.store.read() as connection:
        many = connection.scalar(sa.select(sa.func.max(contacts.c.id))) or 0
        found = kpis.trend(
            connection,
            step=step,
            many=DRAWN[step],
            as_of=last_moment(app),
            settings=app.settings,
            keys=keys,
            as_told=True,
            counts=many <= COUNTED_AT_ONCE,
        )
    return {one.figures[0].key: one for one in found if any(kpi.value is not None for kpi in one.figures)}


def _in_order(told: Sequence[Kpi], keys: Sequence[str] | None) -> Sequence[Kpi]:
    """As they were asked for; the parts behind the figure that they are of."""
    if keys is None:
        return told
    place = {key: number for number, key in enumerate(keys)}
    return sorted(told, key=lambda one: place.get(one.key.partition(".")[0], len(place)))


def by_goal(figures: Sequence[Kpi], app: App) -> Mapping[str, Sequence[Kpi]]:
    """The figures under the goal each tells of; the account's own choice under no heading but its own."""
    if app.settings.kpis.show:
        return {"What you chose to see": figures}
    goals = {key: words for goal in app.settings.kpis.goals for words, keys in [GOALS[goal]] for key in keys}
    found: dict[str, list[Kpi]] = {}
    for one in figures:
        found.setdefault(_heading(goals.get(one.key.partition(".")[0], "")), []).append(one)
    return found


def _heading(goal: str) -> str:
    return f"To {goal}" if goal else "What the playbooks brought, and what you aim at"


# --- what the figures rest on


class Quality:
    """The state of the rows, looked at anew when a sync has brought others: a look at every row takes its time."""

    def __init__(self) -> None:
        self._seen: object = None
        self._told: list[TableQuality] = []

    def of(self, app: App) -> list[TableQuality]:
        with app.store.read() as connection:
            synced = connection.scalar(sa.select(sa.func.max(cursors.c.synced_at)))
            if self._seen is None or self._seen != synced:
                self._told, self._seen = kpis.quality(connection), synced or clock.machine_now()
        return self._told
