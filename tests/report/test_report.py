"""A period's report: mailed once, readable without images, and a PDF."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from runner.app.digests import report_on
from runner.kpis import Unit
from runner.kpis.words import number_words
from runner.report import spans_before
from runner.report.fonts import legible
from runner.report.page import page_of, text_of
from tests.core.world import World, utc

DIGEST = "digest: {to: [care@acme.example, boss@acme.example], every: month, at: '08:00'}\nkpis: {minimum_n: 2}"


def sold(world: World) -> None:
    world.people("ada", "bob", "cyd")
    for who in ("ada", "bob", "cyd"):
        world.order(who, utc("2025-03-05"))
    world.order("ada", utc("2026-03-20"))


def test_a_month_is_mailed_once_in_the_morning_after_it(world_with: Callable[[str], World]) -> None:
    world = world_with(DIGEST)
    sold(world)
    for time in ("2026-04-01 07:55", "2026-04-01 08:05", "2026-04-01 09:00", "2026-04-20 09:00"):
        world.tick(time)
    mailed = [(mailing.subject, mailing.letters[0].to.email) for mailing in world.mailer.mailings]
    assert mailed == [("Acme: March 2026", "care@acme.example"), ("Acme: March 2026", "boss@acme.example")]
    kept = (world.folder / "reports" / "2026-03.pdf").read_bytes()
    assert kept.startswith(b"%PDF-")
    files = [(file.name, file.type, file.content) for mailing in world.mailer.mailings for file in mailing.attachments]
    assert files == [("Acme 2026-03.pdf", "application/pdf", kept)] * 2


def test_a_digest_asks_once_a_quarter_whether_targets_are_still_right(world_with: Callable[[str], World]) -> None:
    world = world_with(DIGEST.replace("{minimum_n: 2}", "{reviewed: 2025-12-20}"))
    sold(world)
    for time in ("2026-03-01 08:05", "2026-04-01 08:05"):
        world.tick(time)
    asked = ["Goals and targets were looked at" in mailing.html for mailing in world.mailer.mailings]
    assert asked == [False, False, True, True]
    assert "looked at 102 days ago: are they still right?" in world.mailer.mailings[-1].text


def test_a_machine_that_was_off_makes_up_for_the_last_one_only(world_with: Callable[[str], World]) -> None:
    world = world_with(DIGEST)
    sold(world)
    world.tick("2026-04-01 08:05")
    world.tick("2026-07-09 12:00")
    assert {mailing.subject for mailing in world.mailer.mailings} == {"Acme: March 2026", "Acme: June 2026"}


def test_the_page_has_figures_and_bars_and_nothing_that_readers_drop(world: World) -> None:
    sold(world)
    world.tick("2026-04-02 09:00")
    report = report_on(world.app, per="month", day=utc("2026-04-02").date(), now=utc("2026-04-02 09:00"))
    page = page_of(report)
    assert [row.value for row in report.rows if row.key == "crr"] == ["33.3 %"]
    assert "Customer retention rate" in page
    assert "33.3 %" in page
    assert not [tag for tag in ("<img", "<svg", "<script", "<style", "<link") if tag in page]
    assert "Customer retention rate: 33.3 %" in text_of(report)


def test_an_agency_writes_a_report_a_client(world: World, tmp_path: Path) -> None:
    import json
    from contextlib import redirect_stdout
    from io import StringIO

    from runner.cli.measuring import report

    sold(world)
    world.tick("2026-04-02 09:00")
    out = StringIO()
    with redirect_stdout(out):
        report([world.folder, world.folder], None, "month", "2026-04-02", tmp_path / "clients", True)
    documents = json.loads(out.getvalue())
    assert [document["company"] for document in documents] == ["Acme", "Acme"]
    assert sorted(path.name for path in (tmp_path / "clients").iterdir()) == [
        "workspace-2026-03.html",
        "workspace-2026-03.pdf",
    ]


@pytest.mark.parametrize(
    ("per", "title", "short", "before"),
    [
        ("week", "Week 53 of 2026", "W53", "the week before"),
        ("month", "December 2026", "Dec", "the month before"),
        ("quarter", "Fourth quarter of 2026", "Q4", "the quarter before"),
    ],
)
def test_a_span_is_called_as_people_call_it(per: str, title: str, short: str, before: str) -> None:
    (span,) = spans_before(date(2027, 1, 5), per, 1)
    assert (span.title, span.short, span.before) == (title, short, before)


def test_figures_read_as_people_write_them() -> None:
    assert number_words(0.2875, Unit.RATIO) == "28.8 %"
    assert number_words(-12.4, Unit.POINTS) == "−12"
    assert number_words(1234.5, Unit.MONEY) == "1,234.50"


def test_a_letter_that_no_font_has_is_still_legible() -> None:
    assert legible("Zoë, 5 %") == "Zoë, 5 %"
    assert legible("日 5") == "? 5"
