"""`check` names every mistake in a template with its file, line and advice, before anybody gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.render.given import CONTACT, mjml, person, written

KNOWN = {
    "contact": list(CONTACT),
    "company": ["name"],
    "answer": ["score"],
    "now": None,
    "today": None,
    "currency": None,
}


def told(folder: Path, subject: str = "Hello", preheader: str | None = None, **files: str) -> list[str]:
    templates = written(folder, **files)
    faults = templates.check("email/a", subject, KNOWN, person().context, preheader=preheader)
    return [str(fault) for fault in faults]


def test_a_good_template_has_no_faults(tmp_path: Path) -> None:
    assert (
        told(tmp_path, a_mjml=mjml(text="{% for n in range(3) %}{{ answer_link(n) }}{{ loop.index }}{% endfor %}"))
        == []
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ contact.frist_name }}", "contact.frist_name: contact has no 'frist_name'; did you mean 'first_name'?"),
        ('{{ contact["frist_name"] }}', "contact has no 'frist_name'; did you mean 'first_name'?"),
        ("{{ contcat.email }}", "contcat: nothing here is called 'contcat'; did you mean 'contact'?"),
        ("{{ surveyy() }}", "nothing here is called 'surveyy'; did you mean 'survey'?"),
        ("{{ contact.email|uper }}", "there is no filter 'uper'; did you mean 'upper'?"),
        ("{% if contact.email is emty %}{% endif %}", "there is no test 'emty'"),
        ("{% if contact.nps_score = 3 %}{% endif %}", "compare with =="),
        ("{% if contact.email %}", "close each {% if %}"),
        ("{% include 'email/foot.mjml' %}", "there is no template 'email/foot.mjml'; did you mean 'email/_foot.mjml'?"),
        ("{{ 1 / 0 }}", "divides by zero"),
        ("<mj-buton href='x'>y</mj-buton>", "MJML has no <mj-buton>; did you mean 'mj-button'?"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_advice(tmp_path: Path, text: str, fault: str) -> None:
    (line,) = told(tmp_path, a_mjml=mjml(text="\n\n" + text), _foot_mjml="")
    assert line.startswith("templates/email/a.mjml:3:")
    assert fault in line


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    faults = told(
        tmp_path,
        subject="{{ contact.frist_name }}",
        preheader="{% if %}",
        a_mjml="{% extends 'email/_frame.mjml' %}{% block text %}\n{{ contact.emial }} {{ contact.nps }}{% endblock %}",
        a_de_mjml=mjml(text="{{ contact.vorname }}"),
        a_txt="{{ contact.lastname }}",
        _frame_mjml="{% set ink = 'black' %}\n"
        "<mj-sektion>{{ sendr.name }}{% block text %}{% endblock %}{{ ink }}</mj-sektion>",
    )
    places = [fault.split(" ")[0] for fault in faults]
    assert places == [
        ":",
        ":",
        "templates/email/_frame.mjml:2:1:",
        "templates/email/_frame.mjml:2:16:",
        "templates/email/a.de.mjml:1:70:",
        "templates/email/a.mjml:2:4:",
        "templates/email/a.mjml:2:24:",
        "templates/email/a.txt:1:4:",
    ]


def test_a_missing_template_is_told_with_the_nearest_there_is(tmp_path: Path) -> None:
    assert told(tmp_path, ab_mjml=mjml(), a1_mjml=mjml()) == [
        "templates/email/a.mjml: there is no template 'email/a'; did you mean 'email/ab'?"
    ]


def test_mjml_that_does_not_hold_together_is_a_fault(tmp_path: Path) -> None:
    (fault,) = told(tmp_path, a_mjml="<mjml><mj-body><mj-section></mj-body></mjml>")
    assert fault.startswith("templates/email/a.mjml:1:1: the MJML cannot be read: ")
    assert fault.endswith("look for a tag that is not closed or out of place")


def test_a_subject_that_says_nothing_is_a_fault(tmp_path: Path) -> None:
    (fault,) = told(tmp_path, subject="{{ contact.last_name }}", a_mjml=mjml())
    assert "subject: is empty for a contact of whom nothing is known" in fault


def test_examples_in_comments_are_no_mistakes(tmp_path: Path) -> None:
    text = "{# {{ contact.frist_name }} <mj-buton> #}<!-- <mj-buton> -->"
    assert told(tmp_path, a_mjml=mjml(text=text, more="<mj-raw><mj-odd></mj-odd></mj-raw>")) == []


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml="")
    (tmp_path / "templates/email/a.mjml").write_bytes(b"\xff\xfe<mjml>")
    faults: list[Any] = templates.check("email/a", "Hello", KNOWN, person().context)
    assert [str(fault) for fault in faults] == ["templates/email/a.mjml:1:1: is not UTF-8 text; save it as UTF-8"]
