"""Review pages ask everybody the same and count who goes on; referral pages give each person a code and a link."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from runner.store.tables import contacts, friends, mail_events, referral_visits, sends, testimonials
from runner.web import Desk, create_app
from tests.web.conftest import PUBLIC_URL, path_of, served
from tests.web.given import LATER, letter, only, person, rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAMME = {
    "landing": "https://shop.example/new?lang=de",
    "reward": {"en": "10 € off", "de": "10 € Rabatt"},
    "leaderboard": True,
}


def with_programme(desk: Desk, **more: Any) -> Desk:
    written = desk.settings.model_dump(exclude_unset=True, by_alias=True) | {"secret": "a secret of some length"}
    return replace(desk, settings=type(desk.settings).model_validate(written | {"referrals": PROGRAMME | more}))


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A workspace with a referral programme."""
    return with_programme(desk)


def visitor(desk: Desk) -> TestClient:
    return TestClient(create_app(desk), base_url=PUBLIC_URL, raise_server_exceptions=False, follow_redirects=False)


# --- reviews


def test_a_review_page_leads_to_the_site_that_the_letter_asked_for(desk: Desk) -> None:
    ada, client = person(desk.store), visitor(desk)
    letter(desk.store, ada, action="request_review", about="google")
    link = path_of(desk.links.review("s-1", ada))
    page = client.get(link).text
    assert "Write a review on Google" in page
    assert "Trusted Shops" not in page
    (button,) = re.findall(r'class="button" href="([^"]+)"', page)
    assert client.get(f"/r/{button}").headers["location"] == "https://example.org/write?a=1&b=2"


def test_who_goes_on_to_the_site_is_counted_apart_from_who_opened_the_page(desk: Desk) -> None:
    ada, client = person(desk.store), visitor(desk)
    letter(desk.store, ada, action="request_review", about="google")
    link = path_of(desk.links.review("s-1", ada))
    client.get(link)
    client.get(f"{link}/google")
    assert [row["url"] for row in rows(desk.store, mail_events)] == ["review", "review:google"]
    assert client.get(f"{link}/elsewhere").status_code == 404


def test_a_letter_without_a_site_offers_all_of_them_but_those_that_are_off(desk: Desk) -> None:
    reviews = {"sites": {**desk.settings.reviews.sites, "locals": "https://www.yelp.de/writeareview/acme"}}
    written = desk.settings.model_dump(exclude_unset=True, by_alias=True) | {"secret": "a secret of some length"}
    desk = replace(desk, settings=type(desk.settings).model_validate(written | {"reviews": reviews}))
    ada = person(desk.store)
    letter(desk.store, ada, action="request_review", about=None)
    link = path_of(desk.links.review("s-1", ada))
    page = visitor(desk).get(link).text
    assert "on Google" in page
    assert "on Trusted Shops" in page
    assert "Locals" not in page
    assert visitor(desk).get(f"{link}/locals").status_code == 404


def test_a_visit_is_kept_with_its_evidence_by_which_it_is_judged(desk: Desk) -> None:
    ada, client = person(desk.store), visitor(desk)
    letter(desk.store, ada, action="request_review", about="google")
    client.head(path_of(desk.links.review("s-1", ada)))
    assert rows(desk.store, mail_events) == []
    client.get(path_of(desk.links.review("s-1", ada)), headers={"User-Agent": "Scanner/1.0"})
    assert only(desk.store, sends)["clicked"] == "machine"
    kept = only(desk.store, mail_events)
    assert (kept["user_agent"], kept["ip"], kept["told"]) == ("Scanner/1.0", "testclient", "unknown")


def test_words_to_show_are_kept_with_the_sentence_agreed_to_and_can_be_taken_back(desk: Desk) -> None:
    ada, client = person(desk.store, language="de"), visitor(desk)
    letter(desk.store, ada, action="request_review", about="own")
    link = path_of(desk.links.review("s-1", ada))
    given = {"words": "It came early", "video": "https://v.example/1", "shown_as": "Ada L."}
    assert client.post(link, data=given).status_code == 422
    assert rows(desk.store, testimonials) == []
    client.post(link, data={**given, "agree": "yes"})
    kept = only(desk.store, testimonials)
    assert (kept["words"], kept["video"], kept["shown_as"]) == tuple(given.values())
    assert "Acme & Söhne" in kept["consent_words"]
    assert kept["consent_words"] in client.get(link).text.replace("&amp;", "&")
    client.post(link, data={"choice": "withdraw"})
    gone = only(desk.store, testimonials)
    assert (gone["words"], gone["video"], gone["withdrawn_at"]) == (None, None, LATER)


@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "few words"), ({"words": "x", "video": "ftp://v"}, "https://"), ({"words": "x" * 5001}, "shorten")],
)
def test_a_testimonial_that_cannot_be_kept_says_why(desk: Desk, given: dict[str, str], words: str) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, action="request_review", about="own")
    page = visitor(desk).post(path_of(desk.links.review("s-1", ada)), data={"agree": "yes", **given})
    assert page.status_code == 422
    assert words in page.text


# --- referrals


