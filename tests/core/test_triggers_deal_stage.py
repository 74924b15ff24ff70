"""A deal that comes to a stage is one occasion, for its contact or its company's primary contact."""

from __future__ import annotations

from typing import Any

from connectors.records import Deal
from tests.core.world import World, utc

WON = "trigger: {deal_stage: {stage: closedwon}}"


def deal(world: World, stage: str, at: str, *, id: str = "d1", **told: Any) -> None:
    """A deal of January is told to be in a stage."""
    world.now = utc(at)
    told = {"name": "Big one", "created_at": utc("2026-01-01"), "is_won": stage == "closedwon", **told}
    world.hear(Deal(deal_id=id, stage=stage, **told))


def test_only_coming_to_the_stage_fires(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("won", WON)
    deal(each_world, "offer", "2026-02-28 09:00", contact_id="ada")
    each_world.tick("2026-03-01 09:00")
    deal(each_world, "closedwon", "2026-03-02 09:00", contact_id="ada")
    each_world.ticks("2026-03-02 09:00", "2026-03-02 09:05", "2026-03-20 09:00")
    assert each_world.why("ada") == ["hello: done, deal Big one came to closedwon"]
    assert list(each_world.inside()) == ["ada deal crm:d1 closedwon"]


def test_deals_that_were_there_before_start_nothing(each_world: World) -> None:
    each_world.person("ada")
    deal(each_world, "closedwon", "2026-02-28 09:00", contact_id="ada", closed_at=utc("2026-02-01"))
    each_world.playbook("won", WON)
    each_world.ticks("2026-03-01 09:00", "2026-03-01 10:00")
    deal(each_world, "closedwon", "2026-03-02 09:00", contact_id="ada", closed_at=utc("2026-02-01"), name="Renamed")
    assert each_world.ticks("2026-03-02 09:00") == []


def test_an_old_deal_that_is_told_for_the_first_time_starts_nothing(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("won", WON)
    each_world.tick("2026-03-01 09:00")
    deal(each_world, "closedwon", "2026-03-02 09:00", contact_id="ada", closed_at=utc("2026-02-01"))
    assert each_world.ticks("2026-03-02 09:00") == []


def test_a_deal_that_is_told_for_the_first_time_in_its_stage_counts_from_when_it_was_closed(world: World) -> None:
    world.person("ada")
    world.playbook("won", WON)
    world.ticks("2026-03-01 09:00", "2026-03-05 09:00")
    deal(world, "closedwon", "2026-03-06 09:00", contact_id="ada", closed_at=utc("2026-03-04"))
    assert [letter.who for letter in world.ticks("2026-03-06 09:00")] == ["ada"]


def test_back_and_forth_is_one_occasion(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("won", WON)
    each_world.tick("2026-03-01 09:00")
    for day, stage in enumerate(("offer", "closedwon", "offer", "closedwon"), 2):
        deal(each_world, stage, f"2026-03-0{day} 09:00", contact_id="ada")
        each_world.tick()
    assert each_world.who_got() == ["ada"]


def test_a_deal_that_has_moved_on_by_the_tick_does_not_fire(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("offer", "trigger: {deal_stage: {stage: offer}}")
    deal(each_world, "new", "2026-02-28 09:00", contact_id="ada")
    each_world.tick("2026-03-01 09:00")
    deal(each_world, "offer", "2026-03-01 10:00", contact_id="ada")
    deal(each_world, "lost", "2026-03-01 11:00", contact_id="ada")
    assert each_world.ticks("2026-03-01 12:00") == []


def test_another_pipeline_is_another_matter(world: World) -> None:
    world.people("ada", "bob")
    world.playbook("won", "trigger: {deal_stage: {stage: done, pipeline: service}}")
    world.tick("2026-03-01 09:00")
    for who, pipeline in (("ada", "service"), ("bob", "sales")):
        deal(world, "new", "2026-03-02 09:00", id=who, contact_id=who, pipeline=pipeline)
        deal(world, "done", "2026-03-02 10:00", id=who, contact_id=who, pipeline=pipeline)
    world.tick("2026-03-02 10:00")
    assert world.who_got() == ["ada"]


def test_a_companys_deal_goes_to_who_has_been_known_longest_and_can_be_written_to(each_world: World) -> None:
    each_world.company("acme")
    each_world.person("first", company_id="acme", created_at=utc("2019-01-01"), email=None)
    each_world.person("second", company_id="acme", created_at=utc("2020-01-01"))
    each_world.person("third", company_id="acme", created_at=utc("2021-01-01"))
    each_world.playbook("won", WON)
    deal(each_world, "offer", "2026-02-28 09:00", company_id="acme")
    each_world.tick("2026-03-01 09:00")
    deal(each_world, "closedwon", "2026-03-02 09:00", company_id="acme")
    each_world.tick("2026-03-02 09:00")
    assert each_world.who_got() == ["second"]


def test_a_company_whose_primary_contact_changes_is_not_written_to_twice(each_world: World) -> None:
    each_world.company("acme")
    each_world.person("second", company_id="acme", created_at=utc("2020-01-01"))
    each_world.playbook("won", WON)
    each_world.tick("2026-03-01 09:00")
    deal(each_world, "new", "2026-03-02 08:00", company_id="acme")
    deal(each_world, "closedwon", "2026-03-02 09:00", company_id="acme")
    each_world.tick("2026-03-02 09:00")
    each_world.person("first", company_id="acme", created_at=utc("2019-01-01"))
    each_world.tick("2026-03-02 10:00")
    assert each_world.who_got() == ["second"]


def test_a_letter_may_name_the_deal(each_world: World) -> None:
    each_world.person("ada")
    each_world.write(
        "templates/email/hello.html", "{{ deal.name }} {{ deal.amount }} {{ unsubscribe() }} {{ sender.address }}"
    )
    each_world.playbook("won", WON)
    each_world.tick("2026-03-01 09:00")
    deal(each_world, "new", "2026-03-02 08:00", contact_id="ada")
    deal(each_world, "closedwon", "2026-03-02 09:00", contact_id="ada", amount=1234)
    each_world.tick("2026-03-02 09:00")
    (mailing,) = each_world.mailer.mailings
    assert "Big one 1234" in str(mailing)
