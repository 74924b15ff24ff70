"""Mistakes in a playbook's own surveys are told where they are, with advice."""

from __future__ import annotations

import pytest

from tests.core.world import World

HEAD = "trigger: manual\n"


@pytest.mark.parametrize(
    ("surveys", "step", "told"),
    [
        ("tea: {}", "questions: tea", "asks nothing: write questions, or a kind"),
        ("nps: {kind: nps}", "questions: nps", "'nps' is a kind: give the survey another name"),
        ("tea: {kind: exit}", "questions: te", "there is no survey 'te' here; did you mean 'tea'?"),
        ("tea: {kind: nps}", "kind: nps, questions: tea", "has a kind and questions"),
        ("tea: {questions: [{id: a, ask: A, type: choice}]}", "questions: tea", "a choice needs options, two or more"),
        ("tea: {questions: [{id: score, ask: A, type: text}]}", "questions: tea", "no question may be called 'score'"),
        ("tea: {questions: [{id: a, ask: {english: A}, type: text}]}", "questions: tea", "must have languages as its"),
        (
            "tea: {questions: [{id: a, ask: A, type: text, at_most: 3}]}",
            "questions: tea",
            "speak of a score, and there",
        ),
        ("tea: {kind: exit, thanks: [{say: A, button: B}]}", "questions: tea", "button and url go together"),
        ("tea: {kind: nps}", "questions: tea, remind_after: 30 days", "reminds after 30 days of what closes after 30"),
        ("tea: {kind: nps}", "questions: tea, remind_subject: Again", "says how to remind, not when"),
    ],
)
def test_a_mistake_in_a_survey_is_told(world: World, surveys: str, step: str, told: str) -> None:
    world.playbook("p", f"{HEAD}surveys:\n  {surveys}\nactions:\n  - survey: {{template: email/hello, {step}}}")
    faults = [str(fault) for fault in world.check().faults]
    assert any(told in fault for fault in faults), faults


def test_a_way_to_reviews_for_happy_customers_alone_is_warned_of(world: World) -> None:
    world.write("templates/email/ask.html", "{{ survey() }} {{ unsubscribe() }} {{ sender.address }}")
    thanks = "thanks: [{at_least: 9, say: A, button: B, url: https://www.trustpilot.com/evaluate/acme}]"
    step = "actions:\n  - survey: {questions: tea, template: email/ask}"
    world.playbook("p", f"{HEAD}surveys:\n  tea: {{kind: nps, {thanks}}}\n{step}")
    assert any("leads some to reviews, by their score" in str(warning) for warning in world.check().warnings)


def test_an_answer_link_that_stands_for_no_answer_is_told(world: World) -> None:
    world.write("templates/email/ask.html", "{{ answer_link('prize') }} {{ unsubscribe() }} {{ sender.address }}")
    world.playbook("p", HEAD + "actions:\n  - survey: {kind: exit, template: email/ask}")
    (fault,) = world.check().faults
    assert "has answer links for prize, which the exit survey does not know; there are price, quality" in str(fault)
