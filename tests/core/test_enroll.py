"""Contacts whose trigger fires enter, once an occasion; who may not is told why, and may when that changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.app import decisions
from runner.enroll import BEGAN_ANEW
from runner.errors import ExitCode, NeedsPerson
from runner.store.tables import enrollments
from tests.core.world import HELLO, World, utc

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


def test_playbooks_of_one_holdout_group_hold_out_the_same_people(each_world: World) -> None:
    each_world.people(*(f"p{number}" for number in range(60)), **BORN)
    for id in ("one", "two"):
        each_world.playbook(id, f"{WISH}\nholdout: {{share: 40%, group: spring}}\nbrake: {{share: 100%}}")
    each_world.playbook("own", f"{WISH}\nholdout: 40%\nbrake: {{share: 100%}}")
    each_world.tick("2026-05-04 09:00")
    held = {
        id: {row.contact.source_id for row in each_world.log() if row.playbook == id and row.arm == "holdout"}
        for id in ("one", "two", "own")
    }
    assert held["one"] == held["two"] != held["own"]
    assert 10 < len(held["one"]) < 40


def test_mail_that_is_no_marketing_goes_to_the_holdout_too_and_nothing_else_does(each_world: World) -> None:
    steps = (
        "  - send_email: {id: offer, template: email/hello, subject: Offer}\n"
        "  - create_task: {id: call, subject: Call}\n"
        "  - send_email: {id: receipt, template: email/hello, subject: Receipt, purpose: service}\n"
    )
    each_world.person("ada", **BORN)
    each_world.playbook("wish", f"{WISH}\nholdout: 100%\nactions:\n{steps}")
    each_world.tick("2026-05-04 09:00")
    assert [letter.step for letter in each_world.got()] == ["receipt"]
    assert [(row.step, row.status) for row in each_world.log("ada")] == [
        ("", "skipped"),
        ("offer", "skipped"),
        ("call", "skipped"),
        ("receipt", "done"),
    ]


TWO_MAILS = """
actions:
  - send_email: {id: first, template: email/hello, subject: Hi}
  - wait: 5 days
  - send_email: {id: second, template: email/hello, subject: Hi}
