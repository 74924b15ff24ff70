"""Fields set by playbooks: at once, with history, and neither undone by a sync nor in a ring with one."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.records import Contact, FieldType
from runner.actions.update_contact import fitting
from runner.app import decisions
from runner.conditions.fields import Kind
from runner.store.tables import contact_changes, contacts, own_words, writes
from tests.core.world import World, utc
from tests.sync.saying import hear

HEAD = "trigger: {anniversary: {of: contact.birthday}}\nactions:\n  - "
DAY, LATER = "2026-05-04 09:00", "2026-05-05 09:00"
KINDS = {
    "plan": FieldType.TEXT,
    "visits": FieldType.NUMBER,
    "vip": FieldType.BOOL,
    "seen_on": FieldType.DATE,
    "seen_at": FieldType.TIME,
}


def says(world: World, of: str = "crm", id: str = "ada", **told: Any) -> None:
    """What a connector tells of somebody whose birthday is on the fourth of May."""
    told = {"birthday": date(1990, 5, 4), "timezone": "UTC", "created_at": utc("2020-01-01"), **told}
    record = Contact(contact_id=id, email="ada@x.example", **told)
    hear(world.store, record, of=of, now=world.now, settings=world.app.settings, fields=KINDS)


def sets(world: World, values: str, more: str = "") -> None:
    world.playbook("wish", f"{HEAD}update_contact: {{set: {values}}}\n{more}")


def now(world: World, name: str) -> Any:
    (person,) = world.rows(sa.select(contacts))
    return person.custom.get(name) if name in KINDS else getattr(person, name)


def history(world: World, name: str) -> list[tuple[Any, Any]]:
    chosen = sa.select(contact_changes.c.old, contact_changes.c.new).where(contact_changes.c.field == name)
    return [tuple(row) for row in world.rows(chosen.order_by(contact_changes.c.id))]


@pytest.fixture
def vip(each_world: World) -> World:
    """Ada, a lead to the CRM, whom a playbook has made a customer with a plan."""
    says(each_world, lifecycle_stage="lead", custom={"plan": "free"})
    sets(each_world, "{lifecycle_stage: customer, plan: gold}")
    each_world.tick(DAY)
    return each_world


def test_it_is_set_at_once_and_in_the_history(vip: World) -> None:
    assert (now(vip, "lifecycle_stage"), now(vip, "plan")) == ("customer", "gold")
    assert (history(vip, "lifecycle_stage"), history(vip, "plan")) == ([("lead", "customer")], [("free", "gold")])
    assert vip.why("ada")[0].endswith("set lifecycle_stage to customer, plan to gold")


def test_a_crm_that_says_again_what_it_said_undoes_nothing(vip: World) -> None:
    vip.now = utc(LATER)
    says(vip, lifecycle_stage="lead", custom={"plan": "free"}, first_name="Ada")
    says(vip, lifecycle_stage="lead", custom={"plan": "free"}, first_name="Augusta")
    assert (now(vip, "lifecycle_stage"), now(vip, "plan"), now(vip, "first_name")) == ("customer", "gold", "Augusta")
    assert len(history(vip, "plan")) == 1


def test_a_crm_that_says_something_new_is_believed_from_then_on(vip: World) -> None:
    vip.now = utc(LATER)
    says(vip, lifecycle_stage="evangelist", custom={"plan": "free"})
    assert (now(vip, "lifecycle_stage"), now(vip, "plan")) == ("evangelist", "gold")
    says(vip, lifecycle_stage="lead", custom={"plan": "free"})
    assert now(vip, "lifecycle_stage") == "lead", "our word is over, not asleep"
    assert [new for _, new in history(vip, "lifecycle_stage")] == ["customer", "evangelist", "lead"]


def test_a_crm_that_takes_our_word_over_changes_nothing_and_may_change_it_again(vip: World) -> None:
    vip.now = utc(LATER)
    says(vip, lifecycle_stage="customer", custom={"plan": "gold"})
    assert len(history(vip, "plan")) == 1
    assert vip.rows(sa.select(own_words)) == []
    says(vip, lifecycle_stage="customer", custom={"plan": "free"})
    assert now(vip, "plan") == "free"


def test_it_goes_before_every_source_whatever_their_rank(each_world: World) -> None:
    says(each_world, custom={"plan": "free"})
    says(each_world, of="shop", id="a-1", custom={"plan": "trial", "visits": 3})
    sets(each_world, "{plan: gold}")
    each_world.tick(DAY)
    says(each_world, of="shop", id="a-1", custom={"plan": "basic", "visits": 4})
    assert (now(each_world, "plan"), now(each_world, "visits")) == ("gold", 4)
    says(each_world, custom={"plan": "pro"})
    assert now(each_world, "plan") == "pro"


def test_set_twice_it_still_yields_to_what_the_crm_says_next(world: World) -> None:
    says(world, custom={"plan": "free"})
    sets(world, "{plan: gold}")
    world.tick(DAY)
    sets(world, "{plan: platinum}")
    world.tick("2027-05-04 09:00")
    says(world, custom={"plan": "free"}, first_name="Ada")
    assert now(world, "plan") == "platinum"
    says(world, custom={"plan": "pro"})
    assert now(world, "plan") == "pro"


def test_what_is_there_already_is_no_change(world: World) -> None:
    says(world, custom={"plan": "gold"})
    sets(world, "{plan: gold}")
    world.tick(DAY)
    assert world.why("ada")[0].startswith("update_contact-1: done")
    assert (history(world, "plan"), world.rows(sa.select(own_words)), world.rows(sa.select(writes))) == ([], [], [])


def test_what_is_set_can_be_read_in_the_next_step(world: World) -> None:
    says(world, custom={"visits": 3})
    sets(world, "{visits: '{{ contact.visits + 1 }}'}", "  - add_note: {body: '{{ contact.visits }} visits'}\n")
    world.tick(DAY)
    (note,) = world.rows(sa.select(writes.c.payload).where(writes.c.kind == "note"))
    assert (now(world, "visits"), note.payload) == (4, {"body": "4 visits"})


def test_a_value_that_does_not_fit_one_concerns_only_that_one(each_world: World) -> None:
    says(each_world, country="7")
    each_world.person("bob", country="seven", birthday=date(1990, 5, 4))
    sets(
        each_world, "{visits: '{{ contact.country | int(none) if contact.country != \"seven\" else contact.country }}'}"
    )
    each_world.tick(DAY)
    assert now_of(each_world, "ada") == {"visits": 7}
    assert each_world.why("bob") == ["update_contact-1: failed, visits must be a number, is 'seven'"]


def now_of(world: World, id: str) -> Any:
    (person,) = world.rows(sa.select(contacts).where(contacts.c.key == f"crm:{id}"))
    return person.custom


def test_each_kind_of_value_is_kept_as_its_field_holds_it(each_world: World) -> None:
    says(each_world)
    sets(each_world, '{vip: true, visits: 3, seen_on: "{{ today }}", seen_at: "{{ now }}", birthday: 1990-05-05}')
    each_world.tick(DAY)
    assert now_of(each_world, "ada") == {
        "vip": True,
        "visits": 3,
        "seen_on": "2026-05-04",
        "seen_at": "2026-05-04T09:00:00+00:00",
    }
    assert now(each_world, "birthday") == date(1990, 5, 5)


def test_nothing_empties_a_field_and_a_sync_leaves_it_empty(world: World) -> None:
    says(world, owner="kim@acme.example", custom={"plan": "free"})
    sets(world, "{owner: null, plan: ''}")
    world.tick(DAY)
    says(world, owner="kim@acme.example", custom={"plan": "free"}, first_name="Ada")
    assert (now(world, "owner"), now(world, "plan")) == (None, None)


def test_going_live_takes_back_what_the_rehearsal_has_set(vip: World) -> None:
    decisions.go_live(vip.app)
    assert (now(vip, "lifecycle_stage"), now(vip, "plan")) == ("lead", "free")


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (Kind.NUMBER, "3.50", 3.5), (Kind.NUMBER, 3.0, 3), (Kind.BOOL, "yes", True), (Kind.BOOL, "False", False),
        (Kind.DATE, utc(DAY), "2026-05-04"), (Kind.DATE, "2026-05-04T09:00", "2026-05-04"), (Kind.TEXT, 3.0, "3"),
        (Kind.TEXT, True, "true"), (Kind.TIME, "2026-05-04T09:00:00Z", "2026-05-04T09:00:00+00:00"),
        (Kind.TEXT, "", None),
    ],
)  # fmt: skip
def test_a_value_becomes_what_its_field_holds(kind: Kind, value: Any, kept: Any) -> None:
    assert fitting(kind, value) == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.NUMBER, "many"), (Kind.NUMBER, True), (Kind.NUMBER, "nan"), (Kind.NUMBER, "1e30"), (Kind.BOOL, "perhaps"),
        (Kind.BOOL, 1), (Kind.DATE, "soon"), (Kind.DATE, 3), (Kind.TIME, "2026-05-04T09:00"),
        (Kind.TIME, date(2026, 5, 4)),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        fitting(kind, value)


# check

HOOKS = "webhooks: {crm: 'https://crm.example/in', partner: 'https://partner.example/'}"


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ("update_contact: {set: {paln: gold}}", "update_contact.set.paln: contact has no 'paln'; did you mean 'plan'?"),
        ("update_contact: {set: {contact.plan: gold}}",
         "update_contact.set.contact.plan: contact has no 'contact.plan'; did you mean 'plan'?"),
        ("update_contact: {set: {nps_score: 9}}",
         "update_contact.set.nps_score: 'nps_score' is nothing that a playbook may set; set a field of your own"),
        ("update_contact: {set: {opted_out: false}}",
         "update_contact.set.opted_out: 'opted_out' is nothing that a playbook may set; set a field of your own"),
        ("update_contact: {set: {visits: many}}", "update_contact.set.visits: must be a number, is 'many'"),
        ("update_contact: {set: {vip: 3}}", "update_contact.set.vip: must be a yes or no, is 3"),
        ('update_contact: {set: {visits: "{{ contact.plan }}"}}',
         "update_contact.set.visits: must be a number, is 'Anna'"),
        ('update_contact: {set: {visits: "{{ contact.visit + 1 }}"}}',
         "update_contact.set.visits: contact has no 'visit'; did you mean 'visits'?"),
        ("update_contact: {set: {}}", "update_contact.set: sets nothing; write a field and its value below it"),
        ('add_note: {body: "{{ contact.frist_name }}"}',
         "add_note.body: contact has no 'frist_name'; did you mean 'first_name'?"),
        ('webhook: {url: crm, body: {a: [1, {b: "{{ contact.plna }}"}]}}',
         "webhook.body.a[1].b: contact has no 'plna'; did you mean 'plan'?"),
        ("webhook: {url: parnter}",
         "webhook.url: there is no webhook 'parnter' in regulars.yaml; did you mean 'partner'?"),
        ("webhook: {url: zapier}",
         "webhook.url: there is no webhook 'zapier' in regulars.yaml; add its address to webhooks: zapier: https://…, "
         "or write an https address"),
        ('webhook: {url: "http://crm.example/in"}',
         "webhook.url: must be https, is 'http://crm.example/in'; http is for webhooks: in the settings"),
        ('notify: {to: onwer, subject: A, body: B}',
         "notify.to: there is no webhook 'onwer' in regulars.yaml; did you mean 'owner'?"),
        ('notify: {to: "kim@", subject: A, body: B}', "notify.to: must be a mail address, is 'kim@'"),
        ('notify: {subject: A}', "notify: 'body' is missing; add it"),
    ],
)  # fmt: skip
def test_check_names_what_cannot_be_meant(tmp_path: Path, sqlite_url: str, action: str, fault: str) -> None:
    with closing(World(tmp_path, sqlite_url, HOOKS)) as world:
        says(world)
        world.playbook("wish", f"{HEAD}{action}\n")
        (told,) = world.check().faults
        assert str(told).partition(" ")[2].startswith(f"actions[0].{fault}")


@pytest.mark.parametrize(
    "action",
    [
        'update_contact: {set: {plan: gold, visits: 3, vip: "yes", seen_on: 2026-05-04, owner: null}}',
        'update_contact: {set: {visits: "{{ (contact.visits or 0) + 1 }}", seen_on: "{{ today }}"}}',
        "webhook: {url: crm}",
        'webhook: {url: "https://crm.example/in", body: {n: 1, of: [a, "{{ contact.plan }}"]}}',
        "notify: {to: crm, subject: A, body: B}",
        "notify: {to: kim@acme.example, subject: A, body: B}",
        'add_note: {body: "{{ contact.plan }}"}',
    ],
)
def test_check_has_nothing_against_what_is_right(tmp_path: Path, sqlite_url: str, action: str) -> None:
    with closing(World(tmp_path, sqlite_url, HOOKS)) as world:
        says(world)
        world.playbook("wish", f"{HEAD}{action}\n")
        assert world.check().faults == ()
