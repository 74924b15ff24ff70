"""One click or one button ends the mail; opening the link does not, and only an explicit yes brings it back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from runner.circumstances.permission import words_on
from runner.store.tables import consents, sends, suppressions
from runner.web import Desk, create_app
from tests.web.conftest import PUBLIC_URL, path_of
from tests.web.given import letter, only, person, rows


@pytest.fixture
def ada(desk: Desk) -> int:
    found = person(desk.store)
    letter(desk.store, found)
    return found


def test_opening_the_link_shows_a_button_and_unsubscribes_nobody(client: TestClient, desk: Desk, ada: int) -> None:
    page = client.get(path_of(desk.links.unsubscribe("s-1", ada)))
    assert "<button" in page.text
    assert rows(desk.store, suppressions) == []


def test_the_button_unsubscribes(client: TestClient, desk: Desk, ada: int) -> None:
    link = path_of(desk.links.unsubscribe("s-1", ada))
    assert "You are unsubscribed" in client.post(link, data={"choice": "no"}).text
    assert only(desk.store, suppressions)["source"] == "page"
    assert "You are unsubscribed" in client.get(link).text


@pytest.mark.parametrize(
    "form", [{"data": {"List-Unsubscribe": "One-Click"}}, {"files": {"List-Unsubscribe": (None, "One-Click")}}]
)
def test_a_mail_programs_one_click_unsubscribes_at_once(
    client: TestClient, desk: Desk, ada: int, form: dict[str, object]
) -> None:
    answer = client.post(path_of(desk.links.unsubscribe("s-1", ada)), follow_redirects=False, **form)  # type: ignore[arg-type]
    assert (answer.status_code, answer.text) == (200, "unsubscribed\n")
    assert "set-cookie" not in answer.headers
    assert only(desk.store, suppressions)["source"] == "one-click"
    assert only(desk.store, sends)["unsubscribed_at"] is not None


def test_one_click_knows_no_rate_limit(client: TestClient, desk: Desk, ada: int) -> None:
    link = path_of(desk.links.unsubscribe("s-1", ada))
    answers = [client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code for _ in range(80)]
    assert set(answers) == {200}


def test_coming_back_takes_an_explicit_yes(client: TestClient, desk: Desk, ada: int) -> None:
    client.post(path_of(desk.links.unsubscribe("s-1", ada)))
    preferences = path_of(desk.links.preferences("s-1", ada))
    assert "Please tick the box" in client.post(preferences, data={"choice": "yes"}).text
    assert only(desk.store, suppressions)["lifted_at"] is None
    assert "You get mail from" in client.post(preferences, data={"choice": "yes", "agree": "yes"}).text
    assert only(desk.store, suppressions)["lifted_at"] is not None
    assert [row["answer"] for row in rows(desk.store, consents)] == ["no", "yes"]


@pytest.fixture
def choosing(desk: Desk) -> TestClient:
    """A visitor where people may choose among two topics."""
    topics = {"lifecycle": "Tips on what you bought", "news": "News & offers"}
    there = replace(desk, settings=desk.settings.model_copy(update={"topics": topics}))
    return TestClient(create_app(there), base_url=PUBLIC_URL)


def test_a_person_keeps_some_topics_and_turns_off_others(choosing: TestClient, desk: Desk, ada: int) -> None:
    preferences = path_of(desk.links.preferences("s-1", ada))
    assert choosing.get(preferences).text.count(" checked") == 2
    page = choosing.post(preferences, data={"choice": "topics", "topic.lifecycle": "yes", "topic.spam": "yes"}).text
    assert ("Your choice is kept" in page, page.count(" checked")) == (True, 1)
    choosing.post(preferences, data={"choice": "topics", "topic.lifecycle": "yes"})
    assert {row["topic"]: row["answer"] for row in rows(desk.store, consents)} == {"lifecycle": "yes", "news": "no"}
    assert (len(rows(desk.store, consents)), rows(desk.store, suppressions)) == (2, [])


def test_no_topic_is_a_way_back_for_who_stopped_all_mail(choosing: TestClient, desk: Desk, ada: int) -> None:
    choosing.post(path_of(desk.links.unsubscribe("s-1", ada)))
    preferences = path_of(desk.links.preferences("s-1", ada))
    page = choosing.post(preferences, data={"choice": "topics", "topic.news": "yes"}).text
    assert "You are unsubscribed" in page
    assert [row["answer"] for row in rows(desk.store, consents)] == ["no"]


def test_the_unsubscribe_link_takes_no_topics_but_leads_to_them(choosing: TestClient, desk: Desk, ada: int) -> None:
    link = path_of(desk.links.unsubscribe("s-1", ada))
    assert "Choose what you get instead" in choosing.get(link).text
    choosing.post(link, data={"choice": "topics", "topic.news": "yes"})
    assert only(desk.store, suppressions)["reason"] == "unsubscribed"


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("", None),
        ("marketing yes", "yes"),
        ("news no", "no"),
        ("news no, marketing yes", "no"),  # a CRM's yes to all is no yes to what the person turned off
        ("news yes, marketing no", "no"),
        ("news yes, marketing no, marketing yes", "yes"),
        ("marketing no, news yes", "yes"),
        ("other no", None),
    ],
)
def test_the_word_on_a_topic_goes_before_the_word_on_all_mail(said: str, counts: str | None) -> None:
    words = [(1, *one.split()) for one in said.split(", ") if one]
    assert words_on(words, "news").get(1) == counts


def test_the_unsubscribe_link_takes_no_yes(client: TestClient, desk: Desk, ada: int) -> None:
    link = path_of(desk.links.unsubscribe("s-1", ada))
    client.post(link)
    client.post(link, data={"choice": "yes", "agree": "yes"})
    assert only(desk.store, suppressions)["lifted_at"] is None


def test_whoever_complained_is_told_whom_to_write_to(client: TestClient, desk: Desk, ada: int) -> None:
    from runner import collect
    from tests.web.given import LATER, MailEventKind, event

    collect.events(desk.store, "sendgrid", [event(MailEventKind.COMPLAINED)], LATER)
    page = client.get(path_of(desk.links.preferences("s-1", ada))).text
    assert "write to hello@acme.example" in page
    assert "<form" not in page
