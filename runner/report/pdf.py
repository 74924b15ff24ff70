"""A report as a PDF of one or more A4 pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape as escaped

from runner.report.fonts import BOLD, PLAIN, legible, letters
from runner.report.report import Bar, Report, Row

_BLUE, _INK, _GREY, _LINE = "#1d4ed8", "#1f2937", "#6b7280", "#e5e7eb"
_INKS = {"good": "#166534", "bad": "#991b1b"}
_PAPERS = {"good": "#dcfce7", "bad": "#fee2e2"}
#: What reportlab leaves free around a page's text, in points.
_PADDING = 6
#: The chart: the width of a bar's place, and how high the highest one is, in points.
_WIDE, _HIGH = 34, 36


def pdf_of(report: Report) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    letters()
    kept = BytesIO()
    page = SimpleDocTemplate(
        kept, pagesize=A4, leftMargin=20 * mm - _PADDING, rightMargin=20 * mm - _PADDING, topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=report.title, author=report.company, invariant=1,
    )  # fmt: skip

    def frame(canvas: Any, _: Any) -> None:
        _frame(canvas, report)

    page.build(list(_story(report)), onFirstPage=frame, onLaterPages=frame)
    return kept.getvalue()


def _story(report: Report) -> Iterator[Any]:
    from reportlab.platypus import KeepTogether, Paragraph

    yield Paragraph(f"<b>{escape(report.company)}</b>", _style(10, _BLUE))
    yield Paragraph(f"<b>{escape(report.span.title)}</b>", _style(24, below=4))
    yield Paragraph(escape(report.lead), _style(10, "#4b5563", below=10))
    yield from (_box(alarm, _INKS["bad"], "#fef2f2", "#dc2626") for alarm in report.alarms)
    if report.rows:
        yield _table(report.rows)
    if report.effects:
        head = Paragraph("<b>What the playbooks changed</b>", _style(12, below=4, above=14))
        first, *others = (Paragraph(escape(effect), _style(9, below=3)) for effect in report.effects)
        yield KeepTogether([head, first])
        yield from others
    yield from (_box(reminder, "#1e3a8a", "#eff6ff", _BLUE) for reminder in report.reminders)
    foot = [f"{report.days}, as known on {report.as_of:%Y-%m-%d}.", *report.notes]
    told = f"{' '.join(foot)} What differs by less than chance makes is called so; grey bars rest on few cases."
    yield Paragraph(escape(told), _style(7.5, _GREY, above=14))


def _frame(canvas: Any, report: Report) -> None:
    """The band above and the line below each page."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm

    wide, high = canvas._pagesize
    canvas.setFillColor(HexColor(_BLUE))
    canvas.rect(0, high - 4 * mm, wide, 4 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor(_GREY))
    canvas.setFont(PLAIN, 7.5)
    canvas.drawString(20 * mm, 12 * mm, legible(report.title))
    canvas.drawRightString(wide - 20 * mm, 12 * mm, f"Page {canvas.getPageNumber()}")


def _box(text: str, ink: str, paper: str, edge: str) -> Any:
    """What must not be overlooked."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, Table

    told = Table([[Paragraph(escape(text), _style(9.5, ink))]], colWidths=[170 * mm], spaceBefore=6, spaceAfter=6)
    told.setStyle([("BACKGROUND", (0, 0), (-1, -1), HexColor(paper)),
                   ("LINEBEFORE", (0, 0), (0, -1), 3, HexColor(edge))])  # fmt: skip
    return told


def _table(rows: Sequence[Row]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.platypus import Table

    chart = max(len(row.bars) for row in rows) * _WIDE
    cells = [[_words(row), _chart(row.bars) if row.bars else ""] for row in rows]
    table = Table(cells, colWidths=[170 * mm - chart, chart])
    table.setStyle([
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LINEBELOW", (0, 0), (-1, -2), 0.5, HexColor(_LINE)),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ])  # fmt: skip
    return table


def _words(row: Row) -> list[Any]:
    from reportlab.platypus import Paragraph

    rests = row.why or (f"{row.interval} with 95 % certainty, n {row.n:,}" if row.interval else f"n {row.n:,}")
    told = [
        Paragraph(escape(row.name), _style(9.5, "#374151")),
        Paragraph(f"<b>{escape(row.value)}</b>", _style(16, "#9ca3af" if row.why else _INK)),
        Paragraph(escape(rests), _style(8, _GREY)),
    ]
    if row.change:
        told.append(Paragraph(escape(row.change), _style(8, _INKS.get(row.mood, _GREY))))
    if row.status or row.target:
        told.append(Paragraph(_standing(row), _style(8, above=2)))
    return told


def _standing(row: Row) -> str:
    """How it stands against its target, as a coloured word."""
    ink, paper = _INKS.get(row.tone, "#4b5563"), _PAPERS.get(row.tone, "#f3f4f6")
    word = (
        f'<font color="{ink}" backColor="{paper}">\u00a0{escape(row.status)}\u00a0</font>\u2002' if row.status else ""
    )
    return f'{word}<font color="{_GREY}">{escape(row.target)}</font>'


def _chart(bars: Sequence[Bar]) -> Any:
    from reportlab.graphics.shapes import Drawing, Line, Rect
    from reportlab.lib.colors import HexColor

    drawing = Drawing(len(bars) * _WIDE, _HIGH + 24)
    for number, bar in enumerate(bars):
        left, height = number * _WIDE, max(_HIGH * bar.height, 0.5)
        colour = HexColor(bar.colour)
        drawing.add(Rect(left + 4, 11, _WIDE - 8, height, rx=1.5, ry=1.5, fillColor=colour, strokeColor=None))
        middle = left + _WIDE / 2
        drawing.add(_small(middle, height + 14, bar.value, bar))
        drawing.add(_small(middle, 2, bar.name, bar))
    drawing.add(Line(2, 11, len(bars) * _WIDE - 2, 11, strokeColor=HexColor(_LINE), strokeWidth=0.5))
    return drawing


def _small(middle: float, above: float, text: str, bar: Bar) -> Any:
    from reportlab.graphics.shapes import String
    from reportlab.lib.colors import HexColor

    font, colour = (BOLD, _BLUE) if bar.is_latest else (PLAIN, _GREY)
    size = 6.5 if len(text) < 8 else 5
    said = legible(text)
    return String(middle, above, said, fontName=font, fontSize=size, textAnchor="middle", fillColor=HexColor(colour))


def escape(text: str) -> str:
    """As reportlab's little markup takes it, in letters that the font has."""
    return escaped(legible(text))


def _style(size: float, colour: str = _INK, *, above: float = 0, below: float = 0) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    return ParagraphStyle(
        f"{size}{colour}{above}{below}", fontName=PLAIN, fontSize=size, leading=size * 1.3,
        textColor=HexColor(colour), spaceBefore=above, spaceAfter=below,
    )  # fmt: skip
