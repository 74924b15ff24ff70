"""Figures as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from runner.cli.sheets import blank_table
from runner.kpis import KPIS, Alarm, Kpi, Status, Unit
from runner.kpis.words import (
    alarm_words,
    interval_words,
    is_worth_a_line,
    known_words,
    lacking_words,
    lacks_rows,
    notes_beside,
    number_words,
    period_words,
    status_words,
    target_words,
)

_STATUS_COLOURS = {
    Status.MET: "green",
    Status.MISSED: "red",
    Status.UNCLEAR: "yellow",
    Status.TOO_FEW: "yellow",
}
_ALARM_COLOURS = {Alarm.CROSSED: "bold red", Alarm.PERHAPS: "yellow"}


#: So many figures without any rows stand each in a line; more of them together below.
_LACKING = 3


def kpi_table(kpis: Sequence[Kpi], *, zone: str = "UTC", more: bool = False) -> RenderableType:
    """The figures of one period with interval and cases; parts that are zero or without value are left out.

    `more`: they are a few of all there are.
    """
    if not kpis:
        return Text("No KPI was asked for.")
    table = blank_table()
    table.add_column("KPI", no_wrap=True)
    for head in ("Value", "95 % interval", "n"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("Target", ratio=1, min_width=18)
    lacking = [kpi for kpi in kpis if lacks_rows(kpi) and not kpi.part_of]
    gathered = lacking_words(lacking) if len(lacking) > _LACKING else ()
    left_out = [f"These are the figures of your goals; all {len(KPIS)}: regulars kpis --all"] if more else ()
    table.caption = "\n".join([*gathered, *notes_beside(kpis), *left_out]) or None
    table.caption_style, table.caption_justify = "dim", "left"
    for kpi in filter(is_worth_a_line, kpis):
        name = Text(f"  {kpi.name}", "dim") if kpi.part_of else Text(kpi.name, "bold")
        if not (gathered and lacks_rows(kpi)):
            table.add_row(name, *_cells(kpi))
    return Group(_heading(kpis[0], zone), table)


def _heading(kpi: Kpi, zone: str) -> Text:
    return Text(period_words(kpi), "bold").append(f"  {known_words(kpi, zone)}", "dim").append("\n")


def _cells(kpi: Kpi) -> tuple[RenderableType, RenderableType, RenderableType, RenderableType]:
    if kpi.value is None:
        return Text("–", "dim"), "", _number(kpi.n) if kpi.n else "", Text(kpi.why, "dim")
    interval = Text(interval_words(kpi), "dim")
    cases = "" if kpi.unit is Unit.COUNT else _number(kpi.n)
    value = Text(number_words(kpi.value, kpi.unit)).append(f" {kpi.currency}" if kpi.currency else "", "dim")
    return value, interval, cases, _against_target(kpi)


def value_of(kpi: Kpi) -> Text:
    """The value alone, a dash without one."""
    return Text("–", "dim") if kpi.value is None else Text(number_words(kpi.value, kpi.unit))


def _against_target(kpi: Kpi) -> Text:
    words = [(target_words(kpi), "")]
    if kpi.warning is not None and kpi.warning.state is not None:
        words.append((alarm_words(kpi), _ALARM_COLOURS.get(kpi.warning.state, "")))
    if kpi.status is not None:
        words.append((status_words(kpi), _STATUS_COLOURS[kpi.status]))
    return Text("  ").join(Text(said, colour) for said, colour in words if said)


def _number(number: int) -> str:
    return f"{number:,}"
