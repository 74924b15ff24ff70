"""Two contacts that turn out to be one person: one occasion, one passage."""

from __future__ import annotations

from datetime import date

from connectors.base import Verdict
from tests.core.world import Postbox, World, all_of, utc

BORN = {"birthday": date(1990, 5, 4)}
WISH = 'trigger: {anniversary: {of: contact.birthday, at: "09:00"}}'
TWO = """
actions:
  - send_email: {id: first, template: email/hello, subject: Hi}
  - wait: 1 day
  - send_email: {id: second, template: email/hello, subject: Hi again}
"""


def merge(world: World, old: str, into: str, at: str) -> None:
    world.now = utc(at)
    world.person(old, merged_into=into, **BORN)


def test_who_had_the_mail_before_the_merge_gets_none_as_the_survivor(each_world: World) -> None:
    each_world.playbook("wish", WISH)
    each_world.person("old", **BORN)
    each_world.person("ada", birthday=None)
    each_world.tick("2026-05-04 09:00")
    merge(each_world, "old", "ada", "2026-05-04 10:00")
    each_world.person("ada", **BORN)
    each_world.tick("2026-05-04 10:00")
    assert each_world.who_got() == ["old"]


def test_of_two_passages_for_one_occasion_the_one_that_has_sent_goes_on(each_world: World) -> None:
    each_world.playbook("wish", WISH + TWO)
    each_world.person("ada", timezone="America/Lima", **BORN)
    each_world.person("old", **BORN)
    each_world.tick("2026-05-04 09:00")
    each_world.mailer = Postbox(lambda mailing: all_of(mailing, Verdict.RETURNED))
    each_world.tick("2026-05-04 14:00")  # 09:00 in Lima, and the mailer is down
    each_world.mailer = Postbox()
    merge(each_world, "old", "ada", "2026-05-04 15:00")
    each_world.tick("2026-05-06 09:00")
    assert [(letter.who, letter.step) for letter in each_world.got()] == [("old", "first"), ("ada", "second")]
    assert each_world.why("ada")[-1].startswith("first: ended, the same occasion as contact ")


def test_who_was_alone_for_an_occasion_goes_on_at_the_survivors_address(each_world: World) -> None:
    each_world.playbook("wish", WISH + TWO)
    each_world.person("old", **BORN)
    each_world.person("ada")
    each_world.tick("2026-05-04 09:00")
    merge(each_world, "old", "ada", "2026-05-04 10:00")
    each_world.ticks("2026-05-05 09:00", "2026-05-06 09:00")
    assert each_world.mailer.addresses == ["old@x.example", "ada@x.example"]
    assert each_world.explain("ada", "wish").state == "finished"


def test_an_unsure_send_of_the_one_keeps_the_other_from_being_written_to(each_world: World) -> None:
    each_world.playbook("wish", WISH)
    each_world.person("old", **BORN)
    each_world.person("ada")
    each_world.mailer = Postbox(lambda mailing: all_of(mailing, Verdict.UNSURE))
    each_world.tick("2026-05-04 09:00")
    merge(each_world, "old", "ada", "2026-05-04 10:00")
    each_world.person("ada", **BORN)
    each_world.mailer = Postbox()
    each_world.ticks("2026-05-04 10:00", "2026-05-04 11:00")
    assert each_world.mailer.addresses == []


def test_who_was_here_as_another_contact_was_here(each_world: World) -> None:
    each_world.playbook("wish", f"{WISH}\nreenter: never")
    each_world.person("old", **BORN)
    each_world.person("ada")
    each_world.tick("2026-05-04 09:00")
    merge(each_world, "old", "ada", "2026-05-04 10:00")
    each_world.person("ada", birthday=date(1990, 6, 4))
    each_world.tick("2027-06-04 09:00")
    assert each_world.who_got() == ["old"]
    assert each_world.why("ada")[-1] == "enter: skipped, was here before; reenter: never"


def test_a_date_that_a_merge_moves_is_the_same_occasion(each_world: World) -> None:
    each_world.playbook("due", 'trigger: {date: {of: contact.customer_since, at: "09:00"}}')
    each_world.person("old", customer_since=date(2026, 5, 4))
    each_world.person("ada")
    each_world.tick("2026-05-04 09:00")
    each_world.person("old", merged_into="ada")
    each_world.person("ada", customer_since=date(2026, 5, 8))
    each_world.tick("2026-05-08 09:00")
    assert each_world.who_got() == ["old"]


def test_a_no_said_before_the_merge_binds_the_survivor(each_world: World) -> None:
    each_world.playbook("wish", WISH)
    each_world.person("old", consent="no")
    each_world.person("ada", **BORN)
    merge(each_world, "old", "ada", "2026-05-03 10:00")
    each_world.tick("2026-05-04 09:00")
    assert each_world.why("ada") == ["hello: ended, said no to this topic"]


def test_who_begins_anew_leaves_what_began_as_another_contact(each_world: World) -> None:
    each_world.playbook("sorry", "trigger: {low_score: {kind: nps, at_most: 6}}\nmode: restart" + TWO)
    each_world.people("old", "ada")
    each_world.tick("2026-05-03 09:00")
    each_world.answer("old", 3, utc("2026-05-04 08:00"))
    each_world.tick("2026-05-04 09:00")
    each_world.person("old", merged_into="ada")
    each_world.answer("ada", 2, utc("2026-05-04 10:00"))
    each_world.ticks("2026-05-04 11:00", "2026-05-05 12:00", "2026-05-06 12:00")
    assert [(letter.who, letter.step) for letter in each_world.got()] == [
        ("old", "first"), ("ada", "first"), ("ada", "second"),
    ]  # fmt: skip
