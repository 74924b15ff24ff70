"""What a template may say: missing values, filters, the text part, the headers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from runner.render import unsubscribe_headers
from tests.render.given import LINKS, mailings, mjml, person, received, written


def said(folder: Path, template: str, **contact: Any) -> str:
    """The text part of a mail with this one sentence."""
    return written(folder, a_mjml=mjml(text=template)).preview("email/a", "Hello", person(**contact))[2].strip()


class Page(HTMLParser):
    """The tags and attributes that a reader of the HTML finds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("Hi {{ contact.last_name }}!", "Hi !"),
        ('Hi {{ contact.last_name or "there" }}', "Hi there"),
        ('Hi {{ contact.last_name|default("there") }}', "Hi there"),
        ("Hi {{ contact.last_name|upper }}{{ contact.last_name|trim|title }}!", "Hi !"),
        ('{{ "Hi " ~ contact.last_name ~ "!" }}', "Hi !"),
        ("{% if contact.nps_score < 7 %}low{% else %}unknown{% endif %}", "unknown"),
        ("{% if 7 <= contact.nps_score %}high{% else %}unknown{% endif %}", "unknown"),
        ("{% if contact.nps_score is none %}unknown{% endif %}", "unknown"),
        ("{% if company %}of a company{% else %}private{% endif %} {{ company.name }}!", "private !"),
        ("{{ contact.birthday|date }}{{ contact.birthday|money }}!", "!"),
    ],
)
def test_a_missing_value_is_empty_and_never_the_word_none(tmp_path: Path, template: str, words: str) -> None:
    assert said(tmp_path, template, birthday=None) == words


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ contact.customer_since|date }}", "29 February 2024"),
        ("{{ contact.renewal_date|date }}", "22 December 2026"),
        ("{{ contact.revenue|money }}", "€1,234.50"),
        ('{{ contact.revenue|money("PLN") }}', "PLN 1,234.50"),
        ('{{ 1999.5|money("JPY") }}', "¥2,000"),
        ("{{ -3|money }}", "-€3.00"),
        ("{{ contact.revenue }}", "1234.5"),
        ("{{ contact.nps_score }} of 10", "9 of 10"),
        ("{{ days_since(contact.last_order_at) }} days", "5 days"),
        ("{{ days_until(contact.renewal_date) }} days", "30 days"),
    ],
)
def test_figures_and_days_read_as_people_write_them(tmp_path: Path, template: str, words: str) -> None:
    assert said(tmp_path, template, nps_score=9.0) == words


def test_a_day_is_the_readers_own(tmp_path: Path) -> None:
    template = written(tmp_path, a_mjml=mjml(text="{{ contact.last_order_at|date }}"))
    late = person(last_order_at=datetime(2026, 11, 17, 23, 30, tzinfo=UTC))
    warsaw = datetime.fromisoformat("2026-11-22T09:00:00+01:00")
    late = type(late)(late.send_id, late.to, None, {**late.context, "now": warsaw})
    assert template.preview("email/a", "Hello", late)[2].strip() == "18 November 2026"


def test_what_a_contact_is_called_cannot_become_markup(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="<a title='{{ contact.first_name }}'>{{ contact.first_name }}</a>"))
    html = templates.preview("email/a", "Hello", person(first_name="' onclick='x()'><script>alert(1)</script>"))[1]
    assert Page(html).tags.isdisjoint({"script"})
    assert "onclick" not in Page(html).attributes


@pytest.mark.parametrize("name", ["नमस्ते", "Zoe\u0308", "back\\slash", "👩‍👩‍👧"])
def test_an_attribute_says_any_name_as_it_is_written(tmp_path: Path, name: str) -> None:
    image = '<mj-image src="cid:a" alt="{{ contact.first_name }}"/>'
    templates = written(tmp_path, a_mjml=mjml(head="<mj-title>{{ contact.first_name }}</mj-title>", more=image))
    html = templates.preview("email/a", "Hello", person(first_name=name))[1]
    assert f'alt="{name}"' in html
    assert f'aria-label="{name}"' in html


def test_a_template_cannot_reach_beyond_its_fields(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="{{ contact.first_name.__class__.__mro__ }}"))
    assert "unsafe" in mailings(templates, [person()]).faults[0].message


def test_a_subject_stays_one_line_and_is_not_escaped(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml())
    rendered = mailings(
        templates, [person(first_name="Jo & Co\r\nBcc: x@y.example")], subject="{{ contact.first_name }}"
    )
    assert received(rendered)["send-1"][0] == "Jo & Co Bcc: x@y.example"


def test_the_steps_preheader_comes_before_the_templates(tmp_path: Path) -> None:
    head = "<mj-preview>{{ preheader or 'Usual' }}</mj-preview>"
    templates = written(tmp_path, a_mjml=mjml(head=head))
    assert "Usual" in received(mailings(templates, [person()]))["send-1"][1]
    own = mailings(templates, [person()], preheader="Only today, {{ contact.first_name }}")
    assert "Only today, Ada" in received(own)["send-1"][1]


def test_the_text_part_has_the_words_in_order_with_each_link_behind_its_words(tmp_path: Path) -> None:
    more = (
        '<mj-button href="https://x.example/go?a=1&amp;b=2">Go there</mj-button>'
        '<mj-table><tr><td aria-hidden="true">*</td><td>One</td><td>Two</td></tr><tr><td>Three</td></tr></mj-table>'
    )
    text = 'See <a href="https://x.example/a">this <b>page</b></a> &amp; more.'
    head = "<mj-preview>Hidden words</mj-preview>"
    html = written(tmp_path, a_mjml=mjml(head=head, text=text, more=more))
    assert html.preview("email/a", "Hello", person())[2] == (
        "See this page (https://x.example/a) & more.\n\nGo there: https://x.example/go?a=1&b=2\n\nOne Two\n\nThree\n"
    )


def test_the_text_part_keeps_what_looks_like_an_entity(tmp_path: Path) -> None:
    template = "<a href='https://x.example/?a=1&amp;copy=2'>{{ contact.first_name }}</a>"
    assert said(tmp_path, template, first_name="R&amp;D &copy") == "R&amp;D &copy: https://x.example/?a=1&copy=2"


def test_a_text_part_of_its_own_comes_before_the_made_one(tmp_path: Path) -> None:
    templates = written(tmp_path, a_mjml=mjml(text="From HTML"), a_txt="Own words for {{ contact.first_name }} & co\n")
    assert templates.preview("email/a", "Hello", person(first_name="<Ada>"))[2] == "Own words for <Ada> & co"


def test_plain_html_gets_its_styles_inlined_too(tmp_path: Path) -> None:
    html = written(tmp_path, a_html="<style>b { color: red }</style><p><b>{{ contact.first_name }}</b></p>")
    assert '<b style="color: red;">Ada</b>' in html.preview("email/a", "Hello", person())[1]


def test_one_click_is_offered_over_https_alone() -> None:
    link = LINKS.unsubscribe("send-1", 1)
    assert unsubscribe_headers(LINKS, "send-1", 1, "https://hello.acme.example") == {
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert list(unsubscribe_headers(LINKS, "send-1", 1, "http://localhost:8080")) == ["List-Unsubscribe"]


def test_whole_numbers_stay_whole_whatever_brings_them(tmp_path: Path) -> None:
    template = "{{ contact.a }} {{ contact.b }} {{ contact.c }} {{ contact.d }}"
    assert said(tmp_path, template, a=9.0, b=Decimal("100.0000"), c=0.5, d=date(2026, 1, 2)) == "9 100 0.5 2026-01-02"
