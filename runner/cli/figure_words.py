"""Trends, segments, cohorts, calculations and the quality of rows as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from runner.cli.sheets import blank_table, plain
from runner.cli.tables import value_of
from runner.kpis import NAMES, Calculated, Cohort, Kpi, TableQuality, Trend, name_of
from runner.kpis.words import between_words, number_words

#: Eight heights of a bar, by which a line of them is a small chart.
_BARS = "▁▂▃▄▅▆▇█"


def trend_table(trends: Sequence[Trend]) -> RenderableType:
    """A figure a line, a period a column, and the course of it as a small chart."""
    if not trends:
        return Text("No figure has a trend.")
    table = blank_table()
    table.add_column("KPI", no_wrap=True)
    table.add_column("", no_wrap=True)
    shown = trends[0].figures[-_COLUMNS:]
    for kpi in shown:
        table.add_column(name_of(kpi.period, trends[0].step), justify="right", no_wrap=True)
    for trend in trends:
        values = [value_of(kpi) for kpi in trend.figures[-_COLUMNS:]]
        table.add_row(Text(trend.figures[-1].name, "bold"), spark([kpi.value for kpi in trend.figures]), *values)
    table.caption = "A period that is over may still change: returns and late rows; --json has each with its interval."
    table.caption_style, table.caption_justify = "dim", "left"
    return table


#: Periods that stand side by side in a terminal; the chart has all.
_COLUMNS = 6


def spark(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1) or 1
    return "".join(" " if value is None else _BARS[round((value - low) / step)] for value in values)


def breakdown_table(beside: Mapping[str, Sequence[Kpi]], field: str) -> RenderableType:
    """A figure a line, a value of the field a column."""
    if not beside:
        return Text(f"Nobody has a {field}.")
    table = blank_table()
    table.add_column("KPI", no_wrap=True)
    for value in beside:
        table.add_column(plain(value), justify="right", no_wrap=True)
    rows = zip(*([kpi for kpi in found if not kpi.part_of] for found in beside.values()), strict=True)
    for kpis in rows:
        table.add_row(Text(kpis[0].name, "bold"), *(_with_cases(kpi) for kpi in kpis))
    table.caption = (
        f"By {field}, below each the number of cases. Of twenty differences one is chance: look at intervals, --json."
    )
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def _with_cases(kpi: Kpi) -> Text:
    return value_of(kpi) if kpi.value is None else value_of(kpi).append(f"\n{kpi.n:,}", "dim")


def cohort_table(cohorts: Sequence[Cohort], *, revenue: bool, currency: str) -> RenderableType:
    """A triangle: a cohort a line, the months after its first order the columns."""
    if not cohorts:
        return Text("Nobody ordered for the first time in these months.")
    table = blank_table()
    table.add_column("First order", no_wrap=True)
    table.add_column("Customers", justify="right", no_wrap=True)
    longest = max(len(cohort.months) for cohort in cohorts)
    for number in range(min(longest, _MONTHS)):
        table.add_column(str(number), justify="right", no_wrap=True)
    for cohort in cohorts:
        cells = [
            _revenue(month.revenue) if revenue else _share(month.customers, cohort.size) for month in cohort.months
        ]
        table.add_row(f"{cohort.month:%b %Y}", f"{cohort.size:,}", *cells[:_MONTHS])
    what = f"Revenue in {currency}" if revenue else "Share of the cohort that ordered"
    table.caption = f"{what} in the so-manieth month after the first order."
    table.caption_style, table.caption_justify = "dim", "left"
    return table


#: Months of a cohort that a terminal shows; `--json` gives all.
_MONTHS = 13


def _share(customers: int, size: int) -> Text:
    share = customers / size
    return Text(f"{100 * share:.0f} %", "dim" if share < 0.05 else "")


def _revenue(amount: float | None) -> Text:
    return Text("–", "dim") if amount is None else Text(f"{amount:,.0f}")


def calculated_table(told: Sequence[Calculated]) -> Table:
    table = blank_table()
    table.add_column("KPI", no_wrap=True)
    table.add_column("Value", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("How", ratio=1)
    for one in told:
        figure = one.figure
        value = "–" if figure.value is None else number_words(figure.value, one.unit)
        interval = between_words(figure.low, figure.high, one.unit)
        table.add_row(Text(one.name, "bold"), value, Text(interval, "dim"), Text(one.formula, "dim"))
    return table


def names_table() -> Table:
    table = blank_table()
    table.add_column("Type", no_wrap=True)
    table.add_column("for", ratio=1)
    for name, meaning in NAMES.items():
        table.add_row(Text(f"{name}=", "bold"), meaning)
    table.caption, table.caption_style = "regulars calculate S=200 E=210 N=30", "dim"
    table.caption_justify = "left"
    return table


def quality_table(found: Sequence[TableQuality]) -> RenderableType:
    """A table a line; what is doubtful in colour."""
    if not found:
        return Text("No rows have come in.")
    table = blank_table()
    table.add_column("Table", no_wrap=True)
    for head in ("Rows", "Missing", "Late", "Duplicate", "Orphan", "Set aside"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("Newest", no_wrap=True)
    table.add_column("What is missing", ratio=1)
    for one in found:
        numbers = (one.missing, one.late, one.duplicate, one.orphan, one.set_aside)
        cells = (Text(f"{number:,}", "yellow" if number else "dim") for number in numbers)
        lacking = ", ".join(f"{name} {number:,}" for name, number in one.missing_in.items())
        newest = f"{one.newest:%Y-%m-%d}" if one.newest else ""
        table.add_row(one.table, f"{one.rows:,}", *cells, newest, Text(lacking, "dim"))
    table.caption = (
        "Late: seen more than 3 days after it happened. Duplicate: alike in all but its id. "
        "Orphan: of somebody or an order that has not come."
    )
    table.caption_style, table.caption_justify = "dim", "left"
    return table
