"""A report as one HTML page that mail clients show: tables and coloured cells, no image, no script, no style sheet.

Many mail readers drop inline SVG and show no image before somebody allows it; a cell with a height and a colour they
all show.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from runner.report.report import Report


def page_of(report: Report) -> str:
    return _template().render(report=report)


def text_of(report: Report) -> str:
    """The same in plain words."""
    lines = [report.title, report.days, ""]
    lines += [f"! {alarm}" for alarm in report.alarms]
    for row in report.rows:
        told = row.why or ", ".join(part for part in (row.interval, f"n {row.n:,}") if part)
        lines.append(f"{row.name}: {row.value} ({told})" + (f"; {row.change}" if row.change else ""))
    return "\n".join([*lines, "", *report.effects, "", *report.reminders, "", *report.notes]).strip() + "\n"


@cache
def _template() -> Template:
    source = files("runner.report").joinpath("report.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)
