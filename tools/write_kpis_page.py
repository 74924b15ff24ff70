"""Writes the definitions in docs/kpis.md anew from the code that computes them."""

from __future__ import annotations

from pathlib import Path

from runner.kpis.page import with_definitions

PAGE = Path(__file__).parent.parent / "docs" / "kpis.md"

if __name__ == "__main__":
    PAGE.write_text(with_definitions(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
