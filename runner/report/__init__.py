"""A period's figures for people who do not open a tool: as a page that mail clients show, and as a PDF."""

from __future__ import annotations

from runner.report.report import Report, Row, report_of
from runner.report.spans import Span, spans_before

__all__ = ["Report", "Row", "Span", "report_of", "spans_before"]
