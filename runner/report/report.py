"""What a report tells: few figures with interval and movement, what playbooks changed, what raised an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import hypot
from typing import Any

import sqlalchemy as sa

from runner import clock, kpis
from runner.effect import Effects
from runner.kpis import Kpi, Status, Unit
from runner.kpis.words import STATUS_WORDS, interval_words, number_words, status_words, target_words, value_words
from runner.report.spans import Span, spans_before
from runner.settings import Settings
from runner.store.tables import alarms

#: Periods in each row's bars.
BARS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One period's value in a row's chart; 0 to 1 of the highest."""

    name: str
    value: str
    height: float
    is_latest: bool
    #: Of so few cases that it says little.
    is_vague: bool = False
    #: Drawn upwards as the others are; its colour and its number say that it is below nothing.
    is_negative: bool = False

    @property
    def colour(self) -> str:
        if self.is_vague:
            return "#d1d5db"
        if self.is_negative:
            return "#b91c1c" if self.is_latest else "#f0b6b6"
        return "#1d4ed8" if self.is_latest else "#c7d7f9"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of the period."""

    key: str
    name: str
    value: str
    interval: str
    n: int
    #: Against the period before, in words; and whether that is good, bad or cannot be said.
    change: str
    mood: str
    status: str
    #: The target in words; empty without one.
    target: str
    why: str
    #: None where no period has a value.
    bars: Sequence[Bar]

    @property
    def tone(self) -> str:
        """Whether its standing against the target is good, bad or neither."""
        words = {STATUS_WORDS[Status.MET]: "good", STATUS_WORDS[Status.MISSED]: "bad"}
        return words.get(self.status, "none")


@dataclass(frozen=True, slots=True)
class Report:
    """One workspace's period."""

    company: str
    span: Span
    as_of: datetime
    zone: str
    rows: Sequence[Row]
    #: Sentences on what playbooks changed, and alarms of the period.
    effects: Sequence[str]
    alarms: Sequence[str]
    notes: Sequence[str]
    #: What the account's own people are to look at; in no client's report.
    reminders: Sequence[str] = ()

    @property
    def title(self) -> str:
        return f"{self.company}: {self.span.title}"

    @property
    def lead(self) -> str:
        """What moved, in a sentence."""
        better, worse = (sum(row.mood == mood for row in self.rows) for mood in ("good", "bad"))
        if not better and not worse:
            return f"Against {self.span.before} nothing moved by more than chance makes."
        told = [f"{_many(count)} {word}" for count, word in ((better, "better"), (worse, "worse")) if count]
        return f"Against {self.span.before}, by more than chance makes: {' and '.join(told)}."

    @property
    def days(self) -> str:
        return f"{_day(self.span.period.start)} to {_day(self.span.period.last_day)}"

    def document(self) -> dict[str, Any]:
        """For `report --json`."""
        period = {"from": self.span.period.start.isoformat(), "to": self.span.period.end.isoformat()}
        rows = [
            {"key": row.key, "name": row.name, "value": row.value, "interval": row.interval, "n": row.n}
            | {"change": row.change, "status": row.status}
            for row in self.rows
        ]
        told = {"company": self.company, "span": self.span.name, "period": period, "as_of": self.as_of.isoformat()}
        return told | {"figures": rows, "effects": list(self.effects), "alarms": list(self.alarms)}


def report_of(
    connection: sa.Connection, settings: Settings, effects: Effects, *, per: str, day: date, now: datetime
) -> Report:
    """Of the last full week, month or quarter before a day."""
    spans = spans_before(day, per, BARS)
    keys = kpis.shown_by_default(settings.kpis)
    told = _figures(connection, settings, keys, spans, now)
    rows = [_row(key, [figures.get(key) for figures in told], spans) for key in keys if key in told[0]]
    notes = dict.fromkeys(kpi.note for kpi in told[0].values() if kpi.note and kpi.key in keys)
    return Report(
        company=settings.sender.name,
        span=spans[0],
        as_of=now,
        zone=settings.timezone,
        rows=rows,
        effects=list(_changed(effects)),
        alarms=_raised(connection, settings, spans[0]),
        notes=list(notes),
    )


