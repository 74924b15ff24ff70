"""For one contact: why each playbook did, does or does not reach them, clause by clause, with the values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

from runner.app import decisions
from runner.app.called import find_contact
from runner.app.entering import windows
from runner.app.looking import explained
from runner.enroll.door import door_of
from tests.core.world import World, utc

WISH = "trigger: {anniversary: {of: contact.birthday}}"
PICKY = f'{WISH}\naudience: contact.country == "PL" and contact.orders_count > 2'
BORN = {"birthday": date(1990, 5, 4)}


def clauses(world: World, who: str = "ada") -> list[tuple[str, str, bool]]:
    return [(clause.text, clause.value, clause.holds) for clause in world.explain(who, "wish").clauses]


def state(world: World, who: str = "ada", playbook: str = "wish") -> tuple[str, str]:
    told = world.explain(who, playbook)
    return told.state, told.reason


def test_each_clause_is_told_with_the_value_that_decided_it(each_world: World) -> None:
    each_world.person("ada", country="DE", **BORN)
    each_world.playbook("wish", PICKY)
    each_world.ticks("2026-05-03 09:00", "2026-05-04 09:00")
    assert state(each_world) == (
        "kept out",
        'birthday 2026: not in the audience: contact.country == "PL", contact.orders_count > 2',
    )
    assert clauses(each_world) == [
        ("trigger: anniversary of contact.birthday at 09:00", "fired; decided on 2026-05-04 09:00 UTC", True),
        ('contact.country == "PL"', "contact.country is 'DE'", False),
        ("contact.orders_count > 2", "contact.orders_count is 0", False),
    ]


def test_a_no_that_was_decided_is_told_with_the_clause_and_the_values_of_then(each_world: World) -> None:
    each_world.person("ada", country="PL", customer_since=date(2026, 4, 1), **BORN)
    for day in (1, 2, 3):
        each_world.order("ada", utc(f"2026-05-0{day} 10:00"), total="19.50")
    audience = (
        'contact.country == "PL" and contact.revenue > 60 and count(orders, within="30 days") == 3'
        " and days_since(last(orders)) < 1 and contact.customer_since < today and not contact.is_test"
    )
    each_world.playbook("wish", f"{WISH}\naudience: {audience}")
    each_world.ticks("2026-05-03 12:00", "2026-05-04 09:00")
    each_world.person("ada", country="DE", customer_since=date(2026, 4, 1), is_test=True, **BORN)
    each_world.ticks("2026-06-30 09:00")
    assert state(each_world) == ("kept out", "birthday 2026: not in the audience: contact.revenue > 60")
    assert clauses(each_world)[1:] == [
        ('contact.country == "PL"', "contact.country is 'PL'", True),
        ("contact.revenue > 60", "contact.revenue is 58.5", False),
        ('count(orders, within="30 days") == 3', 'count(orders, within="30 days") is 3', True),
        (
            "days_since(last(orders)) < 1",
            "last(orders) is 2026-05-03 10:00 UTC, days_since(last(orders)) is 0.958333",
            True,
        ),
        ("contact.customer_since < today", "contact.customer_since is 2026-04-01, today is 2026-05-04", True),
        ("not contact.is_test", "contact.is_test is missing", True),
    ]


def test_what_many_facts_come_to_is_told_with_its_value(each_world: World) -> None:
    each_world.person("ada", **BORN)
    for day in ("2026-03-01", "2026-04-20", "2026-05-01"):
        each_world.order("ada", utc(f"{day} 10:00"), total="19.50")
    each_world.playbook(
        "wish",
        f'{WISH}\naudience: count(orders, within="30 days") > 5 and days_since(last(orders)) < 30'
        " and sum(orders.total) >= 58.5",
    )
    each_world.ticks("2026-05-03 09:00", "2026-05-04 10:00")
    assert clauses(each_world)[1:] == [
        ('count(orders, within="30 days") > 5', 'count(orders, within="30 days") is 2', False),
        ("days_since(last(orders)) < 30", "last(orders) is 2026-05-01 10:00 UTC, days_since(last(orders)) is 3", True),
        ("sum(orders.total) >= 58.5", "sum(orders.total) is 58.5", True),
    ]


def test_who_has_not_fired_learns_what_the_trigger_looks_at(world: World) -> None:
    world.person("ada", birthday=date(1990, 9, 1))
    world.person("bob")
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    text = "trigger: anniversary of contact.birthday at 09:00"
    assert state(world) == ("not fired", "contact.birthday is 1990-09-01")
    assert clauses(world) == [(text, "contact.birthday is 1990-09-01", False)]
    assert clauses(world, "bob") == [(text, "contact.birthday is missing", False)]


def test_who_would_fire_now_and_who_did(world: World) -> None:
    world.person("ada", **BORN)
    world.playbook("wish", WISH)
    world.now = utc("2026-05-04 10:00")
    assert state(world) == ("fires now", "36 years since birthday 1990-05-04")
    world.tick()
    assert state(world) == ("finished", "birthday 2026: finished")
    assert [row.status for row in world.explain("ada", "wish").decisions] == ["done"]


def test_a_tick_goes_on_with_its_own_people_while_a_page_explains_somebody(world: World) -> None:
    world.people("ada", "bob", **BORN)
    world.playbook("wish", WISH)
    world.now = utc("2026-05-04 10:00")
    app = world.app
    with app.store.read() as connection:
        ada = find_contact(connection, "ada")
    ((playbook, window),) = windows(
        app, [one.playbook for one in app.readings(app.fields()) if one.playbook], world.now
    )
    door = door_of(app.store, playbook, window, app.settings)
    assert ada is not None
    door.move(window, [ada])
    with ThreadPoolExecutor(1) as page:
        assert page.submit(state, world, "bob").result()[0] == "fires now"
    with app.store.read() as connection:
        assert [row.contact_id for row in connection.execute(door.news_of_some)] == [ada]


def test_a_playbook_that_does_not_run_says_why(world: World) -> None:
    world.person("ada", **BORN)
    world.playbook("wish", WISH)
    world.playbook("off", f"{WISH}\nenabled: false")
    world.playbook("broken", "trigger: {aniversary: {}}")
    world.tick("2026-05-03 10:00")
    decisions.pause(world.app, "wish")
    assert state(world, playbook="off") == ("disabled", "enabled: false")
    assert state(world)[0] == "paused"
    assert state(world)[1].startswith("paused since 2026-05-03 10:00")
    broken, reason = state(world, playbook="broken")
    assert broken == "broken"
    assert "did you mean 'anniversary'?" in reason


def test_who_is_held_out_braked_or_inside_is_told_so(world: World) -> None:
    world.people("ada", "bob", **BORN)
    world.playbook("held", f"{WISH}\nholdout: 100%")
    world.playbook("flood", f"{WISH}\nbrake: {{people: 1}}")
    world.playbook("long", f"{WISH}\nactions: [{{wait: 9 days}}]")
    world.tick("2026-05-04 10:00")
    assert state(world, playbook="held")[0] == "holdout"
    assert state(world, playbook="flood")[0] == "waits for approval"
    assert state(world, playbook="long")[0] == "inside"


def test_a_contact_is_found_by_source_id_our_id_or_address_and_mergers_are_followed(each_world: World) -> None:
    each_world.people("ada", "twin", **BORN)
    each_world.playbook("wish", WISH)
    each_world.tick("2026-05-04 10:00")
    each_world.person("twin", merged_into="ada", **BORN)
    with each_world.store.read() as connection:
        ada = find_contact(connection, "ada")
        assert {find_contact(connection, called) for called in ("ada", str(ada), "ADA@x.example", "twin")} == {ada}
        assert find_contact(connection, "nobody") is None


def test_every_playbook_is_explained_at_once(world: World) -> None:
    world.person("ada", **BORN)
    for name in ("a", "b", "c"):
        world.playbook(name, WISH)
    world.tick("2026-05-04 10:00")
    person, told = explained(world.app, "ada@x.example", None, world.now)
    assert person["source_id"] == "ada"
    assert [one.playbook for one in told] == ["a", "b", "c"]
