"""Photographs the pages of a survey: wide, on a phone, on a small one, and in the dark.

    python tools/page_screenshots.py FOLDER [LANGUAGE …]

Needs Chromium; the pictures in docs/screenshots/ were made with it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from playwright.sync_api import sync_playwright

from runner.actions.questions import STANDARD, Questionnaire
from runner.app.survey_page import survey_values, thanks_values
from runner.collect import Answered, BadAnswer, Said
from runner.render.pages import PageTemplates
from runner.settings import Sender

PAGES = Path(__file__).resolve().parent.parent / "templates" / "pages"
SENDER = Sender(name="Acme Tea", email="hello@acme.example", address="1 Main St, Springfield")
SHAPES = {"wide": (1100, "light"), "phone": (360, "light"), "small": (320, "light"), "dark": (1100, "dark")}
TASTING = Questionnaire.model_validate(
    {
        "questions": [
            {"id": "useful", "ask": "How useful was the tasting?", "type": "rating", "low": "not", "high": "very"},
            {"id": "missing", "ask": "What was missing?", "type": "choices", "options": ["Time", "Tea"], "at_most": 3},
            {"id": "again", "ask": "Would you come again?", "type": "choice", "options": ["Gladly", "No"]},
            {"id": "words", "ask": "Anything else?", "type": "text", "optional": True},
        ],
        "thanks": [{"say": "The next one is in May.", "button": "Keep me a seat", "url": "https://acme.example/seat"}],
    }
)  # fmt: skip


def shown() -> Mapping[str, tuple[str, Mapping[str, object]]]:
    """Each picture's name, its template and what that has to show."""
    refused = BadAnswer("score", lowest=1, highest=5)
    refused.others = (BadAnswer("answer", "again"),)
    closes = date(2027, 5, 3)
    return {
        "nps": ("survey", _asked("nps", Said(score=9))),
        "csat": ("survey", _asked("csat", Said(score=2, comment="It came late."))),
        "ces": ("survey", _asked("ces", Said())),
        "exit": ("survey", _asked("exit", Said(reason="price"))),
        "own": ("survey", _asked("tasting", Said(score=2))),
        "own-refused": ("survey", _asked("tasting", Said(), refused)),
        "thanks": ("thanks", thanks_values(Answered("nps", 9, None, None), closes)),
        "own-thanks": ("thanks", thanks_values(Answered("tasting", 5, None, None, asks=TASTING), closes)),
    }


def _asked(kind: str, said: Said, refusal: BadAnswer | None = None) -> Mapping[str, object]:
    asks = STANDARD.get(kind, TASTING)
    return survey_values(Answered(kind, None, None, None, asks=asks), said, refusal)


def main(folder: Path, languages: list[str]) -> None:
    pages = PageTemplates(PAGES, PAGES, SENDER)
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        program = os.environ.get("REGULARS_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for language in languages or ["en"]:
            for name, (template, values) in shown().items():
                html = pages.render(template, [language], **values, root="./")
                styled = html.replace("</head>", f"<style>{pages.stylesheet()}</style></head>")
                for shape, (width, scheme) in SHAPES.items():
                    page = browser.new_page(viewport={"width": width, "height": 640}, color_scheme=scheme)
                    page.set_content(styled)
                    page.screenshot(path=folder / f"{name}-{language}-{shape}.png", full_page=True)
                    page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
