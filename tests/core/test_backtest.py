"""A backtest tells what a playbook would have done, by what was known then; the store stays as it is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from runner.app import decisions
from runner.errors import WrongUsage
from runner.store.tables import metadata
from runner.trial import Backtest, backtest
from tests.core.world import World, utc

WISH = "trigger: {anniversary: {of: contact.birthday}}"
SORRY = "trigger: {low_score: {at_most: 6}}"
LAPSE = "trigger: {inactivity: {for: 30 days}}"


def lived(world: World, id: str = "p", first: str = "2026-04-20", last: str = "2026-06-10") -> Backtest:
    return backtest(world.app, id, date.fromisoformat(first), date.fromisoformat(last), lambda *_: None)


def now(world: World, at: str = "2026-07-10 12:00") -> None:
    """Time passes without a tick."""
    world.now = utc(at)


def test_it_counts_who_would_have_entered_and_what_they_would_have_got(each_world: World) -> None:
    for id, day in (("ada", 4), ("bob", 20)):
        each_world.person(id, birthday=date(1990, 5, day))
    each_world.person("cyd", birthday=date(1990, 9, 4))
    each_world.playbook("p", WISH)
    now(each_world)
    told = lived(each_world)
    assert (told.people, told.enrollments, told.mean, told.max) == (2, 2, 1.0, 1)
    assert told.actions == {"hello": {"done": 2}}
    assert told.by_month == {"2026-05": {"entered": 2, "mails": 2}}


def test_the_store_is_as_it_was_and_nobody_gets_anything(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    each_world.playbook("p", WISH)
    now(each_world)
    each_world.app.fields()  # The store is made where there was none.
    before = everything(each_world)
    lived(each_world)
    assert everything(each_world) == before
    assert each_world.mailer.mailings == []


def everything(world: World) -> dict[str, list[str]]:
    return {table.name: sorted(map(repr, world.rows(sa.select(table)))) for table in metadata.sorted_tables}


def test_a_lapse_is_one_by_the_orders_of_that_time(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("p", LAPSE)
    for day in ("03-22", "04-25", "06-05"):
        each_world.order("ada", utc(f"2026-{day} 10:00"))
    now(each_world)
    told = lived(each_world)
    assert told.by_month == {"2026-04": {"entered": 1, "mails": 1}, "2026-05": {"entered": 1, "mails": 1}}


def test_the_audience_is_that_of_the_time(each_world: World) -> None:
    now(each_world, "2026-01-01 00:00")
    each_world.person("ada", birthday=date(1990, 5, 4), country="PL")
    now(each_world, "2026-06-01 00:00")
    each_world.person("ada", birthday=date(1990, 5, 4), country="US")
    each_world.playbook("p", f'{WISH}\naudience: contact.country == "PL"')
    now(each_world)
    assert lived(each_world).people == 1


def test_who_said_no_later_would_have_got_it_and_who_had_said_no_would_not(each_world: World) -> None:
    each_world.people("ada", "bob", birthday=date(1990, 5, 4))
    each_world.playbook("p", WISH)
    for who, at in (("ada", "2026-06-01 00:00"), ("bob", "2026-04-01 00:00")):
        now(each_world, at)
        decisions.suppress(each_world.app, f"{who}@x.example")
    now(each_world)
    told = lived(each_world)
    assert told.actions == {"hello": {"done": 1, "ended": 1}}


def test_nobody_is_counted_before_they_were_there(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4), created_at=utc("2026-06-01 00:00"))
    each_world.playbook("p", WISH)
    now(each_world)
    assert lived(each_world).people == 0
    assert lived(each_world, last="2026-05-05").people == 0


def test_what_caps_and_quiet_hours_would_have_held_is_told(world_with: Any) -> None:
    world: World = world_with("caps: {per_day: 1, when_over: defer}\nquiet_hours: {from: '20:00', to: '11:00'}\n")
    world.person("ada")
    world.playbook("p", SORRY)
    for hour in (8, 9):
        world.answer("ada", 3, utc(f"2026-05-04 0{hour}:00"))
    now(world)
    told = lived(world)
    assert (told.enrollments, told.max) == (2, 2)
    assert told.held == {"cap: 1 a day": 1}
    assert told.by_month == {"2026-05": {"entered": 2, "mails": 2}}


def test_what_the_playbook_really_did_does_not_stand_in_the_way(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    each_world.playbook("p", f"{WISH}\nreenter: never")
    each_world.tick("2026-05-04 10:00")
    now(each_world)
    assert lived(each_world).people == 1


def test_those_kept_out_and_held_out_are_counted_with_the_reason(world: World) -> None:
    world.people("ada", "bob", birthday=date(1990, 5, 4), country="US")
    world.playbook("p", f'{WISH}\naudience: contact.country == "PL"')
    world.playbook("held", f"{WISH}\nholdout: 100%")
    now(world)
    assert lived(world).kept_out == {'not in the audience: contact.country == "PL"': 2}
    assert (lived(world, "held").holdout, lived(world, "held").mean) == (2, 0.0)


def test_fields_whose_past_nobody_knows_are_named(world: World) -> None:
    now(world, "2026-03-01 00:00")
    world.person("ada", birthday=date(1990, 5, 4), country="PL")
    world.playbook("p", f'{WISH}\naudience: contact.country == "PL" and contact.orders_count == 0')
    now(world)
    assert lived(world, first="2026-02-25", last="2026-03-02").unknown == ("contact.birthday", "contact.country")
    assert lived(world, first="2026-03-02", last="2026-03-04").unknown == ()


@pytest.mark.parametrize(("first", "last"), [("2026-03-01", "2026-03-01"), ("2026-07-01", "2026-08-01")])
def test_a_span_that_is_empty_or_not_over_is_refused(world: World, first: str, last: str) -> None:
    world.playbook("p", WISH)
    now(world)
    with pytest.raises(WrongUsage, match="the span must begin before it ends, and be over"):
        lived(world, first=first, last=last)
