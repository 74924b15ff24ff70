"""A condition that turns true is an occasion: the turn, not the state, whatever happens to the machine meanwhile."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.app.looking import left_out
from runner.store.tables import contacts
from tests.core.world import World, utc

_EVERYBODY = sa.select(contacts.c.id)
_A_DAY = timedelta(days=1)
VIP = 'trigger: {became: {when: contact.country == "PL"}}'
HELD = 'trigger: {became: {when: contact.country == "PL", for: 3 days}}'


def moves(world: World, who: str, country: str | None, at: str) -> None:
    """Somebody is told to live elsewhere, and the next tick comes."""
    world.now = utc(at)
    world.person(who, country=country)
    world.tick(at)


def test_only_the_turn_fires(each_world: World) -> None:
    each_world.person("ada", country="US")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "ada", "PL", "2026-03-02 09:00")
    each_world.ticks("2026-03-02 10:00", "2026-03-03 09:00")
    assert each_world.why("ada") == ['hello: done, contact.country == "PL" since 2026-03-02']


def test_it_may_turn_again_and_is_another_occasion(each_world: World) -> None:
    each_world.person("ada", country="US")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    for day, country in ((2, "PL"), (3, "US"), (4, "PL"), (5, "PL")):
        moves(each_world, "ada", country, f"2026-03-0{day} 09:00")
    assert list(each_world.inside()) == ["ada episode 1", "ada episode 2"]


@pytest.mark.parametrize(("existing", "letters"), [("skip", 0), ("enter", 1)])
def test_what_was_so_at_the_first_tick_is_existing(each_world: World, existing: str, letters: int) -> None:
    each_world.person("ada", country="PL")
    each_world.playbook("vip", f'trigger: {{became: {{when: contact.country == "PL", existing: {existing}}}}}')
    each_world.ticks("2026-03-01 09:00", "2026-03-01 10:00", "2026-03-02 09:00")
    assert len(each_world.got()) == letters


def test_who_was_existing_fires_once_it_turns_again(each_world: World) -> None:
    each_world.person("ada", country="PL")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "ada", "US", "2026-03-02 09:00")
    moves(each_world, "ada", "PL", "2026-03-03 09:00")
    assert list(each_world.inside()) == ["ada episode 2"]


def test_somebody_of_whom_it_is_so_when_they_first_appear_is_existing(each_world: World) -> None:
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "new", "PL", "2026-03-02 09:00")
    each_world.tick("2026-03-02 10:00")
    assert each_world.got() == []


def test_missing_is_not_so(each_world: World) -> None:
    each_world.person("ada", country=None)
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "ada", "PL", "2026-03-02 09:00")
    assert each_world.who_got() == ["ada"]


def test_held_for_a_time_without_a_break(each_world: World) -> None:
    each_world.people("ada", "bob", country="US")
    each_world.playbook("vip", HELD)
    each_world.tick("2026-03-01 09:00")
    for who in ("ada", "bob"):
        moves(each_world, who, "PL", "2026-03-02 09:00")
    moves(each_world, "bob", "US", "2026-03-03 09:00")
    moves(each_world, "bob", "PL", "2026-03-04 09:00")
    assert each_world.ticks("2026-03-05 08:59") == []
    each_world.ticks("2026-03-05 09:00", "2026-03-06 09:00", "2026-03-07 09:00", "2026-03-08 09:00")
    assert [(letter.who, f"{letter.at:%d}") for letter in each_world.got()] == [("ada", "05"), ("bob", "07")]


def test_held_for_survives_a_restart(world: World) -> None:
    world.person("ada", country="US")
    world.playbook("vip", HELD)
    world.tick("2026-03-01 09:00")
    moves(world, "ada", "PL", "2026-03-02 09:00")
    world.reopen()
    assert [letter.who for letter in world.ticks("2026-03-05 09:00")] == ["ada"]


def test_a_machine_that_was_off_catches_up_once(each_world: World) -> None:
    each_world.person("ada", country="US")
    each_world.playbook("vip", HELD)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "ada", "PL", "2026-03-02 09:00")
    each_world.ticks("2026-03-30 09:00", "2026-03-30 10:00", "2026-03-31 09:00")
    assert each_world.who_got() == ["ada"]


def test_another_condition_asks_anew_and_writes_to_nobody_of_whom_it_was_so(each_world: World) -> None:
    each_world.people("ada", "bob", country="DE")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    each_world.playbook("vip", VIP.replace("PL", "DE"))
    each_world.ticks("2026-03-01 10:00", "2026-03-01 11:00")
    assert each_world.got() == []
    moves(each_world, "ada", "US", "2026-03-02 09:00")
    moves(each_world, "ada", "DE", "2026-03-03 09:00")
    assert each_world.who_got() == ["ada"]


def test_who_was_kept_out_may_come_in_while_it_is_not_too_late(each_world: World) -> None:
    each_world.people("ada", "bob", country="US", language="de")
    each_world.playbook("vip", f'{VIP}\naudience: contact.language == "pl"')
    each_world.tick("2026-03-01 09:00")
    each_world.now = utc("2026-03-02 09:00")
    each_world.people("ada", "bob", country="PL", language="de")
    each_world.tick()
    assert each_world.why("ada") == ['enter: skipped, not in the audience: contact.language == "pl"']
    each_world.person("ada", country="PL", language="pl")
    each_world.tick("2026-03-03 09:00")
    each_world.person("bob", country="PL", language="pl")
    each_world.tick("2026-03-20 09:00")
    assert each_world.who_got() == ["ada"]


def test_somebody_who_was_merged_is_not_written_to_again_for_the_same_state(each_world: World) -> None:
    each_world.people("ada", "twin", country="US")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "ada", "PL", "2026-03-02 09:00")
    each_world.now = utc("2026-03-03 09:00")
    each_world.person("ada", country="PL", merged_into="twin")
    each_world.person("twin", country="PL")
    each_world.tick("2026-03-03 09:00")
    assert each_world.who_got() == ["ada"]


def test_the_passing_of_time_turns_it_too(each_world: World) -> None:
    each_world.person("ada")
    each_world.order("ada", utc("2026-02-20 09:00"))
    each_world.playbook("vip", "trigger: {became: {when: days_since(contact.last_order_at) > 30}}")
    each_world.tick("2026-03-01 09:00")
    assert each_world.ticks("2026-03-22 09:00") == []
    assert [letter.who for letter in each_world.ticks("2026-03-22 09:05")] == ["ada"]


def test_plan_tells_what_a_tick_would_do_and_writes_nothing(each_world: World) -> None:
    each_world.person("ada", country="US")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    each_world.now = utc("2026-03-02 09:00")
    each_world.person("ada", country="PL")
    planned = [(row.status, row.reason) for row in each_world.plan("2026-03-02 09:00")]
    assert planned == [("do", 'contact.country == "PL" since 2026-03-02')]
    assert [letter.who for letter in each_world.ticks("2026-03-02 09:00")] == ["ada"]


def test_plan_says_how_many_it_leaves_out(each_world: World) -> None:
    each_world.people("ada", "bob", country="PL")
    each_world.person("eve", country="US")
    each_world.playbook("vip", VIP)
    each_world.playbook("all", VIP.replace("}}", ", existing: enter}}"))
    words = "vip: of 2 people it is so already: left out; existing: enter lets them in"
    assert left_out(each_world.app, utc("2026-03-01 09:00"), None) == [words]
    each_world.tick("2026-03-01 09:00")
    assert left_out(each_world.app, utc("2026-03-02 09:00"), None) == []


def test_explain_tells_the_values_and_since_when(world: World) -> None:
    world.person("ada", country="PL")
    world.playbook("vip", VIP)
    world.tick("2026-03-01 09:00")
    clause = world.explain("ada", "vip").clauses[0]
    assert clause.text == 'trigger: became contact.country == "PL"'
    assert clause.value == (
        "contact.country is 'PL'; it has been so since 2026-03-01 09:00 UTC, "
        "and was before this playbook looked: existing"
    )


def test_a_condition_that_cannot_be_meant_is_a_fault(world: World) -> None:
    world.person("ada")
    world.playbook("vip", "trigger: {became: {when: contact.contry == 1}}")
    assert "contact has no 'contry'; did you mean 'country'?" in str(world.check().faults[0])


def test_a_renamed_playbook_remembers(each_world: World) -> None:
    each_world.person("ada", country="US")
    each_world.playbook("vip", VIP)
    each_world.tick("2026-03-01 09:00")
    moves(each_world, "ada", "PL", "2026-03-02 09:00")
    each_world.delete("vip")
    each_world.playbook("very", f"was: vip\n{VIP}")
    moves(each_world, "ada", "US", "2026-03-03 09:00")
    moves(each_world, "ada", "PL", "2026-03-04 09:00")
    assert list(each_world.inside()) == ["ada episode 1", "ada episode 2"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["PL", "US", None]), min_size=2, max_size=7))
def test_letters_are_as_many_as_turns(world: World, lived: list[str | None]) -> None:
    """However somebody moves about, each turn is one letter; the first look is none."""
    day = len(world.rows(_EVERYBODY))
    who = f"p{day}"
    world.playbook("vip", VIP)
    start = world.now.replace(hour=9)
    for number, country in enumerate(lived):
        world.now = start.replace(minute=number, second=day)
        world.person(who, country=country)
        world.tick()
    world.now = world.now.replace(hour=0, minute=0, second=0) + _A_DAY
    turns = sum(now == "PL" != before for before, now in pairwise(lived))
    assert sum(name == who for name in world.who_got()) == turns
