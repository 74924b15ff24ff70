"""Figures as people read them: halves rounded up, a minus sign that is one."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from runner.kpis.measure import Kpi

_PLACES = {"score": "0.01", "number": "0.01", "money": "0.01", "days": "0.1", "points": "1", "minutes": "1"}


def value_words(kpi: Kpi, value: float | None = None) -> str:
    """`8.3 %`, `+41`, `1,203.50 EUR`: the figure's own value, or another one of its kind."""
    said = kpi.value if value is None else value
    if said is None:
        return "–"
    words = number_words(said, kpi.unit.value)
    currency = getattr(kpi, "currency", "")
    return f"{words} {currency}" if currency else words


def number_words(value: float, unit: str) -> str:
    match unit:
        case "ratio":
            return f"{rounded(100 * value, '0.1')} %".replace("-", "−")
        case "points":
            return f"{rounded(value, '1'):+}".replace("-", "−") if rounded(value, "1") else "0"
        case "count":
            return f"{int(value):,}"
        case "days":
            return f"{rounded(value, '0.1'):,} days"
        case "minutes":
            return f"{rounded(value, '1'):,} minutes"
    return f"{rounded(value, _PLACES.get(unit, '0.01')):,}".replace("-", "−")


def interval_words(kpi: Kpi, form: str = "{}") -> str:
    """`7.1 to 9.6 %` within a form; nothing of a figure without an interval."""
    if kpi.low is None or kpi.high is None:
        return ""
    low, high = number_words(kpi.low, kpi.unit.value), number_words(kpi.high, kpi.unit.value)
    unit = next((unit for unit in (" %", " days", " minutes") if high.endswith(unit)), "")
    return form.format(f"{low.removesuffix(unit)} to {high}")


def rounded(value: float, to: str) -> Decimal:
    # Twelve digits first: 100 × 0.2875 is 28.749999999999996 to a computer and 28.75 to everybody else.
    return Decimal(f"{value:.12g}").quantize(Decimal(to), ROUND_HALF_UP)
