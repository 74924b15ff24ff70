"""The pages in a real browser, the size of a small phone, with JavaScript switched off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.store.tables import answers, suppressions
from runner.web import Desk, create_app
from tests.web.conftest import path_of, served
from tests.web.given import letter, only, person

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE = {"width": 320, "height": 640}


def test_a_survey_is_answered_by_thumb_without_javascript(page: Page, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    browser = page.context.browser
    assert browser is not None
    with served(create_app(desk)) as url, browser.new_context(java_script_enabled=False, viewport=PHONE) as phone:
        page = phone.new_page()
        page.goto(url + path_of(desk.links.answer("s-1", ada, 9)))
        assert page.get_by_role("radio", name="9", exact=True).is_checked()
        boxes = [page.get_by_role("radio").nth(n).bounding_box() for n in range(11)]
        assert all(box and box["x"] + box["width"] <= 320 and min(box["width"], box["height"]) >= 40 for box in boxes)
        page.get_by_role("radio", name="0", exact=True).check()
        page.get_by_label("What is the main reason").fill("too slow")
        page.get_by_role("button", name="Send my answer").click()
        assert page.get_by_role("heading", name="Thank you").is_visible()
        page.get_by_role("link", name="Change my answer").click()
        assert page.get_by_role("radio", name="0", exact=True).is_checked()
    assert (only(desk.store, answers)["score"], only(desk.store, answers)["comment"]) == (0, "too slow")


def test_a_survey_is_answered_from_the_keyboard(page: Page, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    with served(create_app(desk)) as url:
        page.goto(url + path_of(desk.links.answer("s-1", ada, 3)))
        for key in ("Tab", "ArrowRight", "Tab", "x", "Tab", "Enter"):
            page.keyboard.press(key)
        page.get_by_role("heading", name="Thank you").wait_for()
    assert (only(desk.store, answers)["score"], only(desk.store, answers)["comment"]) == (4, "x")


def test_unsubscribing_takes_one_button_and_coming_back_a_tick(page: Page, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    with served(create_app(desk)) as url:
        page.goto(url + path_of(desk.links.unsubscribe("s-1", ada)))
        page.get_by_role("button", name="Stop the mail").click()
        page.get_by_role("link", name="Get mail again").click()
        page.get_by_label("may write to me again").check()
        page.get_by_role("button", name="Get mail again").click()
        assert page.get_by_role("heading", name="You get mail").is_visible()
    assert only(desk.store, suppressions)["lifted_by"] == "preferences page"


def test_topics_are_chosen_by_thumb_without_javascript(page: Page, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    topics = {"lifecycle": "Tips on what you bought", "news": "News and offers"}
    browser, there = page.context.browser, replace(desk, settings=desk.settings.model_copy(update={"topics": topics}))
    assert browser is not None
    with served(create_app(there)) as url, browser.new_context(java_script_enabled=False, viewport=PHONE) as phone:
        page = phone.new_page()
        page.goto(url + path_of(desk.links.unsubscribe("s-1", ada)))
        page.get_by_role("link", name="Choose what you get instead").click()
        tick = page.get_by_role("checkbox", name="News and offers").locator("..").bounding_box()
        assert tick is not None
        assert tick["height"] >= 44
        page.get_by_text("News and offers").click()
        page.get_by_role("button", name="Keep my choice").click()
        assert page.get_by_role("status").inner_text() == "Your choice is kept."
        assert [box.is_checked() for box in page.get_by_role("checkbox").all()] == [True, False]
