"""Security gateways and mail programs open every link of a mail, some in a real browser: that answers nothing."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from connectors.base import Address
from runner.app.starters import starters
from runner.links import Links
from runner.render import Person, Templates, unsubscribe_headers
from runner.store.tables import answers, mail_events, sends, suppressions
from runner.web import Desk, create_app
from tests.web.conftest import path_of, served
from tests.web.given import letter, only, person, rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

GATEWAY = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36"}


def links_of(desk: Desk, url: str, ada: int) -> list[str]:
    """Every address in the NPS mail as it went out, its headers and its text part too, leading to the server."""
    links = Links(url, desk.settings.secrets)
    context = {"contact": {"id": ada, "first_name": "Ada"}}
    mail = Templates(starters() / "templates", links, desk.settings.sender)
    _, page, text = mail.preview("email/nps", "One question", Person("s-1", Address("ada@example.org"), None, context))
    headers = unsubscribe_headers(links, "s-1", ada, url)
    found = re.findall(rf"{re.escape(url)}[^\s\"'<>)]+", html.unescape(page) + text + str(headers))
    return list(dict.fromkeys(found))


def unharmed(desk: Desk) -> bool:
    """Nothing was answered, nobody unsubscribed, and no person is said to have clicked."""
    quiet = not rows(desk.store, answers) and not rows(desk.store, suppressions)
    clicked = [event for event in rows(desk.store, mail_events) if event["actor"] == "human"]
    return quiet and not clicked and only(desk.store, sends)["answered_at"] is None


def test_a_scanner_that_follows_all_links_answers_nothing(desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    with served(create_app(desk)) as url, httpx2.Client(headers=GATEWAY, follow_redirects=True) as scanner:
        waiting, seen = links_of(desk, url, ada), Counter[int]()
        mail, opened = len(waiting), set[str]()
        while waiting:
            link = waiting.pop()
            if link in opened or not link.startswith(url):
                continue
            opened.add(link)
            scanner.head(link)
            page = scanner.get(link)
            seen[page.status_code] += 1
            waiting += [urljoin(link, html.unescape(href)) for href in re.findall(r'href="([^"]+)"', page.text)]
        print(f"without JavaScript: {mail} links in the mail, {2 * len(opened)} requests, answers: 0; {dict(seen)}")
        assert mail >= 13
        assert seen[200] == len(opened)
        assert unharmed(desk)
        scanner.post(url + path_of(desk.links.answer("s-1", ada, 9)), data={"score": "9"})
    assert only(desk.store, answers)["score"] == 9


@pytest.mark.parametrize("javascript", [True, False])
def test_a_scanner_with_a_real_browser_answers_nothing(page: Page, desk: Desk, javascript: bool) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    browser = page.context.browser
    assert browser is not None
    asked = Counter[str]()
    with served(create_app(desk)) as url, browser.new_context(java_script_enabled=javascript) as sandbox:
        tab = sandbox.new_page()
        tab.on("request", lambda request: asked.update([f"{request.method} {urlsplit(request.url).netloc}"]))
        links = links_of(desk, url, ada)
        for link in links:
            tab.goto(link, wait_until="load")
            tab.mouse.move(100, 100)
            tab.keyboard.press("Tab")
    print(f"JavaScript {javascript}: {len(links)} links opened, {dict(asked)}, answers: 0")
    # Nothing was asked of anybody else, and nothing but shown.
    assert set(asked) == {f"GET {urlsplit(url).netloc}"}
    assert unharmed(desk)
