"""What the commands about figures ask of a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from runner import kpis
from runner.app.app import App
from runner.app.clockwork import last_moment
from runner.errors import WrongUsage
from runner.kpis import Cohort, Kpi, Period, Step, TableQuality, Trend
from runner.yaml_file import closest


@dataclass(frozen=True, slots=True)
class Question:
    """Which figures, of whom, over which days, as known when; what is left open takes what is usual."""

    first: date | None = None
    last: date | None = None
    as_of: datetime | None = None
    segment: str | None = None
    keys: Sequence[str] = ()

    def moment(self, app: App) -> datetime:
        """Now; in a simulated store its last tick."""
        return self.as_of or last_moment(app)

    def period(self, app: App) -> Period:
        """The last 90 full days, or as many before the day it is to end."""
        usual = kpis.default_period(self.moment(app), app.settings.timezone)
        end = self.last or usual.end
        return Period(self.first or end - timedelta(days=usual.days), end)

    def wanted(self) -> Sequence[str] | None:
        """The keys asked for; None for all. Raises WrongUsage for one there is not."""
        for key in self.keys:
            if key not in kpis.KEYS and not _is_named(key):
                raise WrongUsage(f"there is no KPI {key!r}; {closest(key, kpis.KEYS)}".rstrip("; "))
        return self.keys or None

    def of_goals(self, app: App) -> Question:
        """The same of the few figures that the settings show or that tell of the account's goals."""
        return replace(self, keys=kpis.shown_by_default(app.settings.kpis))


def _is_named(key: str) -> bool:
    """Whether it is a part that bears a name out of the rows: `exit_reasons.price`."""
    whole, _, part = key.partition(".")
    return bool(part) and any(measure.key == whole and measure.each for measure in kpis.KPIS)


def figures(app: App, question: Question) -> list[Kpi]:
    """The KPIs asked for with their parts; all of them unless some are named here or under `kpis.show`."""
    moment, keys = question.moment(app), question.wanted() or app.settings.kpis.show or None
    with app.store.read() as connection:
        people = kpis.segment_of(connection, question.segment, moment, app.settings) if question.segment else None
        return kpis.compute(
            connection, period=question.period(app), as_of=moment, settings=app.settings, keys=keys, segment=people
        )


def trends(app: App, question: Question, step: Step, many: int) -> list[Trend]:
    """The KPIs asked for over the last periods that are over; those of the goals unless some are named."""
    moment = question.moment(app)
    keys = question.wanted() or kpis.shown_by_default(app.settings.kpis)
    with app.store.read() as connection:
        people = kpis.segment_of(connection, question.segment, moment, app.settings) if question.segment else None
        return kpis.trend(
            connection, step=step, many=many, as_of=moment, settings=app.settings, keys=keys, segment=people
        )


def compared(app: App, question: Question, field: str) -> Mapping[str, list[Kpi]]:
    """The same figures for the people of each value of a field."""
    moment = question.moment(app)
    keys = question.wanted() or kpis.shown_by_default(app.settings.kpis)
    with app.store.read() as connection:
        return kpis.breakdown(
            connection, field, period=question.period(app), as_of=moment, settings=app.settings, keys=keys
        )


def cohorts_of(app: App, question: Question, months: int) -> list[Cohort]:
    """Customers by the month of their first order."""
    moment = question.moment(app)
    with app.store.read() as connection:
        people = kpis.segment_of(connection, question.segment, moment, app.settings) if question.segment else None
        return kpis.cohorts(connection, as_of=moment, settings=app.settings, many=months, segment=people)


def quality_of(app: App) -> list[TableQuality]:
    with app.store.read() as connection:
        return kpis.quality(connection)
