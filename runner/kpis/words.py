"""Figures as people read them, in a terminal, on a page, in a report: halves rounded up, a minus sign that is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from runner import clock
from runner.kpis.measure import Reason, Unit
from runner.kpis.targets import Alarm, Status
from runner.kpis.told import Kpi

STATUS_WORDS = {
    Status.MET: "met",
    Status.MISSED: "missed",
    Status.UNCLEAR: "short, perhaps by chance",
    Status.TOO_FEW: "too few to judge",
}
#: A value that is clear of its warning needs no word, nor one of too few cases, which its status says.
ALARM_WORDS = {Alarm.CROSSED: "warning", Alarm.PERHAPS: "near a warning"}


def value_words(kpi: Kpi, value: float | None = None) -> str:
    """`8.3 %`, `+41`, `1,203.50 EUR`: the figure's own value, or another one of its kind."""
    said = kpi.value if value is None else value
    if said is None:
        return "–"
    return f"{number_words(said, kpi.unit)} {kpi.currency}".rstrip()


def number_words(value: float, unit: Unit) -> str:
    """The value with its unit."""
    match unit:
        case Unit.RATIO:
            return f"{_rounded(100 * value, '0.1')} %".replace("-", "−")
        case Unit.POINTS:
            points = _rounded(value, "1")
            return f"{points:+}".replace("-", "−") if points else "0"
        case Unit.SCORE:
            return str(_rounded(value, "0.01"))
        case Unit.COUNT:
            return f"{int(value):,}"
        case Unit.MONEY | Unit.NUMBER:
            return f"{_rounded(value, '0.01'):,}".replace("-", "−")
        case Unit.DAYS:
            return f"{_rounded(value, '0.1'):,} d"
        case Unit.MINUTES:
            return _minutes(value)


def interval_words(kpi: Kpi, form: str = "{}") -> str:
    """`7.1 to 9.6 %` within a form; nothing of a figure without an interval."""
    words = between_words(kpi.low, kpi.high, kpi.unit)
    return form.format(words) if words else ""


def between_words(low: float | None, high: float | None, unit: Unit) -> str:
    """`7.1 to 9.6 %`: the unit stands once."""
    if low is None or high is None:
        return ""
    first, last = number_words(low, unit), number_words(high, unit)
    return f"{first.removesuffix(' %').removesuffix(' d')} to {last}"


def target_words(kpi: Kpi) -> str:
    """`≥ 85.0 %`; nothing without a target."""
    if kpi.target is None:
        return ""
    bounds = (("≥", kpi.target.at_least), ("≤", kpi.target.at_most))
    return " ".join(f"{sign} {value_words(kpi, bound)}" for sign, bound in bounds if bound is not None)


def status_words(kpi: Kpi) -> str:
    return STATUS_WORDS[kpi.status] if kpi.status else ""


def alarm_words(kpi: Kpi) -> str:
    """Where the value is beyond what the account wants to be warned of."""
    return ALARM_WORDS.get(kpi.warning.state, "") if kpi.warning and kpi.warning.state else ""


def period_words(kpi: Kpi) -> str:
    """`25 Aug 2026 to 22 Nov 2026`"""
    return f"{_day(kpi.period.start)} to {_day(kpi.period.last_day)}"


def known_words(kpi: Kpi, zone: str) -> str:
    """`90 days, as known on 23 Nov 2026 at 09:00 (Europe/Warsaw)`"""
    days, known = kpi.period.days, clock.local(kpi.as_of, zone)
    counted = f"{days} {'day' if days == 1 else 'days'}"
    return f"{counted}, as known on {_day(known.date())} at {known:%H:%M} ({zone})"


def notes_beside(kpis: Iterable[Kpi]) -> Sequence[str]:
    """What a reader must know beside the numbers, once each, with the figure it is about."""
    own = [kpi for kpi in kpis if not kpi.part_of]
    about: dict[str, list[str]] = {}
    for kpi in own:
        if kpi.note:
            about.setdefault(kpi.note, []).append(kpi.name)
    notes = (f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {note}" for note, names in about.items())
    flattering = (f"{kpi.name} flatters: {kpi.vanity}." for kpi in own if kpi.vanity and kpi.value is not None)
    return (*notes, *flattering)


def lacking_words(kpis: Iterable[Kpi]) -> Sequence[str]:
    """`Needs invoices: Days sales outstanding.`: which figures a table would bring, by table."""
    wanting: dict[tuple[str, ...], list[str]] = {}
    for kpi in kpis:
        if lacks_rows(kpi) and not kpi.part_of:
            wanting.setdefault(kpi.needs, []).append(kpi.name)
    return [f"Needs {' and '.join(needs)}: {', '.join(names)}." for needs, names in wanting.items()]


def lacks_rows(kpi: Kpi) -> bool:
    """Whether nothing of what it counts has ever come in."""
    return kpi.reason is Reason.NO_DATA


def is_worth_a_line(kpi: Kpi) -> bool:
    """Parts that are zero or without value say nothing; a median that is the KPI itself says it twice."""
    return not kpi.part_of or bool(kpi.value and kpi.key != f"{kpi.part_of}.median")


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _minutes(minutes: float) -> str:
    """`20 min`, `6.5 h`, `2.3 d`"""
    if minutes < 120:
        return f"{_rounded(minutes, '1')} min"
    return f"{_rounded(minutes / 60, '0.1')} h" if minutes < 48 * 60 else f"{_rounded(minutes / 1440, '0.1')} d"


def _rounded(value: float, to: str) -> Decimal:
    # Twelve digits first: 100 × 0.2875 is 28.749999999999996 to a computer and 28.75 to everybody else.
    return Decimal(f"{value:.12g}").quantize(Decimal(to), ROUND_HALF_UP)
