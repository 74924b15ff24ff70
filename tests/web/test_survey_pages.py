"""What a playbook makes of a survey's page: questions of its own, what is asked after which score, how it ends."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from runner.store.tables import answers, enrollments, playbook_versions, sends
from runner.web import Desk, create_app
from tests.web.conftest import path_of
from tests.web.given import LATER, NOON, letter, only, person, rows

OWN = {
    "questions": [
        {"id": "useful", "ask": {"en": "How useful?", "de": "Wie nützlich?"}, "type": "rating", "to": 4},
        {"id": "missing", "ask": "What was missing?", "type": "choices", "options": ["time", "tea"], "choose": 1,
         "at_most": 2},
        {"id": "again", "ask": "Again?", "type": "choice", "options": {"yes": "Gladly", "no": "Never"}},
        {"id": "words", "ask": "Anything else?", "type": "text", "optional": True},
    ],
    "thanks": [{"at_most": 2, "say": "We are sorry."}, {"say": "Lovely.", "button": "More", "url": "https://a.example/"}],
}  # fmt: skip


def asked(desk: Desk, step: dict[str, Any], surveys: dict[str, Any] | None = None, **columns: Any) -> str:
    """The link of a survey that went out to Ada, as a playbook asked for it."""
    ada = person(desk.store, f"ada{len(rows(desk.store, sends))}@example.org", **columns)
    survey = {"id": "ask", "template": "email/nps", **step}
    body = {"name": "n", "trigger": {"manual": {}}, "surveys": surveys or {}, "actions": [{"survey": survey}]}
    name = step["questions"]
    send = letter(desk.store, ada, f"s-{ada}", about=(surveys or {})[name].get("kind", name))
    with desk.store.write() as connection:
        connection.execute(sa.update(enrollments).values(version=f"v{ada}").where(enrollments.c.contact_id == ada))
        version = {"playbook": "nps", "version": f"v{ada}", "body": body, "at": NOON}
        connection.execute(sa.insert(playbook_versions).values(**version))
    return path_of(desk.links.survey(send, ada))


def text_of(page: str) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", page)


def test_a_playbooks_own_questions_are_asked_and_their_answers_kept(client: TestClient, desk: Desk) -> None:
    link = asked(desk, {"questions": "tasting"}, {"tasting": OWN})
    assert "How useful?" in client.get(link).text
    form = {"score": "2", "q-missing": ["tea"], "q-again": "yes", "q-words": " A chair "}
    page = client.post(link, data=form).text
    assert "We are sorry." in page
    kept = only(desk.store, answers)
    assert (kept["kind"], kept["score"]) == ("tasting", 2)
    assert kept["details"] == {"useful": 2, "missing": ["tea"], "again": "yes", "words": "A chair"}
    assert 'value="tea" checked' in client.get(link).text


def test_every_wrong_answer_is_told_at_its_question_and_nothing_is_kept(client: TestClient, desk: Desk) -> None:
    link = asked(desk, {"questions": "tasting"}, {"tasting": OWN})
    assert 'href="#score">How useful?' in client.post(link, data={}).text
    page = client.post(link, data={"score": "2", "q-missing": ["time", "tea"], "q-again": "maybe"})
    assert page.status_code == 422
    assert re.findall(r'id="(\w+)-fault">([^<]+)', page.text) == [
        ("missing", "Please choose only one."),
        ("again", "Please choose from the answers shown."),
    ]
    assert rows(desk.store, answers) == []


def test_what_is_asked_after_low_scores_only_is_not_wanted_after_high_ones(client: TestClient, desk: Desk) -> None:
    link = asked(desk, {"questions": "tasting"}, {"tasting": OWN})
    page = client.post(link, data={"score": "4", "q-missing": "tea", "q-again": "yes"}).text
    assert "Lovely." in page
    assert 'href="https://a.example/"' in page
    assert only(desk.store, answers)["details"] == {"useful": 4, "again": "yes"}


@pytest.mark.parametrize(("score", "question"), [(3, "do better"), (8, "made it a 9 or 10"), (10, "like most")])
def test_the_question_below_depends_on_the_score(client: TestClient, desk: Desk, score: int, question: str) -> None:
    ada = person(desk.store)
    letter(desk.store, ada)
    page = client.get(path_of(desk.links.answer("s-1", ada, score))).text
    (shown,) = re.findall(r'<label class="words [^"]* now[^>]*>([^<]+)', page)
    assert question in shown


def test_a_playbook_words_the_question_below_and_the_next_step(client: TestClient, desk: Desk) -> None:
    ours = {"kind": "nps", "follow_up": [{"at_most": 6, "ask": {"de": "Was fehlt?", "en": "What is missing?"}}]}
    link = asked(desk, {"questions": "ours"}, {"ours": ours}, language="de-CH")
    page = client.get(link).text
    assert "Was fehlt?" in page
    assert '<html lang="de">' in page
    client.post(link, data={"score": "6", "comment": "Tee"})
    assert only(desk.store, answers)["kind"] == "nps"


def test_a_leaver_chooses_a_reason_by_a_tap_in_the_mail(client: TestClient, desk: Desk) -> None:
    bob = person(desk.store, "bob@example.org")
    letter(desk.store, bob, "s-2", about="exit")
    link = path_of(desk.links.answer("s-2", bob, "price"))
    assert 'value="price" checked' in client.get(link).text
    assert "choose a reason" in client.post(link, data={}).text
    assert "Your answer: The price" in client.post(link, data={"reason": "price", "comment": "twice as much"}).text
    assert (only(desk.store, answers)["reason"], only(desk.store, answers)["score"]) == ("price", None)


def test_a_reminders_link_answers_the_survey_that_it_reminds_of(client: TestClient, desk: Desk) -> None:
    ada = person(desk.store)
    letter(desk.store, ada, closes_at=LATER + timedelta(days=1))
    letter(desk.store, ada, "s-2", action="reminder", reminds="s-1")
    client.post(path_of(desk.links.answer("s-1", ada, 9)), data={"score": "9"})
    again = path_of(desk.links.answer("s-2", ada, 3))
    assert "You have answered before" in client.get(again).text
    page = client.post(again, data={"score": "3"}).text
    assert "You can change it until 5 May 2026" in page
    assert (only(desk.store, answers)["send_id"], only(desk.store, answers)["score"]) == ("s-1", 3)


def test_pages_are_in_the_contacts_language_else_in_the_browsers(client: TestClient, desk: Desk) -> None:
    ada, bob = person(desk.store, language="pl"), person(desk.store, "bob@example.org", language="xx")
    letter(desk.store, ada)
    letter(desk.store, bob, "s-2")
    wishes = {"Accept-Language": "xx, fr;q=0.8, de;q=0.9"}
    assert '<html lang="pl">' in client.get(path_of(desk.links.survey("s-1", ada)), headers=wishes).text
    assert "Antwort senden" in client.get(path_of(desk.links.survey("s-2", bob)), headers=wishes).text
    assert "Dieser Link" in client.get("/s/none", headers=wishes).text


def test_pages_are_branded_by_a_workspaces_own(desk: Desk) -> None:
    own: Path = desk.templates_folder / "pages"
    own.mkdir(parents=True)
    (own / "base.html").write_text("{% block main %}{% endblock %}<i>our foot</i>")
    ada = person(desk.store)
    letter(desk.store, ada)
    page = TestClient(create_app(desk)).get(path_of(desk.links.survey("s-1", ada))).text
    assert "our foot" in page
    assert page.count('type="radio"') == 11
