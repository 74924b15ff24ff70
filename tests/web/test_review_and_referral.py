"""Review pages ask everybody the same; referral pages give each person one code."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from runner.store.tables import contacts, mail_events, sends
from runner.web import Desk
from tests.web.conftest import path_of
from tests.web.given import letter, only, person, rows


def test_a_review_page_leads_to_the_site_that_the_letter_asked_for(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, action="request_review", about="google")
    page = client.get(path_of(desk.links.review("s-1", ada))).text
    assert 'href="https://example.org/write?a=1&amp;b=2"' in page
    assert "Write a review on Google" in page
    assert "Trusted Shops" not in page


def test_a_letter_without_a_site_offers_all_of_them(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, action="request_review", about=None)
    page = client.get(path_of(desk.links.review("s-1", ada))).text
    assert "on Google" in page
    assert "on Trusted Shops" in page


def test_a_visit_is_kept_with_its_evidence_by_which_it_is_judged(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, action="request_review", about="google")
    client.head(path_of(desk.links.review("s-1", ada)))
    assert rows(desk.store, mail_events) == []
    client.get(path_of(desk.links.review("s-1", ada)), headers={"User-Agent": "Scanner/1.0"})
    assert only(desk.store, sends)["clicked"] == "machine"
    kept = only(desk.store, mail_events)
    assert (kept["user_agent"], kept["ip"], kept["told"]) == ("Scanner/1.0", "testclient", "unknown")


def test_a_referral_page_shows_the_persons_code_and_words_to_pass_on(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, action="request_referral", about=None)
    link = path_of(desk.links.referral("s-1", ada))
    (code,) = re.findall(r"<strong>(\w{8})</strong>", client.get(link).text)
    assert code in client.get(link).text
    assert only(desk.store, contacts)["referral_code"] == code
    assert f"mention my code: {code}" in client.get(link).text
