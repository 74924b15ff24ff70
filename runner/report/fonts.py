"""The letters a PDF is set in: DejaVu Sans where the system has it, else Vera, which comes with reportlab."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from unicodedata import normalize

#: Where systems keep DejaVu, whose letters are Latin, Greek and Cyrillic.
_PLACES = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/TTF", "/usr/share/fonts/dejavu", "/Library/Fonts")
PLAIN, BOLD = "Regulars", "Regulars-Bold"


@cache
def letters() -> frozenset[int]:
    """Registers the fonts; the letters they have."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    plain, bold = _files()
    for name, file in ((PLAIN, plain), (BOLD, bold)):
        pdfmetrics.registerFont(TTFont(name, file))
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    return frozenset(pdfmetrics.getFont(PLAIN).face.charToGlyph)


def legible(text: str) -> str:
    """The text with letters that the font has: one that it lacks stands without its accent, or as a question mark."""
    return "".join(letter if ord(letter) in letters() else _nearest(letter) for letter in text)


def _nearest(letter: str) -> str:
    bare = normalize("NFKD", letter)[:1]
    return bare if ord(bare) in letters() else "?"


def _files() -> tuple[str, str]:
    for place in map(Path, _PLACES):
        plain, bold = place / "DejaVuSans.ttf", place / "DejaVuSans-Bold.ttf"
        if plain.exists() and bold.exists():
            return str(plain), str(bold)
    return "Vera.ttf", "VeraBd.ttf"
