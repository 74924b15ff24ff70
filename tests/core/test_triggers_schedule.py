"""Every so many days each contact has a day, staggered evenly."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.core.world import Got, World, utc


def _daily(world: World, days: int) -> list[Got]:
    """The letters of these days, without those of the first tick, which looks back by `catch_up`."""
    world.tick("2026-03-01 09:00")
    before = len(world.got())
    for day in range(1, days + 1):
        world.tick(utc("2026-03-01 09:00") + timedelta(days=day))
    return world.got()[before:]


def test_everybody_is_asked_once_a_period_and_every_day_some_are(each_world: World) -> None:
    each_world.people(*(f"p{number:03}" for number in range(120)))
    each_world.playbook("nps", "trigger: {schedule: {every: 10 days}}")
    got = _daily(each_world, 20)
    assert set(Counter(letter.who for letter in got).values()) == {2}
    assert len({letter.at for letter in got}) == 20


def test_the_period_of_each_is_exactly_the_same(world: World) -> None:
    world.person("ada")
    world.playbook("nps", "trigger: {schedule: {every: 7 days}}")
    first, second, third = (letter.at for letter in _daily(world, 21))
    assert second - first == third - second == timedelta(days=7)