def _figures(
    connection: sa.Connection, settings: Settings, keys: Sequence[str], spans: Sequence[Span], now: datetime
) -> list[dict[str, Kpi]]:
    periods = [span.period for span in spans]
    found = kpis.compute_each(connection, periods=periods, as_of=now, settings=settings, keys=keys)
    return [{kpi.key: kpi for kpi in figures} for figures in found]


def _row(key: str, figures: Sequence[Kpi | None], spans: Sequence[Span]) -> Row:
    latest, before = figures[0], figures[1]
    assert latest is not None
    change, mood = _moved(latest, before, spans[0].before)
    return Row(
        key=key,
        name=latest.name,
        value=value_words(latest),
        interval=interval_words(latest),
        n=latest.n,
        change=change,
        mood=mood,
        status=status_words(latest),
        target=f"target {target_words(latest)}" if latest.target else "",
        why=latest.why,
        bars=_bars(figures, spans),
    )


def _moved(latest: Kpi, before: Kpi | None, against: str) -> tuple[str, str]:
    """The change and its mood; a change that the intervals do not tell from chance has none."""
    if latest.value is None or before is None or before.value is None:
        return "", "none"
    difference = latest.value - before.value
    sign = "+" if difference > 0 else "−" if difference < 0 else "±"
    amount = number_words(abs(difference), latest.unit)
    if latest.unit is Unit.RATIO:
        amount = f"{100 * abs(difference):.1f} points"
    words = f"{sign}{amount.lstrip('+')} against {against}"
    if not _apart(latest, before):
        return f"{words}, perhaps by chance", "none"
    better = (difference > 0) == (latest.direction is kpis.Direction.HIGHER)
    return words, "none" if latest.direction is kpis.Direction.CONTEXT else "good" if better else "bad"


def _apart(one: Kpi, other: Kpi) -> bool:
    """Whether the interval of the difference leaves 0 out, put together from both (Newcombe; Zou and Donner)."""
    sides = (one.value, one.low, one.high, other.value, other.low, other.high)
    if any(side is None for side in sides):
        return False
    p, l1, u1, q, l2, u2 = (float(side) for side in sides if side is not None)
    return p - q > hypot(p - l1, u2 - q) or q - p > hypot(u1 - p, q - l2)


def _bars(figures: Sequence[Kpi | None], spans: Sequence[Span]) -> list[Bar]:
    """Oldest first."""
    if not any(kpi is not None and kpi.value is not None for kpi in figures):
        return []
    highest = max((abs(kpi.value) for kpi in figures if kpi is not None and kpi.value is not None), default=0.0)
    return [
        Bar(
            span.short,
            "–" if kpi is None else value_words(kpi),
            abs(kpi.value) / highest if kpi is not None and kpi.value is not None and highest else 0.0,
            is_latest=span is spans[0],
            is_vague=kpi is not None and kpi.status is Status.TOO_FEW,
            is_negative=kpi is not None and kpi.value is not None and kpi.value < 0,
        )
        for kpi, span in reversed(list(zip(figures, spans, strict=True)))
    ]


def _changed(effects: Effects) -> Sequence[str]:
    """A sentence a playbook that has a holdout, and one for each guard rail that a playbook has passed."""
    told = []
    for one in effects.playbooks:
        told += [f"{one.playbook} does harm and should be stopped: {rail.words}" for rail in one.harms]
        contrast, verdict = one.contrast, one.judged.verdict
        if contrast.difference is None or contrast.interval is None:
            continue
        points = f"{100 * contrast.difference:+.1f} points ({100 * contrast.interval.low:+.1f} to "
        points += f"{100 * contrast.interval.high:+.1f})".replace("-", "−")
        told.append(f"{one.playbook}: {verdict}; {one.outcome}, {points.replace('-', '−')} against the holdout")
    return told


def _raised(connection: sa.Connection, settings: Settings, span: Span) -> list[str]:
    begin = clock.midnight(span.period.start, settings.timezone)
    rows = connection.execute(sa.select(alarms).where(alarms.c.at >= begin).order_by(alarms.c.at)).all()
    return [f"{row.name} of {row.period}: {row.told}, the mark is {row.mark_told}" for row in rows]


def _many(count: int) -> str:
    return f"{count} figure is" if count == 1 else f"{count} figures are"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
