"""A report as a PDF of one or more A4 pages."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape as escaped

from runner.report.fonts import PLAIN, legible, letters
from runner.report.report import Bar, Report, Row

_BLUE, _PALE, _GREY = "#2563eb", "#bfdbfe", "#6b7280"
_MOODS = {"good": "#166534", "bad": "#991b1b"}


def pdf_of(report: Report) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    letters()
    kept = BytesIO()
    page = SimpleDocTemplate(
        kept, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=18 * mm, bottomMargin=18 * mm,
        title=report.title, author=report.company, invariant=1,
    )  # fmt: skip
    told: list[Any] = [
        Paragraph(escape(report.days), _style(9, _GREY)),
        Paragraph(f"<b>{escape(report.company)}</b>", _style(20)),
        Spacer(1, 6 * mm),
    ]
    told += [Paragraph(escape(alarm), _style(10, "#991b1b", below=6)) for alarm in report.alarms]
    told += [_table(report.rows)] if report.rows else []
    if report.effects:
        told.append(Paragraph("<b>What the playbooks changed</b>", _style(12, below=4, above=12)))
        told += [Paragraph(escape(effect), _style(9, below=2)) for effect in report.effects]
    foot = " ".join([*report.notes, f"As known on {report.as_of:%Y-%m-%d}."])
    told.append(Paragraph(escape(foot), _style(7.5, _GREY, above=12)))
    page.build(told)
    return kept.getvalue()


def _table(rows: Sequence[Row]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.platypus import Table

    table = Table([[_words(row), _chart(row.bars)] for row in rows], colWidths=[92 * mm, 78 * mm])
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LINEBELOW", (0, 0), (-1, -1), 0.5, HexColor("#e5e7eb"))])
    return table


def _words(row: Row) -> list[Any]:
    from reportlab.platypus import Paragraph

    rests = row.why or (f"{row.interval} with 95 % certainty, n {row.n:,}" if row.interval else f"n {row.n:,}")
    told = [
        Paragraph(escape(row.name), _style(9.5)),
        Paragraph(f"<b>{escape(row.value)}</b>", _style(18)),
        Paragraph(escape(rests), _style(8, _GREY)),
    ]
    if row.change:
        told.append(Paragraph(escape(row.change), _style(8, _MOODS.get(row.mood, _GREY))))
    if row.status:
        told.append(Paragraph(escape(row.status), _style(8)))
    return told


def _chart(bars: Sequence[Bar]) -> Any:
    from reportlab.graphics.shapes import Drawing, Rect
    from reportlab.lib.colors import HexColor

    width, high = 34, 44
    drawing = Drawing(len(bars) * width, high + 24)
    for number, bar in enumerate(bars):
        left, height = number * width, max(high * bar.height, 1)
        colour = HexColor(_BLUE if bar.is_latest else _PALE)
        drawing.add(Rect(left + 4, 11, width - 8, height, fillColor=colour, strokeColor=None))
        middle = left + width / 2
        drawing.add(_small(middle, height + 14, legible(bar.value)))
        drawing.add(_small(middle, 2, bar.name[2:]))
    return drawing


def _small(middle: float, above: float, text: str) -> Any:
    from reportlab.graphics.shapes import String
    from reportlab.lib.colors import HexColor

    return String(middle, above, text, fontName=PLAIN, fontSize=6, textAnchor="middle", fillColor=HexColor(_GREY))


def escape(text: str) -> str:
    """As reportlab's little markup takes it, in letters that the font has."""
    return escaped(legible(text))


def _style(size: float, colour: str = "#1f2937", *, above: float = 0, below: float = 0) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    return ParagraphStyle(
        f"{size}{colour}{above}{below}", fontName=PLAIN, fontSize=size, leading=size * 1.3,
        textColor=HexColor(colour), spaceBefore=above, spaceAfter=below,
    )  # fmt: skip
