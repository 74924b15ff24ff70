"""Every answer that is high is one occasion."""

from __future__ import annotations

import pytest

from tests.core.world import World, utc


@pytest.mark.parametrize(
    ("keys", "who"),
    [
        ("", {"nine", "ten"}),
        ("at_least: 10", {"ten"}),
        ("at_least: 8", {"eight", "nine", "ten"}),
    ],
)
def test_a_high_answer_enters(each_world: World, keys: str, who: set[str]) -> None:
    each_world.people("eight", "nine", "ten")
    each_world.playbook("thanks", f"trigger: {{high_score: {{{keys}}}}}")
    each_world.tick("2026-03-01 00:00")
    for score, name in ((8, "eight"), (9, "nine"), (10, "ten")):
        each_world.answer(name, score, utc("2026-03-01 10:00"))
    each_world.ticks("2026-03-01 12:00", "2026-03-01 12:05")
    assert sorted(each_world.who_got()) == sorted(who)


def test_the_reason_names_the_score_and_what_counts(world: World) -> None:
    world.person("ada")
    world.playbook("thanks", "trigger: {high_score: {kind: csat}}")
    world.tick("2026-03-01 00:00")
    world.answer("ada", 5, utc("2026-03-01 10:00"), kind="csat")
    world.tick("2026-03-01 12:00")
    assert world.why("ada") == ["hello: done, answered 5 to CSAT, at least 5 counts as high"]


def test_a_high_score_that_has_fallen_all_the_same(world: World) -> None:
    world.people("ada", "bob")
    world.playbook("watch", "trigger: {high_score: {at_least: 8, fallen_by: 2}}")
    world.answer("ada", 10, utc("2026-02-01 10:00"))
    world.answer("bob", 9, utc("2026-02-01 10:00"))
    world.tick("2026-03-01 00:00")
    for who in ("ada", "bob"):
        world.answer(who, 8, utc("2026-03-01 10:00"))
    world.tick("2026-03-01 12:00")
    assert world.why("ada") == [
        "hello: done, answered 8 to NPS after 10, at least 8 counts as high and a fall of 2 counts"
    ]
    assert world.log("bob") == []


def test_a_threshold_that_everybody_reaches_is_a_fault(world: World) -> None:
    world.playbook("thanks", "trigger: {high_score: {kind: csat, at_least: 1}}")
    assert "at_least must leave somebody out: csat goes from 1 to 5" in str(world.check().faults[0])
