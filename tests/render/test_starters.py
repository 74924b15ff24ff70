"""The starter playbooks and their mails: they check clean, look after their readers, and fit everybody."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from runner.conditions import Field, Fields, Kind
from runner.conditions.fields import known_fields
from runner.links import Kind as LinkKind
from runner.playbook import Reading, read_playbooks
from runner.render import Templates
from runner.store.ours import CARRIES
from tests.render.given import CART, EXPECTED, INVOICE, LINKS, REPOSITORY, SENDER, TICKET, person, without_tags

TEMPLATES = Templates(REPOSITORY / "templates", LINKS, SENDER)
STARTERS = {
    "after_first_order", "anniversary", "birthday", "cart_abandoned", "churn_watch", "community_invite",
    "csat_after_order", "exit_question", "high_score_thanks", "lapsed_audience", "low_csat_followup",
    "low_score_followup", "mention_task", "onboarding", "payment_reminder", "points_expiring", "quarterly_nps",
    "received", "referral_invitation", "referral_reward", "renewal_notice", "renewal_run", "report_unopened",
    "restock", "review_request", "ten_orders", "ticket_followup", "tier_ending", "tier_reached", "usage_drop",
    "win_back",
}  # fmt: skip
#: What need not be in a shop, and is off until it is: everybody else may leave a starter as it is.
ON = {
    "anniversary", "birthday", "csat_after_order", "high_score_thanks", "low_csat_followup", "low_score_followup",
    "onboarding", "quarterly_nps", "referral_invitation", "review_request", "ten_orders", "win_back",
}  # fmt: skip


def fields() -> Fields:
    """The fields of a store whose CRM brings a contract's end as a custom field."""
    known = known_fields(None)
    renewal = Field("contact.renewal_date", Kind.DATE, known["contact.birthday"].column)
    return replace(known, by_name={**known.by_name, renewal.name: renewal}, complete=True)


def readings() -> list[Reading]:
    return read_playbooks(REPOSITORY, fields())


def known() -> dict[str, Any]:
    words = dict.fromkeys(("enrollment", "now", "today", "currency"))
    for name in fields().names:
        word, field = name.split(".", 1)
        words[word] = [*(words.get(word) or []), field]
    named = {"ticket": list(TICKET), "expected": list(EXPECTED), "event": list(CARRIES)}
    return words | {"answer": ["kind", "score", "comment"], "cart": list(CART), "invoice": list(INVOICE), **named}


def sample(**contact: Any) -> dict[str, Any]:
    everything = {name.split(".", 1)[1]: None for name in fields().names if name.startswith("contact.")}
    told = dict(person(1, **{**everything, "id": 1, **contact}).context)
    empty = {"cart": CART, "invoice": INVOICE, "ticket": TICKET, "expected": EXPECTED, "event": CARRIES}
    return told | {"enrollment": {}} | {word: dict.fromkeys(names) for word, names in empty.items()}


def test_the_thirty_one_starters_are_there_and_check_without_a_word() -> None:
    found = readings()
    assert len(STARTERS) == 31
    assert {reading.id for reading in found} == STARTERS
    assert [str(fault) for reading in found for fault in (*reading.faults, *reading.warnings)] == []


@pytest.mark.parametrize("id", sorted(STARTERS))
def test_each_mail_of_a_starter_checks_clean(id: str) -> None:
    playbook = next(reading.playbook for reading in readings() if reading.id == id)
    assert playbook is not None
    for _, mail in playbook.mails():
        faults = TEMPLATES.check(mail.template, mail.subject, known(), sample(), preheader=mail.preheader)
        assert [str(fault) for fault in faults] == []


@pytest.mark.parametrize("id", sorted(STARTERS))
def test_a_starter_says_what_it_is_for_and_helps_the_editor(id: str) -> None:
    source = (REPOSITORY / f"playbooks/{id}.yaml").read_text()
    assert source.startswith("# yaml-language-server: $schema=../docs/playbook.schema.json\n")
    assert "description: >" in source
    assert "contact.is_test" in source


