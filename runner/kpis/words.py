"""Figures as people read them: halves rounded up, a minus sign that is one."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from runner.kpis.measure import Kpi, Unit


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
    if kpi.low is None or kpi.high is None:
        return ""
    low, high = number_words(kpi.low, kpi.unit), number_words(kpi.high, kpi.unit)
    return form.format(f"{low.removesuffix(' %').removesuffix(' d')} to {high}")


def _minutes(minutes: float) -> str:
    """`20 min`, `6.5 h`, `2.3 d`"""
    if minutes < 120:
        return f"{_rounded(minutes, '1')} min"
    return f"{_rounded(minutes / 60, '0.1')} h" if minutes < 48 * 60 else f"{_rounded(minutes / 1440, '0.1')} d"


def _rounded(value: float, to: str) -> Decimal:
    # Twelve digits first: 100 × 0.2875 is 28.749999999999996 to a computer and 28.75 to everybody else.
    return Decimal(f"{value:.12g}").quantize(Decimal(to), ROUND_HALF_UP)
