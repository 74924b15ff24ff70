"""A batch has few skeletons, and everybody gets exactly what rendering their letter alone would give."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError

from runner.render import Person, RenderFault, Templates
from tests.render import random_templates
from tests.render.given import (
    LINKS,
    REPOSITORY,
    SENDER,
    mailings,
    mjml,
    person,
    received,
    shared,
    without_tags,
    written,
)

STARTERS = Templates(REPOSITORY / "templates", LINKS, SENDER)

#: What people really are called, and what somebody may put into a form to see what happens.
NAMES = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "Ada", "O'Hare", 'Jo "Jo" <b>&amp;</b>', "Zoë", "陳", "שרה", "👩‍👩‍👧", "a  b", " x", "x\n\ny"]
    ),
    st.sampled_from(
        [
            "{{ 7*7 }}",
            "{% raw %}",
            "&copy",
            "&#65;x",
            "</mj-text>",
            "<!--",
            "]]>",
            "-r",
            "%",
            "\\1",
            "\x00\x1f",
            "\u00a0",
            "\ud800",
        ]
    ),
    st.text(max_size=12),
    st.text("<>&\"' -r.0ab=/;#x\n\t", max_size=12),
)
PEOPLE = st.lists(st.tuples(NAMES, NAMES, st.none() | st.integers(0, 10).map(float)), min_size=2, max_size=5)

NASTY = {
    "everywhere": mjml(
        head="<mj-title>{{ contact.first_name }}</mj-title><mj-preview>{{ contact.last_name }}</mj-preview>",
        text="{{ contact.first_name }}{{ contact.last_name }} "
        "<b title='{{ contact.first_name }}'>{{ contact.email }}</b>",
        more='<mj-button href="https://x.example/?a={{ contact.last_name }}&b=1">{{ contact.first_name }}</mj-button>'
        '<mj-image src="https://x.example/{{ contact.email }}" alt="{{ contact.last_name }}"/>'
        "<mj-raw><p>{{ contact.first_name }}</p></mj-raw>",
    ),
    "where values decide": mjml(
        head="<mj-style>a[href] { color: red } p:empty { color: blue } .{{ contact.id }} { top: 0 }</mj-style>",
        text="<!-- {{ contact.last_name }} --><p style='width: {{ contact.nps_score }}px'>{{ contact.last_name }}</p>"
        "<p class='{{ contact.last_name }}'><a href='{{ contact.first_name }}'>{{ contact.first_name }}</a></p>",
        more='<mj-divider padding="{{ contact.nps_score or 0 }}px" />',
    ),
    "captured": "{% macro shout(x) %}<b>{{ x|upper }}</b>{% endmacro %}"
    "{% macro box() %}<i>{{ caller()|lower }}</i>{% endmacro %}"
    + mjml(
        text="{{ shout(contact.first_name) }}{% filter upper %}{{ contact.last_name }}{% endfilter %}"
        "{% set both %}{{ contact.first_name }}!{% endset %}{{ both }} {{ both|length }}"
        "{% call box() %}{{ contact.last_name }}{% endcall %}"
        "{% autoescape false %}{{ contact.email }}{% endautoescape %}",
    ),
    "filters and paths": mjml(
        text="{% if contact.nps_score > 6 %}high {{ contact.nps_score }}{% else %}low{% endif %}"
        "{% for n in range((contact.nps_score or 0)|int) %}<a href='{{ answer_link(n) }}'>{{ n }}</a>{% endfor %}"
        "{{ contact.first_name|title }} {{ contact.last_name|default('friend')|e }} {{ 'Hi ' ~ contact.first_name }}"
        "{{ contact.first_name|replace('a', '<i>')|safe if contact.nps_score == 3 }}",
    ),
}

#: None, and limits that some letters pass.
LIMITS = st.sampled_from([{}, {"max_keys": 3}, {"max_bytes": 120}])
#: Random templates, each with random people. REGULARS_EXAMPLES=5000 looks longer.
EXAMPLES = int(os.environ.get("REGULARS_EXAMPLES", "60"))

#: A layout and a template that bend what they inherit.
BENT = {
    "_frame_mjml": mjml(
        text="{% block hello %}Hi {{ contact.first_name }}{% endblock %}"
        "{% block more %}{{ contact.last_name }}{% endblock %}"
    ),
    "_line_mjml": "{{ contact.last_name }}, {{ contact.email }}",
    "a_mjml": "{% extends 'email/_frame.mjml' %}"
    "{% block hello %}{{ super() }} {{ super()|upper }} {{ self.more()|length }}"
    "{% filter title %}{% include 'email/_line.mjml' %}{% endfilter %}{% include 'email/_line.mjml' %}{% endblock %}"
    "{% block more %}{% for part in [[1, [2]]] recursive %}{{ contact.first_name }}"
    "{{ loop(part[1:])|upper if part is sequence }}{% endfor %}{% endblock %}",
}


def people(names: list[tuple[Any, Any, Any]]) -> list[Person]:
    return [
        person(number, first_name=first, last_name=last, email=f"{number}@x.example", nps_score=score)
        for number, (first, last, score) in enumerate(names)
    ]


def assert_everybody_gets_their_own(templates: Templates, batch: list[Person], template: str, **limits: int) -> None:
    subject, preheader = "{{ contact.first_name }}: {{ contact.last_name or 'you' }}", "For {{ contact.first_name }}"
    rendered = mailings(templates, batch, template=template, subject=subject, preheader=preheader, **limits)
    mails = received(rendered)
    assert not [f for f in rendered.faults if f.send_id in mails]
    for one in batch:
        if one.send_id in mails:
            assert mails[one.send_id] == templates.preview(template, subject, one, preheader=preheader)
        else:
            assert one.send_id in {fault.send_id for fault in rendered.faults}
            with pytest.raises((OSError, ValueError, TypeError, ArithmeticError, TemplateError)):
                templates.preview(template, subject, one, preheader=preheader)


@pytest.mark.parametrize("template", STARTERS.names())
@settings(max_examples=6, deadline=None)
@given(names=PEOPLE)
def test_a_starter_mail_is_what_rendering_it_alone_gives(template: str, names: list[tuple[Any, Any, Any]]) -> None:
    assert_everybody_gets_their_own(STARTERS, people(names), template)


@pytest.mark.parametrize("nasty", NASTY)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=PEOPLE, limits=LIMITS)
def test_so_is_a_mail_that_puts_values_in_nasty_places(
    tmp_path: Path, nasty: str, names: list[tuple[Any, Any, Any]], limits: dict[str, int]
) -> None:
    templates = written(tmp_path, a_mjml=NASTY[nasty])
    assert_everybody_gets_their_own(templates, people(names), "email/a", **limits)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=PEOPLE)
def test_so_are_plain_html_and_a_text_part_of_its_own(tmp_path: Path, names: list[tuple[Any, Any, Any]]) -> None:
    html = "<style>b { color: red }</style><p>Hi {{ contact.first_name }} <b>{{ contact.last_name }}</b></p>"
    templates = written(tmp_path, a_html=html, a_txt="Hi {{ contact.first_name }} & {{ contact.last_name|upper }}\n")
    assert_everybody_gets_their_own(templates, people(names), "email/a")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=PEOPLE)
def test_so_is_a_mail_that_bends_what_it_inherits(tmp_path: Path, names: list[tuple[Any, Any, Any]]) -> None:
    assert_everybody_gets_their_own(written(tmp_path, **BENT), people(names), "email/a")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
@given(files=random_templates.templates(), names=random_templates.PEOPLE, limits=LIMITS)
def test_so_is_a_mail_of_any_template_for_anybody(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, str],
    names: list[tuple[Any, Any, Any]],
    limits: dict[str, int],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    assert_everybody_gets_their_own(written(folder, **files), people(names), "email/a", **limits)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "captured",
    [
        "{% set line %}{% include 'email/_line.html' %}{% endset %}{{ line }}{{ line|length }}",
        "{% block line %}{{ contact.first_name }}{% endblock %}{% set again = self.line() %}{{ again }}{{ again }}",
    ],
)
def test_so_is_a_mail_that_keeps_what_it_includes_for_later(tmp_path: Path, captured: str) -> None:
    templates = written(tmp_path, a_html=f"<p>{captured}</p>", _line_html="{{ contact.first_name }}<br>")
    assert_everybody_gets_their_own(templates, people([("Ada", "L", 9), ("Bob", "M", 3)]), "email/a")


@pytest.mark.parametrize(
    "sender",
    [
        "{% set sender = contact %}{{ sender.first_name }}",
        "{% for sender in [contact] %}{{ sender.first_name }}{% endfor %}",
        "{{ sender.name[contact.id] }}",
        "{% set line %}{{ sender.name }}{% endset %}{{ line }} {{ line|length }} {{ sender.name|upper }}",
    ],
)
def test_so_is_a_mail_that_calls_something_else_the_sender(tmp_path: Path, sender: str) -> None:
    templates = written(tmp_path, a_html=f"<p>{sender}</p>")
    assert_everybody_gets_their_own(templates, people([("Ada", "L", 9), ("Bob", "M", 3)]), "email/a")


def test_a_thousand_people_share_one_skeleton() -> None:
    batch = [person(number, first_name=f"Name {number}") for number in range(1000)]
    group = shared(mailings(STARTERS, batch, template="email/nps", max_keys=100, max_bytes=10_000))
    assert len(group.letters) == 1000
    assert "Name 1" not in group.html


def test_names_with_quotes_brackets_and_foreign_letters_share_it_too() -> None:
    names = ["O'Hare", 'Jo "Jo" <b>&amp;</b>', "Zoë", "陳", "שרה", "&copy=1", "{{ 7 * 7 }}", "</mj-text>", "\\1"]
    batch = [person(number, first_name=name) for number, name in enumerate(names)]
    rendered = mailings(STARTERS, batch, template="email/nps", subject="{{ contact.first_name }}")
    assert len(shared(rendered).letters) == len(names)
    for one in batch:
        whole = STARTERS.preview("email/nps", "{{ contact.first_name }}", one)
        assert received(rendered)[one.send_id] == whole


def test_what_is_the_same_for_all_stands_in_the_skeleton(tmp_path: Path) -> None:
    templates = written(
        tmp_path, a_mjml=mjml(text="{{ sender.name }} {{ contact.first_name }} {{ contact.last_name }}")
    )
    batch = [person(1, last_name="Hopper"), person(2, last_name="Hopper", first_name="Grace")]
    group = shared(mailings(templates, batch))
    assert "Acme &amp; Sons" in group.html
    assert "Hopper" in group.html
    assert sorted(group.letters[0][1].values()) == ["Ada", "Ada"]


def test_html_text_and_subject_have_keys_of_their_own(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{{ contact.first_name }} {{ contact.first_name }}"))
    group = shared(
        mailings(templates, [person(1), person(2, first_name="<Bo>")], subject="{{ contact.first_name }}, hello")
    )
    assert sorted(group.letters[1][1].values()) == ["&lt;Bo&gt;", "<Bo>", "<Bo>, hello"]


def test_whose_text_takes_another_path_forms_another_group(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{% if contact.nps_score > 6 %}Glad{% else %}Sorry{% endif %}"))
    groups = mailings(templates, [person(1, nps_score=9.0), person(2, nps_score=3.0), person(3)]).groups
    assert [[send_id for send_id, _ in group.letters] for group in groups] == [["send-1"], ["send-2", "send-3"]]


def test_who_cannot_be_rendered_is_told_of_and_stops_nobody(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="\n{{ 10 / contact.nps_score }}"))
    rendered = mailings(templates, [person(1, nps_score=0.0), person(2, nps_score=5.0)])
    assert list(received(rendered)) == ["send-2"]
    assert rendered.faults == [
        RenderFault("send-1", "templates/email/a.mjml:2: ZeroDivisionError: float division by zero", of_template=False)
    ]


def test_an_unknown_field_is_named_with_its_place(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="\n\n{{ contact.frist_name }}"))
    (fault,) = mailings(templates, [person()]).faults
    assert fault.of_template
    assert fault.message == "templates/email/a.mjml:3: contact has no 'frist_name'; did you mean 'first_name'?"


def test_a_mistake_in_the_subject_is_told_as_one(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml())
    (unknown,) = mailings(templates, [person()], subject="{{ contact.frist_name }}").faults
    (broken,) = mailings(templates, [person()], subject="{% if %}").faults
    assert unknown.message == "subject or preheader: contact has no 'frist_name'; did you mean 'first_name'?"
    assert broken.message.startswith("subject or preheader: Expected an expression")


def test_a_template_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml="")
    (tmp_path / "templates/email/a.mjml").write_bytes(b"\xff")
    (fault,) = mailings(templates, [person()]).faults
    assert fault.message.startswith("templates/email/a.mjml or what it includes cannot be read: 'utf-8'")


def test_a_template_that_is_not_there_is_everybodys_fault(tmp_path: Path) -> None:
    templates = written(tmp_path, thanks_mjml=mjml())
    rendered = mailings(templates, [person(1), person(2)], template="email/thank")
    assert [fault.message for fault in rendered.faults] == [
        "there is no template 'email/thank'; did you mean 'email/thanks'?"
    ] * 2


def test_a_letter_over_the_limit_of_bytes_goes_alone(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{{ contact.first_name }}"))
    batch = [person(1), person(2, first_name="B" * 200), person(3, first_name="Cleo")]
    groups = mailings(templates, batch, max_bytes=200).groups
    assert [len(group.letters) for group in groups] == [2, 1]
    assert groups[1].letters == [("send-2", {})]


def test_more_keys_than_allowed_become_letters_without_keys(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{% for n in range(5) %}{{ answer_link(n) }} {% endfor %}"))
    groups = mailings(templates, [person(1), person(2)], max_keys=4).groups
    assert [group.letters for group in groups] == [[("send-1", {})], [("send-2", {})]]


def test_text_that_contains_a_key_is_not_taken_for_one(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{{ contact.first_name }}"))
    key = next(iter(shared(mailings(templates, [person(1), person(2, first_name="Bo")])).letters[0][1]))
    batch = [person(1), person(2, first_name="Bo", last_name=key)]
    for subject, template in (
        ("{{ contact.last_name }}", ""),
        ("Hi", "{% filter trim %}{{ contact.last_name }}{% endfilter %}"),
    ):
        templates = written(tmp_path, a_mjml=mjml(text="{{ contact.first_name }}" + template))
        rendered = mailings(templates, batch, subject=subject)
        assert any(key in part for part in received(rendered)["send-2"])
        assert not any(key in own for group in rendered.groups for _, own in group.letters)


TREE = "{% for part in event.parts recursive %}<b>{{ part.name }}{{ loop(part.parts) }}</b>{% endfor %}"
INCLUDED = "<b>{{ event.name }}</b>{% for event in event.parts %}{% include 'email/_part.html' %}{% endfor %}"
EITHER = (
    "{% if event.name %}{% filter upper %}a{% endfilter %}{% endif %}<hr>"
    "{% if not event.name %}{% filter upper %}a{% endfilter %}{% endif %}"
)


@pytest.mark.parametrize("body", [TREE, "{% include 'email/_part.html' %}", EITHER])
def test_two_ways_with_the_same_values_are_two_texts(tmp_path: Path, body: str) -> None:
    templates = written(tmp_path, a_html=f"<html><body>{body}</body></html>", _part_html=INCLUDED + "<i>.</i>")
    leaf = {"name": "c", "parts": []}
    nested = {"name": "a", "parts": [{"name": "b", "parts": [leaf]}]}
    flat = {"name": "", "parts": [{"name": "b", "parts": []}, leaf]}
    batch = [person(n)._replace(context={**person(n).context, "event": (nested, flat)[n % 2]}) for n in range(4)]
    mails = received(mailings(templates, batch))
    for one in batch:
        assert mails[one.send_id] == templates.preview("email/a", "Hello", one)


@pytest.mark.parametrize(
    "body",
    [
        "{% include 'email/_' ~ contact.country ~ '.html' without context %}",
        "{% import 'email/_' ~ contact.country ~ '.html' as piece %}{{ piece }}",
        "{% macro its() %}{% import 'email/_' ~ contact.country ~ '.html' as it %}{{ it }}{% endmacro %}{{ its() }}",
    ],
)
def test_so_are_two_pieces_that_know_nothing_of_whom_they_are_for(tmp_path: Path, body: str) -> None:
    templates = written(tmp_path, a_html=f"<p>{body}</p>", _pl_html="<b>Hej</b>", _us_html="<i>Hi</i>")
    batch = [person(number, country=("pl", "us")[number % 2]) for number in range(4)]
    mails = received(mailings(templates, batch))
    assert [mails[one.send_id] for one in batch] == [templates.preview("email/a", "Hello", one) for one in batch]


@pytest.mark.parametrize(
    "again",
    [
        "{{ self['hello']() }}",
        "{% set again = self.hello %}{{ again() }}",
        "{% import 'email/_line.html' as line with context %}{{ line }}",
    ],
)
def test_a_key_that_a_template_puts_out_again_stops_nobody(tmp_path: Path, again: str) -> None:
    hello = "<p>{% block hello %}{{ contact.first_name }}{% endblock %}"
    templates = written(tmp_path, a_html=f"{hello}{again}</p>", _line_html="{{ contact.first_name }}")
    assert_everybody_gets_their_own(templates, people([("Ada", "L", 9), ("Bob", "M", 3)]), "email/a")


def test_what_stands_beside_the_blocks_is_not_printed_and_harms_nobody(tmp_path: Path) -> None:
    child = "{% extends 'email/_frame.html' %}{{ 1 / (contact.id - 1) }}{% block hello %}Hi {{ super() }}{% endblock %}"
    frame = "<p>{% block hello %}{{ contact.first_name }}{% endblock %}</p>"
    templates = written(tmp_path, a_html=child, _frame_html=frame)
    rendered = mailings(templates, [person(1), person(2, first_name="Bob")])
    assert not rendered.faults
    assert [without_tags(html) for _, html, _ in received(rendered).values()] == ["Hi Ada", "Hi Bob"]


def test_the_same_wording_has_the_same_skeleton_tomorrow(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{{ contact.first_name }}"))
    today = shared(mailings(templates, [person(1), person(2, first_name="Bo")]))
    tomorrow = shared(mailings(templates, [person(3, first_name="Cy"), person(4, first_name="Di")]))
    assert (today.html, today.template_hash) == (tomorrow.html, tomorrow.template_hash)


def test_a_reader_gets_the_version_in_their_language(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="Good day"), a_de_mjml=mjml(text="Guten Tag"))
    batch = [person(1, language="de-AT"), person(2, language="pl"), person(3, language="DE"), person(4)]
    mails = received(mailings(templates, batch))
    assert [mails[one.send_id][2].strip() for one in batch] == ["Guten Tag", "Good day", "Guten Tag", "Good day"]


def test_an_edited_template_is_read_anew(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="Before"))
    before = shared(mailings(templates, [person()]))
    written(tmp_path, a_mjml=mjml(text="Thereafter"))
    after = shared(mailings(templates, [person()]))
    assert "Thereafter" in after.html
    assert before.template_hash != after.template_hash