def test_starters_that_need_more_than_orders_and_answers_are_off() -> None:
    assert {reading.id for reading in readings() if reading.enabled} == ON


@pytest.mark.parametrize("id", sorted(STARTERS - ON))
def test_a_starter_that_is_off_says_what_it_needs(id: str) -> None:
    source = (REPOSITORY / f"playbooks/{id}.yaml").read_text()
    assert re.search(r"^# Off until .+\n(# .+\n)*enabled: false$", source, re.MULTILINE)


def test_every_template_is_used_by_a_starter() -> None:
    used = {mail.template for reading in readings() if reading.playbook for _, mail in reading.playbook.mails()}
    assert used == set(TEMPLATES.names())


def test_a_review_is_asked_of_everybody_whatever_they_think() -> None:
    playbook = next(reading.playbook for reading in readings() if reading.id == "review_request")
    assert playbook is not None
    assert "score" not in str(playbook.body)


@pytest.mark.parametrize("template", TEMPLATES.names())
def test_a_mail_has_its_reason_address_and_both_links(template: str) -> None:
    html, text = TEMPLATES.preview(template, "Hello", person())[1:]
    for part in (without_tags(html).replace("&amp;", "&"), text):
        assert "You get this mail because" in part
        assert "Acme & Sons, 1 Main St, Springfield" in part
    for link in (LINKS.unsubscribe("send-1", 1), LINKS.preferences("send-1", 1)):
        assert link in html
        assert link in text


@pytest.mark.parametrize("template", TEMPLATES.names())
def test_a_mail_fetches_nothing_and_says_something_before_it_is_opened(template: str) -> None:
    html = TEMPLATES.preview(template, "Hello", person())[1]
    assert not re.search(r"<img|<link|@import|url\(|<script", html)
    hidden = re.search(r'<div style="display:none[^"]*">([^<]+)</div>', html)
    assert hidden
    assert 15 < len(hidden[1].strip()) < 90
    assert len(html.encode()) < 30_000


@pytest.mark.parametrize("template", TEMPLATES.names())
def test_a_mail_reads_well_to_somebody_of_whom_nothing_is_known(template: str) -> None:
    html, text = TEMPLATES.preview(template, "Hello", person()._replace(context=sample()))[1:]
    for gap in ("None", " ,", " .", "Hi  ", ", <", " on <"):
        assert gap not in without_tags(html)
        assert gap not in text


def test_an_nps_mail_has_eleven_numbers_that_carry_their_score() -> None:
    html, text = TEMPLATES.preview("email/nps", "Hello", person())[1:]
    tokens = re.findall(r'href="https://hello\.acme\.example/s/([^"]+)" aria-label="\d+ of 10"', html)
    assert [LINKS.read(LinkKind.SURVEY, token).score for token in tokens] == list(range(11))
    assert f"\n7: {LINKS.answer('send-1', 1, 7)}\n" in text


def test_a_csat_mail_has_five() -> None:
    html = TEMPLATES.preview("email/csat", "Hello", person())[1]
    assert re.findall(r'aria-label="(\d) of 5"', html) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("since", "words"),
    [("2025-11-22", "1 year together"), ("2025-11-24", "1 year together"), ("2024-11-22", "2 years together")],
)
def test_an_anniversary_counts_its_years(since: str, words: str) -> None:
    html = TEMPLATES.preview("email/anniversary", "Hello", person(customer_since=since))[1]
    assert words in without_tags(html)


def test_a_mail_looks_whole_on_a_small_phone(page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 600})
    for template in TEMPLATES.names():
        page.set_content(TEMPLATES.preview(template, "Hello", person())[1])
        assert page.evaluate("document.documentElement.scrollWidth") == 320, template


def test_the_numbers_are_big_enough_for_a_finger(page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 600})
    page.set_content(TEMPLATES.preview("email/nps", "Hello", person())[1])
    boxes = [box.bounding_box() for box in page.get_by_label(" of 10").all()]
    assert len(boxes) == 11
    assert all(box["width"] >= 24 and box["height"] >= 44 for box in boxes)
