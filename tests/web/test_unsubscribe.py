"""One click or one button ends the mail; opening the link does not, and only an explicit yes brings it back."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from runner.store.tables import consents, sends, suppressions
from runner.web import Desk
from tests.web.conftest import path_of
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
