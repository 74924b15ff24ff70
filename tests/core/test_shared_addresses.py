"""Two contacts and one address: who is one person, and what an address gets that two people read."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from runner.app.doctor import examine
from runner.store.tables import contacts
from tests.core.world import World, utc
from tests.sync.saying import hear, person

BORN = {"birthday": date(1990, 5, 4)}
WISH = 'trigger: {anniversary: {of: contact.birthday, at: "09:00"}}'


def shop(world: World, id: str, **told: Any) -> None:
    hear(world.store, person(id, timezone="UTC", **told), of="shop", now=world.now, settings=world.app.settings)


def living(world: World) -> list[str]:
    alive = contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None)
    return [row.key for row in world.rows(sa.select(contacts.c.key).where(*alive).order_by(contacts.c.id))]


def test_an_address_that_comes_later_joins(each_world: World) -> None:
    shop(each_world, "s1", country="PL")
    each_world.person("ada", **BORN)
    shop(each_world, "s1", email="ada@x.example", country="PL")
    assert living(each_world) == ["shop:s1"]
    (ada,) = each_world.rows(sa.select(contacts).where(contacts.c.merged_into.is_(None)))
    assert (ada.address, ada.country, ada.birthday) == ("ada@x.example", "PL", date(1990, 5, 4))


def test_who_has_had_mail_keeps_the_history_when_an_address_joins(each_world: World) -> None:
    shop(each_world, "s1")
    each_world.person("ada", **BORN)
    each_world.playbook("wish", WISH)
    each_world.tick("2026-05-04 09:00")
    shop(each_world, "s1", email="ada@x.example", **BORN)
    each_world.tick("2026-05-04 10:00")
    assert (living(each_world), each_world.who_got()) == (["crm:ada"], ["ada"])


def test_two_with_a_history_each_stay_apart_and_are_listed(each_world: World) -> None:
    shop(each_world, "s1", email="old@x.example", **BORN)
    each_world.person("ada", **BORN)
    each_world.playbook("wish", WISH)
    each_world.tick("2026-05-04 09:00")
    shop(each_world, "s1", email="ada@x.example", **BORN)
    assert len(living(each_world)) == 2
    told = [finding.message for finding in examine(each_world.app).checks if finding.status == "warning"]
    assert [words for words in told if words.startswith("two people share an address: 1, such as contacts")]
    apart = "contacts/s1: email: 'ada@x.example' is the email of 1 contact of another connector already"
    assert [words for words in told if words.startswith(apart)]


def test_an_address_that_two_already_share_joins_nobody(each_world: World) -> None:
    each_world.person("ada", email="info@x.example")
    each_world.person("bob", email="info@x.example")
    shop(each_world, "s1")
    shop(each_world, "s1", email="info@x.example")
    assert len(living(each_world)) == 3


@pytest.mark.parametrize("in_one_go", [True, False])
def test_who_is_deleted_and_told_anew_does_not_get_todays_letter_again(each_world: World, in_one_go: bool) -> None:
    hear(each_world.store, person("1", email="ada@x.example", timezone="UTC", **BORN), settings=each_world.app.settings)
    each_world.playbook("wish", WISH)
    each_world.tick("2026-05-04 09:00")
    anew = person("2", email="ada@x.example", timezone="UTC", **BORN)
    gone = person("1", email="ada@x.example", timezone="UTC", deleted_at=utc("2026-05-04 10:00"), **BORN)
    for records in [(anew, gone)] if in_one_go else [(gone,), (anew,)]:
        each_world.hear(*records)
    each_world.tick("2026-05-04 11:00")
    assert each_world.mailer.addresses == ["ada@x.example"]
    assert living(each_world) == ["crm:1"]
    assert each_world.explain("2", "wish").state == "finished"


def test_an_address_gets_an_occasions_letter_once_a_day(each_world: World) -> None:
    each_world.person("ada", email="family@x.example", **BORN)
    each_world.person("bob", email="family@x.example", **BORN)
    each_world.playbook("wish", WISH)
    told = [(row.status, row.reason) for row in each_world.plan("2026-05-04 09:00")]
    each_world.tick("2026-05-04 09:00")
    assert each_world.mailer.addresses == ["family@x.example"]
    (bob,) = each_world.log("bob")
    assert bob.status == "skipped"
    assert bob.reason.startswith("the address had this letter today for contact ")
    assert told[1] == ("skip", bob.reason)


def test_people_who_share_an_address_have_each_their_own_day(world: World) -> None:
    world.person("ada", email="family@x.example", **BORN)
    world.person("bob", email="family@x.example", birthday=date(1992, 5, 5))
    world.playbook("wish", WISH)
    world.ticks("2026-05-04 09:00", "2026-05-05 09:00")
    assert world.who_got() == ["ada", "bob"]
