"""Renders every mail template for a sample customer and photographs it: wide, on a phone, and in the dark.

    python tools/screenshots.py FOLDER [TEMPLATE …] [--language de]

Needs Chromium; the pictures in docs/screenshots/ were made with it.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from connectors.base import Address
from runner.links import Links
from runner.render import Person, Templates
from runner.settings import Sender

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = {
    "contact": {
        "id": 4711,
        "first_name": "Marta",
        "points": 120,
        "customer_since": date(2025, 11, 22),
        "first_order_at": datetime(2025, 11, 22, 10, 5, tzinfo=UTC),
        "last_order_at": datetime(2026, 11, 17, 18, 20, tzinfo=UTC),
        "renewal_date": date(2026, 12, 22),
    },
    "answer": {"score": 4, "comment": None},
    "cart": {"url": "https://acme.example/cart"},
    "event": {
        "tier": "gold",
        "tier_before": "silver",
        "falls_on": date(2026, 12, 22),
        "points": 120.0,
        "expires_on": date(2026, 12, 1),
        "friend": "Bob",
        "coupon": "TEN-7Q4K",
        "reward": "a voucher for 10 €",
    },
    "invoice": {"invoice_id": "2026-118", "due_on": date(2026, 11, 19)},
    "ticket": {"subject": "Where is my order?"},
    "expected": {"words": "3 working hours", "hours": 3, "by": datetime(2026, 11, 23, 12, 0, tzinfo=UTC), "n": 120},
    "now": datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
    "today": date(2026, 11, 22),
}
SHAPES = {"wide": (640, "light"), "phone": (360, "light"), "small": (320, "light"), "dark": (640, "dark")}


def main(folder: Path, wanted: list[str], language: str | None) -> None:
    sender = Sender(name="Acme Tea", email="hello@acme.example", address="1 Main St, Springfield")
    templates = Templates(ROOT / "templates", Links("https://hello.acme.example", ["sample"]), sender)
    person = Person("0199f0c2a1b47c3d", Address("marta@example.com", "Marta Nowak"), language, SAMPLE)
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        program = os.environ.get("REGULARS_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name in wanted or templates.names():
            _, html, text = templates.preview(name, "A sample", person)
            stem = f"{Path(name).name}-{language}" if language else Path(name).name
            (folder / f"{stem}.html").write_text(html, encoding="utf-8")
            (folder / f"{stem}.txt").write_text(text, encoding="utf-8")
            for shape, (width, scheme) in SHAPES.items():
                page = browser.new_page(viewport={"width": width, "height": 400}, color_scheme=scheme)
                page.set_content(html)
                page.screenshot(path=folder / f"{stem}-{shape}.png", full_page=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    told, _, language = " ".join(sys.argv[1:]).partition(" --language ")
    main(Path(told.split()[0]), told.split()[1:], language or None)