def test_a_referral_page_shows_the_persons_code_and_words_to_pass_on(desk: Desk) -> None:
    ada, client = person(desk.store), visitor(desk)
    letter(desk.store, ada, action="request_referral", about=None)
    link = path_of(desk.links.referral("s-1", ada))
    (code,) = re.findall(r"<strong>(\w{8})</strong>", client.get(link).text)
    assert only(desk.store, contacts)["referral_code"] == code
    assert f"mention my code: {code}" in client.get(link).text


def test_with_a_programme_it_has_a_link_that_leads_a_friend_to_the_shop_with_code_and_visit(shop: Desk) -> None:
    ada, client = person(shop.store, first_name="Ada"), visitor(shop)
    letter(shop.store, ada, action="request_referral", about=None)
    page = client.get(path_of(shop.links.referral("s-1", ada))).text
    link = shop.links.friend(ada)
    assert f'value="{link}"' in page
    assert "you get 10 € off" in page
    theirs = client.get(path_of(link)).text
    assert "Ada gets 10 € off from Acme &amp; Söhne if you buy." in theirs
    german = client.get(path_of(link), headers={"Accept-Language": "de-AT"}).text
    assert "Ada bekommt von Acme &amp; Söhne 10 € Rabatt, wenn Sie kaufen." in german
    (go,) = re.findall(r'class="button" href="([^"]+)"', theirs)
    on = urlsplit(client.get(f"/f/{go}").headers["location"])
    visit = only(shop.store, referral_visits)
    assert (visit["referrer_id"], visit["at"]) == (ada, LATER)
    code = only(shop.store, contacts)["referral_code"]
    assert parse_qs(on.query) == {"lang": ["de"], "ref": [code], "visit": [visit["id"]]}


def test_a_friends_address_is_kept_only_with_their_consent_and_once(shop: Desk) -> None:
    ada, client = person(shop.store), visitor(shop)
    link = path_of(shop.links.friend(ada))
    assert client.post(link, data={"address": "bob@example.org"}).status_code == 422
    assert client.post(link, data={"address": "nobody", "agree": "yes"}).status_code == 422
    assert rows(shop.store, friends) == []
    for _ in range(2):
        assert "counts for A friend" in client.post(link, data={"address": "Bob@example.org ", "agree": "yes"}).text
    kept = only(shop.store, friends)
    assert (kept["address"], kept["state"], kept["consent_at"]) == ("bob@example.org", "invited", LATER)
    assert "may keep my address" in kept["consent_words"]


def test_the_page_tells_what_friends_have_come_to_and_ranks_only_where_asked(shop: Desk) -> None:
    desk_store = shop.store
    ada, eve = person(desk_store), person(desk_store, "eve@example.org")
    others = [person(desk_store, f"p{number}@example.org") for number in range(8)]
    for number, whose in enumerate((ada, eve, eve, *others)):
        friend = {"referrer_id": whose, "came_by": "order", "told_by": f"orders {number}", "state": "rewarded"}
        with shop.store.write() as connection:
            connection.execute(friends.insert().values(**friend, at=LATER - timedelta(days=9), seen_at=LATER))
    letter(shop.store, ada, action="request_referral", about=None)
    link = path_of(shop.links.referral("s-1", ada))
    assert "One friend of yours has bought. That is place 2 among 10 people" in visitor(shop).get(link).text
    quiet = with_programme(shop, leaderboard=False)
    assert "has bought." in visitor(quiet).get(link).text
    assert "place 2" not in visitor(quiet).get(link).text


def test_without_a_programme_nobody_has_a_page_for_friends(desk: Desk) -> None:
    ada = person(desk.store)
    assert visitor(desk).get(path_of(desk.links.friend(ada))).status_code == 404


# --- in a browser


def test_friends_and_witnesses_use_their_pages_by_thumb_without_javascript_and_without_barriers(
    page: Page, shop: Desk
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    ada = person(shop.store, first_name="Ada")
    letter(shop.store, ada, action="request_review", about="own")
    letter(shop.store, ada, "s-2", action="request_referral", about=None)
    links = shop.links.review("s-1", ada), shop.links.referral("s-2", ada), shop.links.friend(ada)
    browser = page.context.browser
    assert browser is not None
    with served(create_app(shop)) as url:
        for link in links:
            page.goto(url + path_of(link))
            assert Axe().run(page).response["violations"] == []
        with browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640}) as phone:
            theirs = phone.new_page()
            theirs.goto(url + path_of(links[0]))
            theirs.get_by_label("Your words").fill("It came early")
            theirs.get_by_label("may show this").check()
            theirs.get_by_role("button", name="Send").click()
            theirs.get_by_role("heading", name="Thank you").wait_for()
            theirs.get_by_role("link", name="Change or take back").click()
            assert theirs.get_by_role("button", name="Take it back").is_visible()
            theirs.goto(url + path_of(links[2]))
            theirs.get_by_label("Your mail address").fill("bob@example.org")
            theirs.get_by_label("may keep my address").check()
            theirs.get_by_role("button", name="Remember my address").click()
            assert theirs.get_by_role("status").is_visible()
            assert theirs.evaluate("document.documentElement.scrollWidth") <= 320
    assert only(shop.store, testimonials)["words"] == "It came early"
    assert only(shop.store, friends)["address"] == "bob@example.org"
