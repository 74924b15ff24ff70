"""A survey's page takes an answer from a person, and nothing from a machine that opens links."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from runner.store.tables import answers, contacts, sends
from runner.web import Desk
from tests.web.conftest import path_of
from tests.web.given import LATER, NOON, letter, only, person, rows


@pytest.fixture
def ada(desk: Desk) -> int:
    found = person(desk.store)
    letter(desk.store, found)
    return found


def chosen(page: str) -> list[str]:
    """The scores that stand selected."""
    return re.findall(r'value="(\d+)" required checked', page)


def test_the_mails_score_stands_chosen_and_nothing_is_kept_yet(client: TestClient, desk: Desk, ada: int) -> None:
    page = client.get(path_of(desk.links.answer("s-1", ada, 0)))
    assert page.status_code == 200
    assert "recommend Acme &amp; Söhne to a friend" in page.text
    assert chosen(page.text) == ["0"]
    assert page.text.count('type="radio"') == 11
    assert rows(desk.store, answers) == []
    assert only(desk.store, sends)["clicked"] is None


def test_an_answer_is_kept_and_thanked_for(client: TestClient, desk: Desk, ada: int) -> None:
    page = client.post(path_of(desk.links.answer("s-1", ada, 9)), data={"score": "0", "comment": "It <b>broke</b>"})
    assert (page.status_code, "Thank you" in page.text) == (200, True)
    assert (only(desk.store, answers)["score"], only(desk.store, answers)["comment"]) == (0, "It <b>broke</b>")
    assert only(desk.store, contacts)["nps_score"] == 0


def test_a_mind_may_be_changed_and_the_words_are_not_lost(client: TestClient, desk: Desk, ada: int) -> None:
    link = path_of(desk.links.survey("s-1", ada))
    client.post(link, data={"score": "9", "comment": "<script>alert(1)</script>"})
    page = client.get(link).text
    assert chosen(page) == ["9"]
    assert "&lt;script&gt;alert(1)" in page
    assert "answered before" in page
    client.post(link, data={"score": "2", "comment": "no"})
    assert only(desk.store, answers)["score"] == 2


@pytest.mark.parametrize("score", ["", "11", "-1", "7.5", "٣", "1e1", "9" * 5000])
def test_what_is_no_score_is_refused_in_words_and_the_comment_stays(
    client: TestClient, desk: Desk, ada: int, score: str
) -> None:
    page = client.post(path_of(desk.links.survey("s-1", ada)), data={"score": score, "comment": "my words"})
    assert page.status_code == 422
    assert "Please choose a number from 0 to 10." in page.text
    assert "my words" in page.text
    assert rows(desk.store, answers) == []


@pytest.mark.parametrize(("kind", "boxes"), [("csat", 5), ("ces", 7), ("exit", 7)])
def test_each_kind_has_its_scale_or_its_reasons(client: TestClient, desk: Desk, kind: str, boxes: int) -> None:
    bob = person(desk.store, "bob@example.org")
    letter(desk.store, bob, "s-2", about=kind)
    assert client.get(path_of(desk.links.survey("s-2", bob))).text.count('type="radio"') == boxes


def test_a_link_of_a_letter_that_is_gone_says_so(client: TestClient, desk: Desk, ada: int) -> None:
    page = client.get(path_of(desk.links.survey("lost", ada)))
    assert (page.status_code, "This link does not work" in page.text) == (404, True)


def test_an_answer_settles_an_unsure_letter(client: TestClient, desk: Desk) -> None:
    bob = person(desk.store, "bob@example.org")
    letter(desk.store, bob, "s-2", state="unsure")
    client.post(path_of(desk.links.survey("s-2", bob)), data={"score": "5"})
    row = only(desk.store, sends)
    assert (row["state"], row["answered_at"], row["claimed_at"]) == ("accepted", LATER, NOON)


def test_a_survey_that_is_closed_says_so_and_keeps_nothing(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, closes_at=NOON - timedelta(days=1))
    link = path_of(desk.links.survey("s-1", ada))
    shown, sent = client.get(link), client.post(link, data={"score": "9"})
    assert (shown.status_code, sent.status_code) == (410, 410)
    assert "survey is closed" in shown.text
    assert rows(desk.store, answers) == []
