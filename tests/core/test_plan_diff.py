"""`plan --diff`: what an edit since the last tick would do to people, and what is otherwise, in meaning."""

from __future__ import annotations

from datetime import date
from typing import Any

from runner.app.edits import edits
from tests.core.world import World, utc

WISH = "trigger: {anniversary: {of: contact.birthday}}"
MAILS = """
actions:
  - send_email: {id: wish, template: email/hello, subject: Hi}
  - wait: 3 days
  - send_email: {id: more, template: email/hello, subject: More}
"""


def told(world: World, at: str, days: int = 30) -> dict[str, Any]:
    with edits(world.app, utc(at), None, days) as found:
        return {one.playbook: (one, list(people)) for one, people in found}


def party(world: World, more: str = "", actions: str = MAILS) -> None:
    world.person("ada", birthday=date(1990, 5, 4), country="PL")
    world.person("bob", birthday=date(1985, 5, 20), country="US")
    world.person("cyd", birthday=date(1985, 11, 20), country="PL")
    world.playbook("wish", f"{WISH}\n{more}{actions}")
    world.tick("2026-05-01 00:00")


def test_who_would_enter_and_who_no_longer_is_told_with_the_day(each_world: World) -> None:
    party(each_world, 'audience: contact.country == "PL"')
    each_world.playbook("wish", f'{WISH}\naudience: contact.country == "US"{MAILS}')
    difference, people = told(each_world, "2026-05-01 12:00")["wish"]
    assert [(who.source_id, who.change, who.old, who.new) for who in people] == [
        ("ada", "leave", utc("2026-05-04 09:00"), None),
        ("bob", "enter", None, utc("2026-05-20 09:00")),
    ]
    (change,) = difference.changes
    assert (change.where, change.old, change.new) == (
        "audience",
        'contact.country == "PL"',
        'contact.country == "US"',
    )


def test_who_enters_at_another_time_moves(each_world: World) -> None:
    party(each_world)
    each_world.playbook("wish", f"{WISH[:-2]}, at: '11:00'}}}}{MAILS}")
    difference, people = told(each_world, "2026-05-01 12:00", days=10)["wish"]
    assert [(who.source_id, who.change, who.new) for who in people] == [("ada", "move", utc("2026-05-04 11:00"))]
    assert difference.changes[0].where == "trigger"


def test_other_words_with_the_same_meaning_are_no_difference_to_anybody(world: World) -> None:
    party(world, "reenter: every occasion")
    world.playbook("wish", f"description: Another one\n{WISH}{MAILS.replace('3 days', 'in 3 days')}")
    difference, people = told(world, "2026-05-01 12:00")["wish"]
    assert (difference.changes, people) == ((), [])


def test_steps_that_come_go_and_move_are_told(world: World) -> None:
    party(world)
    edited = MAILS.replace("wait: 3 days", "wait: 5 days").replace("{id: wish, ", "{id: hello, ")
    world.playbook("wish", f"{WISH}{edited}")
    difference, _ = told(world, "2026-05-01 12:00")["wish"]
    assert [(change.where, change.old, change.new) for change in difference.changes] == [
        ("hello", "", "at once: mail email/hello: Hi"),
        ("wait-1", "wait 3 days", "wait 5 days"),
        ("more", "after wait 3 days", "after wait 5 days"),
        ("wish", "at once: mail email/hello: Hi", ""),
    ]


def test_those_inside_keep_their_version_or_move(each_world: World) -> None:
    party(each_world)
    each_world.tick("2026-05-04 09:00")
    for rule, inside in (("keep", {"keep": 1, "move": 0}), ("move", {"keep": 0, "move": 1})):
        each_world.playbook("wish", f"on_edit: {rule}\n{WISH}{MAILS.replace('3 days', '4 days')}")
        difference, _ = told(each_world, "2026-05-04 10:00")["wish"]
        assert difference.inside == inside


def test_sends_of_those_inside_that_would_move_are_told_with_both_times(each_world: World) -> None:
    party(each_world, "on_edit: move")
    each_world.tick("2026-05-04 09:00")
    each_world.playbook("wish", f"on_edit: move\n{WISH}{MAILS.replace('3 days', '1 day')}")
    _, people = told(each_world, "2026-05-04 10:00", days=1)["wish"]
    assert [(who.source_id, who.change, who.step, who.old, who.new) for who in people] == [
        ("ada", "go on", "wait-1", utc("2026-05-07 09:00"), utc("2026-05-05 09:00"))
    ]
    each_world.playbook("wish", f"on_edit: keep\n{WISH}{MAILS.replace('3 days', '1 day')}")
    assert told(each_world, "2026-05-04 10:00", days=1)["wish"][1] == []


def test_a_new_and_a_deleted_playbook_and_a_new_name_are_told_as_such(each_world: World) -> None:
    party(each_world)
    each_world.delete("wish")
    each_world.playbook("birthday", f"was: wish\n{WISH}{MAILS}")
    each_world.playbook("other", f"trigger: {{onboarding: {{day: 1}}}}{MAILS}")
    found = told(each_world, "2026-05-01 12:00")
    assert {id: one.state for id, (one, _) in found.items()} == {"birthday": "edited", "other": "new"}
    assert found["birthday"][1] == [], "the same people enter"
    each_world.delete("birthday")
    assert {id: one.state for id, (one, _) in told(each_world, "2026-05-01 12:00").items()} == {
        "wish": "gone",
        "other": "new",
    }


def test_nothing_is_told_where_nothing_was_edited_and_nothing_is_written(each_world: World) -> None:
    party(each_world)
    assert told(each_world, "2026-05-01 12:00") == {}
    each_world.playbook("wish", f"{WISH}\nholdout: 10%{MAILS}")
    told(each_world, "2026-05-01 12:00")
    assert each_world.inside() == {}
    assert told(each_world, "2026-05-01 12:00")["wish"][0].changes[0].where == "holdout"