"""


@pytest.mark.parametrize(
    ("mode", "letters", "states"),
    [
        ("parallel", ["first", "first", "second", "second"], ["done", "done"]),
        ("single", ["first", "second"], ["done"]),
        ("restart", ["first", "first", "second"], ["ended", "done"]),
    ],
)
def test_who_comes_again_while_inside_goes_by_the_mode(
    each_world: World, mode: str, letters: list[str], states: list[str]
) -> None:
    each_world.person("ada")
    each_world.playbook("sorry", f"{LOW}\nmode: {mode}{TWO_MAILS}")
    each_world.tick("2026-05-01 00:00")
    for day in (1, 3):
        each_world.answer("ada", 3, utc(f"2026-05-0{day} 10:00"))
        each_world.tick(f"2026-05-0{day} 12:00")
    each_world.ticks("2026-05-06 12:00", "2026-05-08 12:00", "2026-05-09 12:00")
    assert [letter.step for letter in each_world.got()] == letters
    assert list(each_world.inside().values()) == states


def test_what_a_restart_ended_says_so_in_the_log(world: World) -> None:
    world.person("ada")
    world.playbook("sorry", f"{LOW}\nmode: restart{TWO_MAILS}")
    world.tick("2026-05-01 00:00")
    for day in (1, 3):
        world.answer("ada", 3, utc(f"2026-05-0{day} 10:00"))
        world.tick(f"2026-05-0{day} 12:00")
    assert "enter: ended, began anew for another occasion; mode: restart" in world.why("ada")


@pytest.mark.parametrize("brake", ["", "brake: {people: 1, share: 1%, at_least: 1}\n"])
def test_a_plan_says_whose_passage_ends_because_another_one_begins(each_world: World, brake: str) -> None:
    each_world.people("ada", "eve", "bob")
    each_world.playbook("sorry", f"{LOW}\nmode: restart{TWO_MAILS}")
    each_world.tick("2026-05-01 00:00")
    for who in ("ada", "eve"):
        each_world.answer(who, 3, utc("2026-05-01 10:00"))
    each_world.tick("2026-05-01 12:00")
    each_world.person("ada", merged_into="bob")
    each_world.playbook("sorry", f"{brake}{LOW}\nmode: restart{TWO_MAILS}")
    for who in ("bob", "eve"):
        each_world.answer(who, 3, utc("2026-05-03 10:00"))
    planned = [
        (row.contact.source_id, row.reason) for row in each_world.plan("2026-05-03 12:00") if row.status == "end"
    ]
    assert sorted(planned) == [("bob", BEGAN_ANEW), ("eve", BEGAN_ANEW)]
    each_world.tick("2026-05-03 12:00")
    ended = [row for row in each_world.log() if row.reason == BEGAN_ANEW]
    assert [row.status for row in ended] == ["ended", "ended"]
    assert list(each_world.inside().values()) == ["ended", "ended", *["braked" if brake else "active"] * 2]


def test_who_moves_to_an_edited_playbook_gets_no_letter_again_and_the_shorter_wait_counts(each_world: World) -> None:
    each_world.person("ada", **BORN)
    old = TWO_MAILS
    new = old.replace("wait: 5 days", "wait: 1 day").replace(
        "actions:\n", "actions:\n  - create_task: {id: before, subject: Call}\n"
    )
    each_world.playbook("wish", f"{WISH}\non_edit: move\n{old}")
    each_world.tick("2026-05-04 09:00")
    each_world.playbook("wish", f"{WISH}\non_edit: move\n{new}")
    each_world.ticks("2026-05-04 10:00", "2026-05-05 09:00")
    assert [(letter.step, letter.at) for letter in each_world.got()] == [
        ("first", utc("2026-05-04 09:00")),
        ("second", utc("2026-05-05 09:00")),
    ]


def test_who_may_move_needs_steps_that_are_named(world: World) -> None:
    world.playbook("wish", f"{WISH}\non_edit: move\nactions:\n  - send_email: {{template: email/hello, subject: Hi}}\n")
    (fault,) = world.check().faults
    assert str(fault) == (
        "playbooks/wish.yaml:5:5: actions[0].send_email: has no id, which on_edit: move needs; add id:"
    )


def test_a_step_that_is_gone_from_the_edited_playbook_is_gone_on_with_as_it_was(each_world: World) -> None:
    each_world.person("ada", **BORN)
    each_world.playbook("wish", f"{WISH}\non_edit: move\n{TWO_MAILS}")
    each_world.tick("2026-05-04 09:00")
    each_world.playbook("wish", f"{WISH}\non_edit: move\nactions:\n{HELLO}")
    each_world.tick("2026-05-09 09:00")
    assert [letter.step for letter in each_world.got()] == ["first", "second"]


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
    assert decisions.approve(each_world.app, "wish", None).let_in == 5
    assert each_world.tick("2026-05-04 11:00").exit_code is ExitCode.DONE
    assert len(each_world.got()) == 5


def test_who_waits_for_approval_is_in_the_plan(each_world: World) -> None:
    each_world.people("ada", "bob", **BORN)
    each_world.playbook("wish", f"{WISH}\nbrake: {{people: 1}}")
    each_world.tick("2026-05-04 09:00")
    assert [(row.contact.source_id, row.status, row.reason) for row in each_world.plan("2026-05-04 10:00")] == [
        ("ada", "hold", "the brake: more people at once than it allows; waits for approval"),
        ("bob", "hold", "the brake: more people at once than it allows; waits for approval"),
    ]


def test_an_approval_goes_by_the_playbook_as_it_is_now(each_world: World) -> None:
    each_world.person("ada", country="PL", **BORN)
    each_world.person("bob", country="US", **BORN)
    each_world.playbook("wish", f"{WISH}\nbrake: {{people: 1}}")
    each_world.tick("2026-05-04 09:00")
    audience = 'contact.country == "PL" and not contact.is_test'
    each_world.playbook("wish", f"{WISH}\nbrake: {{people: 1}}\naudience: {audience}")
    each_world.tick("2026-05-04 10:00")
    released = decisions.approve(each_world.app, "wish", None)
    assert (released.let_in, released.kept_out) == (1, 1)
    each_world.tick("2026-05-04 11:00")
    assert each_world.who_got() == ["ada"]
    assert each_world.why("bob") == ['enter: skipped, not in the audience: contact.country == "PL"']


def test_who_is_approved_too_late_gets_nothing(each_world: World) -> None:
    each_world.people("ada", "bob", **BORN)
    each_world.playbook("wish", f"{WISH}\nbrake: {{people: 1}}")
    each_world.ticks("2026-05-04 09:00", "2026-07-04 09:00")
    assert decisions.approve(each_world.app, "wish", None).let_in == 0
    each_world.tick("2026-07-04 10:00")
    assert each_world.got() == []
    assert each_world.why("ada") == ["enter: skipped, too late: catch_up is 3 days"]


def test_whom_the_brake_holds_may_be_turned_away_for_good(each_world: World) -> None:
    each_world.people("ada", "bob", **BORN)
    each_world.playbook("wish", f"{WISH}\nbrake: {{people: 1}}")
    each_world.tick("2026-05-04 09:00")
    assert decisions.turn_away_all(each_world.app, "wish", None) == 2
    ticked = each_world.tick("2026-05-04 10:00")
    assert (ticked.exit_code, each_world.got()) == (ExitCode.DONE, [])
    assert each_world.why("ada") == ["enter: skipped, turned away by hand, where the brake held them"]


def test_a_playbook_that_is_deleted_asks_for_no_approval(world: World) -> None:
    world.people("ada", "bob", **BORN)
    world.playbook("wish", f"{WISH}\nbrake: {{people: 1}}")
    world.tick("2026-05-04 09:00")
    world.delete("wish")
    assert world.tick("2026-05-04 10:00").exit_code is ExitCode.DONE


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


def test_a_rename_draws_nobody_anew(each_world: World) -> None:
    text = f"{WISH}\nholdout: 50%"
    people = [f"p{number}" for number in range(30)]
    each_world.people(*people, **BORN)
    each_world.playbook("wish", text)
    each_world.tick("2026-05-04 09:00")
    held_out = {who.partition(" ")[0] for who, state in each_world.inside().items() if state == "holdout"}
    each_world.delete("wish")
    each_world.playbook("greeting", f"{text}\nwas: wish")
    planned = {row.contact.source_id for row in each_world.plan("2027-05-04 09:00") if row.arm == "holdout"}
    each_world.ticks("2027-05-04 09:00", "2028-05-04 09:00")
    again = {who.partition(" ")[0] for who, state in each_world.inside().items() if state == "holdout"}
    assert 0 < len(held_out) < 30
    assert planned == held_out == again


@pytest.mark.parametrize("entered", [False, True])
def test_was_may_be_added_later_as_long_as_nobody_has_entered_under_the_new_name(world: World, entered: bool) -> None:
    text = f"{WISH}\nactions:\n  - wait: 1 day\n{HELLO}"
    world.person("ada", **BORN)
    world.playbook("wish", text)
    world.tick("2026-05-04 09:00")
    world.delete("wish")
    world.playbook("greeting", text if entered else f"{text}\naudience: contact.is_test")
    world.tick("2026-05-04 10:00")
    world.playbook("greeting", f"{text}\nwas: wish")
    assert world.ticks("2026-05-05 10:00")
    assert [letter.playbook for letter in world.got()] == ["greeting"]
    waiting = {row.playbook for row in world.rows(sa.select(enrollments).where(enrollments.c.state == "active"))}
    assert waiting == ({"wish"} if entered else set())


def test_what_was_paused_under_the_new_name_stays_so_when_was_is_added(world: World) -> None:
    world.person("ada", **BORN)
    world.playbook("wish", WISH)
    world.tick("2026-05-03 09:00")
    world.delete("wish")
    world.playbook("greeting", WISH)
    world.tick("2026-05-03 10:00")
    decisions.pause(world.app, "greeting")
    world.playbook("greeting", f"{WISH}\nwas: wish")
    assert world.ticks("2026-05-04 09:00") == []


def test_a_rename_splits_nobody_anew(world: World) -> None:
    arms = """
actions:
  - split:
      id: way
      arms:
        - {name: a, share: 50%, actions: [{send_email: {id: one, template: email/hello, subject: Hi}}]}
        - {name: b, share: 50%, actions: []}
"""
    world.people(*(f"p{number}" for number in range(20)), **BORN)
    world.playbook("wish", WISH + arms)
    world.tick("2026-05-04 09:00")
    first = set(world.who_got())
    world.delete("wish")
    world.playbook("greeting", f"{WISH}\nwas: wish{arms}")
    assert {letter.who for letter in world.ticks("2027-05-04 09:00")} == first


def test_an_older_id_whose_file_is_still_there_is_a_fault(world: World) -> None:
    world.playbook("wish", WISH)
    world.playbook("greeting", f"{WISH}\nwas: wish")
    assert [str(fault).partition(": ")[2] for fault in world.check().faults] == [
        "was: playbooks/wish.yaml has this id; delete that file, or leave was: out"
    ]
