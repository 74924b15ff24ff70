"""Everybody can use the pages: axe-core finds nothing against WCAG 2.2 AA, on a small phone and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

from runner.web import Desk, create_app
from tests.web.conftest import path_of, served
from tests.web.given import NOON, letter, person
from tests.web.test_survey_pages import OWN, asked

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PHONE: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1100, "height": 800}


def paths(desk: Desk) -> Iterator[str]:
    """One of every page that a mail's link leads to."""
    ada = person(desk.store, language="ru")
    for kind in ("nps", "csat", "ces", "exit"):
        letter(desk.store, ada, f"s-{kind}", about=kind)
        yield path_of(desk.links.survey(f"s-{kind}", ada))
    yield path_of(desk.links.answer("s-nps", ada, 3))
    yield asked(desk, {"questions": "own"}, {"own": OWN}, language="de")
    letter(desk.store, ada, "s-closed", closes_at=NOON - timedelta(days=1))
    yield path_of(desk.links.survey("s-closed", ada))
    yield path_of(desk.links.unsubscribe("s-nps", ada))
    yield path_of(desk.links.preferences("s-nps", ada))
    yield path_of(desk.links.review("s-nps", ada))
    yield path_of(desk.links.referral("s-nps", ada))
    yield "/s/none"


def found_by_axe(page: Page) -> list[str]:
    return [
        f"{page.url.rpartition('/')[2][:20]} {one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in Axe().run(page, options=RULES).response["violations"]
    ]


def test_axe_finds_nothing_on_any_page(page: Page, desk: Desk) -> None:
    found: list[Any] = []
    shown = list(paths(desk))
    with served(create_app(desk)) as url:
        # What the dark changes is colours, which all pages share: every third shows them.
        for size, scheme, some in ((PHONE, "light", shown), (WIDE, "dark", shown[::3])):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for path in some:
                page.goto(url + path)
                found += found_by_axe(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    print(f"axe: {len(shown)} pages, some twice, {len(found)} findings")
    assert found == []


def test_axe_finds_nothing_after_a_wrong_answer_and_a_right_one(page: Page, desk: Desk) -> None:
    link = asked(desk, {"questions": "own"}, {"own": OWN})
    with served(create_app(desk)) as url:
        page.goto(url + link)
        page.get_by_role("radio", name="2", exact=True).check()
        assert page.get_by_role("group", name="What was missing?").is_visible()
        page.get_by_label("time", exact=True).check()
        page.get_by_label("tea", exact=True).check()
        page.get_by_label("Gladly").check()
        page.get_by_role("button").click()
        assert page.get_by_role("group", name="What was missing?").get_by_text("only one").is_visible()
        found = found_by_axe(page)
        page.get_by_role("radio", name="4", exact=True).check()
        assert page.get_by_role("group", name="What was missing?").is_hidden()
        page.get_by_role("button").click()
        page.get_by_role("heading", name="Thank you").wait_for()
        found += found_by_axe(page)
    assert found == []
