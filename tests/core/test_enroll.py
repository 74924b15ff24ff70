"""Contacts whose trigger fires enter, once an occasion; who may not is told why, and may when that changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from runner.app import decisions
from runner.errors import ExitCode, NeedsPerson
from tests.core.world import World, utc

WISH = "trigger: {anniversary: {of: contact.birthday, catch_up: 3 days}}"
LOW = "trigger: {low_score: {at_most: 6}}"
BORN = {"birthday": date(1990, 5, 4)}


def test_a_refusal_is_written_once_and_again_only_with_another_reason(each_world: World) -> None:
    each_world.person("ada", country="US", **BORN)
    each_world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"')
    each_world.ticks("2026-05-04 09:00", "2026-05-04 10:00", "2026-05-05 10:00")
    (row,) = each_world.log("ada")
    assert (row.reason, row.at) == ('not in the audience: contact.country == "PL"', utc("2026-05-04 09:00"))
    each_world.playbook("wish", f'{WISH}\naudience: contact.country == "DE"')
    each_world.tick("2026-05-05 11:00")
    (row,) = each_world.log("ada")
    assert (row.reason, row.at) == ('not in the audience: contact.country == "DE"', utc("2026-05-05 11:00"))


def test_who_comes_into_the_audience_within_catch_up_enters(each_world: World) -> None:
    each_world.person("ada", country="US", **BORN)
    each_world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"')
    each_world.tick("2026-05-04 09:00")
    each_world.person("ada", country="PL", **BORN)
    each_world.tick("2026-05-06 09:00")
    assert each_world.why("ada") == ["hello: done, 36 years since birthday 1990-05-04"]


def test_who_comes_into_the_audience_after_catch_up_does_not(world: World) -> None:
    world.person("ada", country="US", **BORN)
    world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"')
    world.tick("2026-05-04 09:00")
    world.person("ada", country="PL", **BORN)
    world.tick("2026-05-07 09:01")
    assert world.got() == []


def test_leaving_the_audience_throws_nobody_out(world: World) -> None:
    world.person("ada", country="PL", **BORN)
    mails = "".join(
        f"  - send_email: {{id: m{n}, template: email/hello, subject: Hi}}\n  - wait: 1 day\n" for n in (1, 2)
    )
    world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"\nactions:\n{mails}')
    world.tick("2026-05-04 09:00")
    world.person("ada", country="US", **BORN)
    world.tick("2026-05-05 09:00")
    assert world.who_got() == ["ada", "ada"]


def test_a_missing_field_keeps_out_and_does_not_crash(each_world: World) -> None:
    each_world.person("ada", **BORN)
    each_world.playbook("wish", f"{WISH}\naudience: contact.nps_score > 3")
    each_world.tick("2026-05-04 09:00")
    assert each_world.why("ada") == ["enter: skipped, not in the audience: contact.nps_score > 3"]


def answers(world: World, *days: str) -> None:
    world.person("ada")
    world.tick("2026-05-01 00:00")
    for day in days:
        world.now = utc(f"{day} 12:00")
        world.answer("ada", 3, utc(f"{day} 11:00"))
        world.tick()


@pytest.mark.parametrize(
    ("reenter", "letters"), [("every occasion", 4), ("never", 1), ("after 10 days", 2), ("after 5 days", 3)]
)
def test_who_may_come_again(each_world: World, reenter: str, letters: int) -> None:
    each_world.playbook("sorry", f"{LOW}\nreenter: {reenter}")
    answers(each_world, "2026-05-02", "2026-05-03", "2026-05-08", "2026-05-13")
    assert len(each_world.got()) == letters


def test_the_log_says_who_may_not_come_again(world: World) -> None:
    world.playbook("never", f"{LOW}\nreenter: never")
    world.playbook("later", f"{LOW}\nreenter: after 10 days")
    answers(world, "2026-05-02", "2026-05-03")
    assert [row.reason for row in world.log("ada") if not row.step] == [
        "was here less than 10 days ago",
        "was here before; reenter: never",
    ]


@pytest.mark.parametrize(("reenter", "letters"), [("every occasion", 2), ("never", 1), ("after 10 days", 1)])
def test_two_occasions_at_once_are_one_where_only_one_may_be(each_world: World, reenter: str, letters: int) -> None:
    each_world.person("ada")
    each_world.playbook("sorry", f"{LOW}\nreenter: {reenter}")
    each_world.tick("2026-05-01 00:00")
    each_world.answer("ada", 3, utc("2026-05-01 10:00"))
    each_world.answer("ada", 2, utc("2026-05-01 11:00"))
    each_world.ticks("2026-05-01 12:00", "2026-05-01 12:05")
    assert len(each_world.got()) == letters


def test_the_holdout_is_the_same_on_both_databases_and_stays(
    tmp_path: Path, sqlite_url: str, postgresql_url: str
) -> None:
    held = []
    for name, url in (("one", sqlite_url), ("two", postgresql_url)):
        with closing(World(tmp_path / name, url)) as world:
            world.people(*(f"p{number}" for number in range(200)), **BORN)
            world.playbook("wish", f"{WISH}\nholdout: 25%")
            world.ticks("2026-05-04 09:00", "2027-05-04 09:00")
            held.append({who for who, state in world.inside().items() if state == "holdout"})
    assert held[0] == held[1]
    both = {who.split()[0] for who in held[0]}
    assert len(held[0]) == 2 * len(both), "the same people each year"
    assert 30 < len(both) < 70


def test_who_is_held_out_is_told_so_and_gets_nothing(world: World) -> None:
    world.person("ada", **BORN)
    world.playbook("wish", f"{WISH}\nholdout: 100%")
    world.ticks("2026-05-04 09:00", "2026-05-05 09:00")
    assert world.why("ada") == ["enter: skipped, in the holdout: not written to, so that the effect can be told"]
    assert world.mailer.mailings == []


def test_colleagues_are_held_out_together_where_companies_are_the_customers(world_with: Callable[[str], World]) -> None:
    world = world_with("customers: company")
    for number in range(20):
        world.company(f"firm{number}")
        for colleague in "ab":
            world.person(f"p{number}{colleague}", company_id=f"firm{number}", **BORN)
    world.playbook("wish", f"{WISH}\nholdout: 50%")
    world.tick("2026-05-04 09:00")
    arms = {who.split()[0]: state for who, state in world.inside().items()}
    assert {arms[f"p{number}a"] == arms[f"p{number}b"] for number in range(20)} == {True}
    assert set(arms.values()) == {"holdout", "done"}


def test_the_brake_holds_a_flood_until_somebody_approves_exactly_that(each_world: World) -> None:
    each_world.people(*(f"p{number}" for number in range(5)), **BORN)
    each_world.playbook("wish", f"{WISH}\nbrake: {{people: 4}}")
    ticked = each_world.tick("2026-05-04 09:00")
    assert ticked.exit_code is ExitCode.PERSON
    assert "5 people at once is more than the brake allows" in ticked.waiting[0]
    each_world.tick("2026-05-04 10:00")
    assert each_world.got() == []
    with pytest.raises(NeedsPerson, match="the plan has changed"):
        decisions.approve(each_world.app, "wish", "another")
    assert decisions.approve(each_world.app, "wish", None) == 5
    assert each_world.tick("2026-05-04 11:00").exit_code is ExitCode.DONE
    assert len(each_world.got()) == 5


def test_the_brake_lets_through_what_it_allows(world: World) -> None:
    world.people(*(f"p{number}" for number in range(4)), **BORN)
    world.playbook("wish", f"{WISH}\nbrake: {{people: 4}}")
    world.tick("2026-05-04 09:00")
    assert len(world.got()) == 4


def test_neither_the_deleted_nor_the_merged_enter(each_world: World) -> None:
    each_world.people("ada", "gone", "twin", **BORN)
    each_world.person("gone", deleted_at=utc("2026-01-01"), **BORN)
    each_world.person("twin", merged_into="ada", **BORN)
    each_world.playbook("wish", WISH)
    each_world.tick("2026-05-04 09:00")
    assert each_world.who_got() == ["ada"]


def test_who_is_deleted_while_inside_hears_no_more(world: World) -> None:
    world.person("ada", **BORN)
    world.playbook(
        "wish", f"{WISH}\nactions:\n  - wait: 1 day\n  - send_email: {{template: email/hello, subject: Hi}}\n"
    )
    world.tick("2026-05-04 09:00")
    world.person("ada", deleted_at=utc("2026-05-04 12:00"), **BORN)
    world.tick("2026-05-05 09:00")
    assert world.why("ada") == ["wait-1: ended, the contact was deleted"]


def test_two_people_of_one_name_in_two_playbooks_are_four(world: World) -> None:
    world.people("one", "two", first_name="Ada", **BORN)
    world.playbook("a", WISH)
    world.playbook("b", WISH)
    world.tick("2026-05-04 09:00")
    assert [(letter.who, letter.playbook) for letter in world.got()] == [
        ("one", "a"), ("two", "a"), ("one", "b"), ("two", "b"),
    ]  # fmt: skip


def test_a_playbook_that_is_new_looks_forward(world: World) -> None:
    world.person("ada")
    world.answer("ada", 1, utc("2026-05-03 10:00"))
    world.ticks("2026-05-03 12:00")
    world.playbook("sorry", LOW)
    assert world.ticks("2026-05-03 12:05", "2026-05-04 12:00") == []
