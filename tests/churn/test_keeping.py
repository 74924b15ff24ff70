"""Scores are written once a night where they have changed, and what changed is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from connectors.records import Contact, FieldType, Order
from runner.churn.overview import explained, overview
from runner.cli.churn_words import explained_lines, overview_lines
from runner.store.tables import contact_changes, contacts, meta
from tests.core.world import World, utc

RISK = "trigger: {churn_risk: {above: 0.7}}"


def risks(world: World) -> dict[str, float | None]:
    c = contacts.c
    with world.store.read() as connection:
        return {key.partition(":")[2]: risk for key, risk in connection.execute(sa.select(c.key, c.churn_risk))}


def history(world: World) -> list[tuple[object, object]]:
    one = contact_changes.c
    chosen = sa.select(one.old, one.new).where(one.field == "churn_risk").order_by(one.id)
    with world.store.read() as connection:
        return [tuple(row) for row in connection.execute(chosen)]


def test_the_rule_is_written_on_the_day_it_comes_true_and_kept_as_history(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.order("ada", utc("2026-03-01 12:00"))
    each_world.tick("2026-05-30 09:00")
    assert risks(each_world) == {"ada": 0.0, "bob": None}
    each_world.tick("2026-05-31 09:00")
    each_world.tick("2026-05-31 10:00")
    assert risks(each_world) == {"ada": 1.0, "bob": None}
    assert history(each_world) == [(None, 0.0), (0.0, 1.0)]


def test_a_rule_that_comes_true_lets_people_in_once_a_lapse(world: World) -> None:
    world.people("ada")
    world.order("ada", utc("2026-03-01 12:00"))
    world.playbook("save", RISK)
    days = [world.now + timedelta(days=number, hours=9) for number in range(60, 160, 3)]
    for day in days:
        world.tick(day)
    assert [letter.who for letter in world.got()] == ["ada"]


def test_another_measure_is_no_rise(world: World) -> None:
    """Scores of another kind say of somebody that they are high: they were as high before."""
    world.people("ada")
    world.order("ada", utc("2026-03-01 12:00"))
    world.playbook("save", RISK)
    world.tick("2026-05-30 09:00")
    settings = world.folder / "regulars.yaml"
    settings.write_text(settings.read_text() + "churn: {horizon: 60 days}\n")
    world.reopen()
    world.tick("2026-05-31 09:00")
    assert risks(world)["ada"] == 1.0
    assert world.got() == []


def test_a_source_that_tells_the_score_is_not_overruled(world: World) -> None:
    told = Contact(contact_id="ada", email="ada@x.example", created_at=utc("2020-01-01"), custom={"churn_risk": 0.4})
    world.hear(told, fields={"churn_risk": FieldType.NUMBER})
    world.order("ada", utc("2025-01-01"))
    world.tick("2026-05-31 09:00")
    assert risks(world) == {"ada": 0.4}


def test_an_order_keeps_the_score_until_the_night(world: World) -> None:
    world.people("ada")
    world.order("ada", utc("2026-01-01 12:00"))
    world.tick("2026-05-31 09:00")
    world.order("ada", utc("2026-05-31 10:00"))
    world.tick("2026-05-31 12:00")
    assert risks(world)["ada"] == 1.0
    world.tick("2026-06-01 00:05")
    assert risks(world)["ada"] == 0.0


def test_who_is_no_customer_any_more_has_no_score(world: World) -> None:
    world.people("ada")
    world.order("ada", utc("2026-05-01 12:00"), id="o1")
    world.tick("2026-05-31 09:00")
    world.order("ada", utc("2026-05-01 12:00"), id="o1", total="0")
    world.tick("2026-06-01 09:00")
    assert risks(world) == {"ada": None}


def test_a_model_that_is_not_there_is_told_and_the_tick_goes_on(world_with: Callable[[str], World]) -> None:
    world = world_with("churn: {model: mbg_nbt}")
    world.people("ada")
    world.playbook("hello", "trigger: {event: {kind: order}}")
    world.tick("2026-05-30 09:00")
    world.order("ada", utc("2026-05-30 10:00"))
    ticked = world.tick("2026-05-31 09:00")
    assert ticked.waiting == ["churn.model: there is no model 'mbg_nbt'; did you mean 'mbg_nbd'?"]
    assert [letter.who for letter in world.got()] == ["ada"]


def test_a_shop_with_a_model_is_scored_and_explained(each_world: World) -> None:
    """220 people over a year; the more lately and often they ordered, the lower their score."""
    each_world.people(*(f"c{number}" for number in range(220)))
    begin, now = utc("2025-06-01 12:00"), utc("2026-03-20 09:00")
    each_world.hear(
        *(
            Order(order_id=f"o{number}-{order}", contact_id=f"c{number}", total=Decimal(25), ordered_at=at)
            for number in range(220)
            for order in range(1 if number % 3 == 0 else 2 + number % 5)
            if (at := begin + timedelta(days=number + order * (20 + number % 40))) < now
        )
    )
    each_world.tick(now)
    told = overview(each_world.store, each_world.app.settings, now, top=3)
    assert (told.scale.tier, told.customers, sum(told.counts.values())) == ("model", 220, 220)
    assert all(0.01 <= risk <= 0.99 and risk == round(risk, 2) for risk in risks(each_world).values() if risk)
    one = explained(each_world.store, each_world.app.settings, now, _number(each_world, "c1"))
    assert one is not None
    assert one.sentences()[0] == "ordered on 3 days, the last one 249 days ago (2025-07-14)"
    assert list(overview_lines(told))
    assert list(explained_lines(one))
    with each_world.store.read() as connection:
        kept = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "churn_scored"))
    assert kept["day"] == "2026-03-20"


def _number(world: World, who: str) -> int:
    with world.store.read() as connection:
        (found,) = connection.scalars(sa.select(contacts.c.id).where(contacts.c.key.like(f"%:{who}")))
        return int(found)
