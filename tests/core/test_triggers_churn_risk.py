"""A score that rises above a mark is an occasion, once a lapse; near the mark it may tremble."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.records import Contact, FieldType
from tests.core.world import World, utc

RISK = "trigger: {churn_risk: {above: 0.7, rearm_below: 0.6}}"


def scored(world: World, who: str, score: float | None, at: str, field: str = "churn_risk") -> None:
    """A score is told of somebody, and the next tick comes."""
    world.now = utc(at)
    told = Contact(contact_id=who, email=f"{who}@x.example", created_at=utc("2020-01-01"), custom={field: score})
    world.hear(told, fields={field: FieldType.NUMBER})
    world.tick(at)


def lives(world: World, who: str, *scores: float | None) -> list[int]:
    """The days on which somebody with these scores, a day each, is written to."""
    for number, score in enumerate(scores, 1):
        scored(world, who, score, f"2026-03-{number:02} 09:00")
    return [letter.at.day for letter in world.got() if letter.who == who]


@pytest.mark.parametrize(
    ("scores", "days"),
    [
        ((0.5, 0.7, 0.71), [3]),
        ((0.5, 0.8, 0.65, 0.8), [2]),
        ((0.5, 0.8, 0.6, 0.8), [2]),
        ((0.5, 0.8, 0.59, 0.8), [2, 4]),
        ((0.9, 0.9), []),
        ((0.9, 0.5, 0.9), [3]),
        ((None, 0.9), []),
        ((None, 0.5, 0.9), [3]),
        ((0.5, 0.9, None, 0.9), [2]),
        ((0.5, None, 0.9), [3]),
    ],
)
def test_only_an_upward_crossing_fires_and_again_only_after_a_fall(
    each_world: World, scores: tuple[float | None, ...], days: list[int]
) -> None:
    each_world.playbook("save", RISK)
    each_world.tick("2026-02-28 09:00")
    assert lives(each_world, "ada", *scores) == days


def test_the_reason_names_score_and_mark(world: World) -> None:
    world.playbook("save", RISK)
    lives(world, "ada", 0.5, 0.82)
    assert world.why("ada") == ["hello: done, churn_risk 0.82 is above 0.7 since 2026-03-02"]


def test_existing_may_enter(each_world: World) -> None:
    each_world.playbook("save", RISK.replace("}}", ", existing: enter}}"))
    assert lives(each_world, "ada", 0.9, 0.9) == [1]


def test_any_number_of_the_contact_will_do(each_world: World) -> None:
    scored(each_world, "ada", 1, "2026-02-27 09:00", field="risk_points")
    each_world.playbook("save", "trigger: {churn_risk: {of: contact.risk_points, above: 70}}")
    for number, score in enumerate((50, 71, 61, 71, 59, 71), 1):
        scored(each_world, "ada", score, f"2026-03-{number:02} 09:00", field="risk_points")
    assert [letter.at.day for letter in each_world.got()] == [2, 6], "it is armed again below six sevenths"


def test_it_survives_a_restart(world: World) -> None:
    world.playbook("save", RISK)
    lives(world, "ada", 0.5, 0.9)
    world.reopen()
    scored(world, "ada", 0.65, "2026-03-10 09:00")
    scored(world, "ada", 0.9, "2026-03-11 09:00")
    assert len(world.got()) == 1


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("above: 0.5, rearm_below: 0.6", "rearm_below must not lie above the mark"),
        ("of: contact.country", "'contact.country' is a text, a number is needed"),
        ("of: contact.chrun_risk", "there is no 'contact.chrun_risk'; did you mean 'churn_risk'?"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(world: World, keys: str, words: str) -> None:
    world.person("ada")
    world.playbook("save", f"trigger: {{churn_risk: {{{keys}}}}}")
    assert words in str(world.check().faults[0])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=8))
def test_between_two_letters_lies_a_score_below_the_lower_mark(world: World, scores: list[float | None]) -> None:
    who = f"p{len(world.log())}-{world.now:%Y%m%d}"
    world.playbook("save", RISK)
    year = world.now.year + 1
    for number, score in enumerate(scores, 1):
        scored(world, who, score, f"{year}-03-{number:02} 09:00")
    days = [letter.at.day for letter in world.got() if letter.who == who]
    told = [(number, score) for number, score in enumerate(scores, 1) if score is not None]
    assert all((scores[day - 1] or 0) > 0.7 for day in days)
    assert all(any(one < day < two and score < 0.6 for day, score in told) for one, two in pairwise(days))
