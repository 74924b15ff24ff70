"""Everybody can use the pages behind the login: axe-core finds nothing against WCAG 2.2 AA, and nothing sticks out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

from connectors.base import Verdict
from runner.web import Desk, create_app
from tests.console.conftest import ADA, PASSWORD, admit
from tests.console.test_pages import BIRTHDAY, BORN, TODAY
from tests.core.world import Postbox, World, all_of, utc
from tests.web.conftest import served
from tests.web.test_accessible import RULES

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

PHONE: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1280, "height": 800}
PATHS = (
    *("/", "/playbooks", "/playbooks/birthday", "/playbooks/braked/approve", "/log", "/contacts"),
    *(
        "/contacts/1",
        "/kpis?all",
        "/kpis",
        "/kpis/crr",
        "/kpis/mrr?by=years",
        "/effect",
        "/playbooks/birthday/effect",
        "/quality",
        "/answers",
        "/deliverability",
        "/settings",
        "/unsure",
        "/tasks",
    ),
)


def lived_in(world: World) -> None:
    """Something stands on every page."""
    world.people("ada", "bo", birthday=BORN)
    world.order("ada", utc("2026-04-01 10:00"), total="25")
    world.answer("ada", 9, utc("2026-04-02 10:00"))
    task = "  - create_task: {subject: Call her, due: in 1 day}\n  - wait: 3 days\n  - stop: enough\n"
    world.playbook("todo", f"{BIRTHDAY}actions:\n{task}")
    world.playbook("birthday", BIRTHDAY)
    world.playbook("braked", BIRTHDAY + "brake: {people: 1, share: 1%, at_least: 1}\n")
    world.playbook("broken", "trigger: {nonsense: {}}\n")
    world.mailer = Postbox(lambda mailing: all_of(mailing, Verdict.UNSURE, "the answer was lost"))
    world.tick(TODAY)
    admit(world)


def found_by_axe(page: Page) -> list[str]:
    return [
        f"{urlsplit(page.url).path} {one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in Axe().run(page, options=RULES).response["violations"]
    ]


def test_axe_finds_nothing_on_any_page_on_a_phone_and_in_the_dark(page: Page, world: World) -> None:
    lived_in(world)
    found: list[Any] = []
    with served(create_app(Desk.of(world.app))) as url:
        page.goto(f"{url}/login")
        found += found_by_axe(page)
        page.get_by_label("Address").fill(ADA)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="It runs").wait_for()
        # What the dark changes is colours, which all pages share: every fourth shows them.
        for size, scheme, some in ((PHONE, "light", PATHS), (WIDE, "dark", PATHS[::4])):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for path in some:
                page.goto(url + path)
                found += found_by_axe(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    assert found == []


def test_by_the_keyboard_alone_somebody_pauses_a_playbook(page: Page, world: World) -> None:
    lived_in(world)
    with served(create_app(Desk.of(world.app))) as url:
        page.goto(f"{url}/playbooks/birthday")
        page.keyboard.press("Tab")
        page.get_by_label("Address").focus()
        page.keyboard.type(ADA)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="birthday").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        page.keyboard.press("Enter")
        while page.evaluate("document.activeElement.textContent") != "Pause":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Pause “birthday”?").wait_for()
        while page.evaluate("document.activeElement.textContent") != "Pause":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("birthday is paused").wait_for()
