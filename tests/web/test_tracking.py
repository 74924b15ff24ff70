"""Opens and clicks that our own links count: each leads where it was meant to, with its evidence kept."""

from __future__ import annotations

from fastapi.testclient import TestClient

from runner.store.tables import mail_events, sends
from runner.web import Desk
from tests.web.conftest import path_of
from tests.web.given import letter, only, person, rows

TARGET = "https://acme.example/shop?a=1&b=ü#top"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


def test_a_click_is_counted_and_leads_on_to_what_was_signed(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    link = path_of(desk.links.click("s-1", ada, TARGET))
    assert client.head(link, follow_redirects=False).status_code == 302
    assert rows(desk.store, mail_events) == []
    answer = client.get(link, headers=BROWSER, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://acme.example/shop?a=1&b=%C3%BC#top")
    kept = only(desk.store, mail_events)
    assert (kept["kind"], kept["url"], kept["user_agent"]) == ("clicked", TARGET, BROWSER["User-Agent"])


def test_an_open_is_counted_by_a_picture_of_one_pixel(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    picture = client.get(path_of(desk.links.open("s-1", ada)), headers=BROWSER)
    assert (picture.headers["content-type"], picture.content[:6]) == ("image/gif", b"GIF89a")
    assert only(desk.store, sends)["opened"] == "human"


def test_nobody_can_make_a_click_lead_elsewhere(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    there, elsewhere = (path_of(desk.links.click("s-1", ada, to)) for to in (TARGET, "https://evil.example/"))
    forged = elsewhere.rpartition(".")[0] + "." + there.rpartition(".")[2]
    assert client.get(forged, follow_redirects=False).status_code == 404
