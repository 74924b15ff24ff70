"""What is wrong in a playbook's tests is told like every other mistake: file, line, column, advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.test_playbook_tests import BIRTHDAY, Workspace
from tests.core.world import World

NOW = "given: {now: 2027-05-04T09:00%s}\nexpect: %s"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (NOW % ("", "[helo]"), "tests[0].expect[0]: there is no step 'helo'; did you mean 'hello'?"),
        (NOW % ("", "{held: x}"), "tests[0].expect.held: there is no step 'x'; there are hello"),
        (NOW % ("", "{}"), "tests[0].expect: what is expected? the steps that are done, [] for none, or not_entered: "
         "and a reason"),
        (NOW % ("", "{done: [hello], not_entered: true}"), "tests[0].expect: who does not enter has no steps: keep "
         "not_entered: or the steps"),
        (NOW % ("", "{not_entered: false}"),
         "tests[0].expect.not_entered: is false: say under done: what is done instead"),
        (NOW % ("", "{done: hello, until: 2 days ago}"),
         "tests[0].expect.until: must be later than now, is '2 days ago'"),
        (NOW % (", contact: {frist_name: A}", "[hello]"), "tests[0].given.contact.frist_name: contact has no "
         "'frist_name'; did you mean 'first_name'?"),
        (NOW % (", contact: {birthday: soon}", "[hello]"), "tests[0].given.contact.birthday: must be a time such as "
         "2027-02-28T09:00 or '3 days ago', is 'soon'"),
        (NOW % (", contact: {birthday: 3 days}", "[hello]"), "tests[0].given.contact.birthday: before or after? write "
         "'3 days ago' or 'in 3 days'"),
        (NOW % (", contact: {opted_out: maybe}", "[hello]"), "tests[0].given.contact.opted_out: must be true or false, "
         "is 'maybe'"),
        (NOW % (", contact: {orders_count: many}", "[hello]"),
         "tests[0].given.contact.orders_count: must be a number, "
         "is 'many'"),
        (NOW % (", contact: {orders_count: 2}, orders: [{total: 1}]", "[hello]"),
         "tests[0].given.contact.orders_count: "
         "orders_count is what the orders come to: give the orders or this"),
        (NOW % (", before: {orders_count: 2}", "[hello]"),
         "tests[0].given.before.orders_count: orders_count is counted from orders and tickets, whose times say when it "
         "was so; write these below given: with their times, or below then:"),
        ("given: {now: 2027-05-04T09:00}\nthen: [{after: 1 day, contact: {open_tickets: 0}}]\nexpect: [hello]",
         "tests[0].then[0].contact.open_tickets: open_tickets is counted from orders and tickets, whose times say when "
         "it was so; write these below given: with their times, or below then:"),
        (NOW % (", orders: [{totl: 1}]", "[hello]"), "tests[0].given.orders[0].totl: orders have no 'totl'; did you "
         "mean 'total'?"),
        (NOW % (", deals: [{amount: 1}]", "[hello]"), "tests[0].given.deals[0]: 'stage' is missing; add it"),
        (NOW % (", order: [{total: 1}]", "[hello]"), "tests[0].given.order: there is no key 'order' here; did you mean "
         "'orders'?"),
        (NOW % (", contact: {zone: UTC}", "[]"), "tests[0].given.contact.zone: 'zone' is kept by Regulars itself; "
         "write timezone"),
        (NOW % (", contact: {birthday: 0001-01-01}", "[]"), "tests[0].given.contact.birthday: must be in the years "
         "1850 to 2200, is 0001-01-01"),
        (NOW % (", contact: {orders_count: 1e30}", "[]"), "tests[0].given.contact.orders_count: must be a whole number "
         "up to 1000, is 1E+30"),
        (NOW % ("", "{done: hello, until: 2020-01-01}"), "tests[0].expect.until: is before now"),
        (NOW % ("", "[hello]") + "\nthen: [{at: 2020-01-01, order: {}}]", "tests[0].then[0].at: is before now"),
        (NOW % (", inside: helo", "[]"), "tests[0].given.inside: there is no step 'helo'; did you mean 'hello'?"),
        (NOW % (", arms: {hello: b}", "[hello]"), "tests[0].given.arms.hello: there is no arm 'b' of 'hello'; name a "
         "split's step and its arm"),
        ("given: {now: tomorrow}\nexpect: []",
         "tests[0].given.now: must be a time itself, such as 2027-02-28T09:00, is "
         "'tomorrow'"),
        ("given: {}\nexpect: []", "tests[0].given: 'now' is missing; add it"),
        (NOW % ("", "[hello]") + "\nthen: [{order: {}}]", "tests[0].then[0]: when? write after: 2 days, or at: and a "
         "time"),
        (NOW % ("", "[hello]") + "\nthen: [{after: 1 day, order: {}, click: hello}]", "tests[0].then[0]: what happens? "
         "one of order, refund, answer, event, ticket, deal, cart, invoice, contract, subscription, mention, message, "
         "exit, contact, click, "
         "unsubscribe"),
        (NOW % ("", "[hello]") + "\nthen: [{after: 1 day, click: helo}]", "tests[0].then[0].click: there is no step "
         "'helo'; did you mean 'hello'?"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_where_it_stands(workspace: Workspace, case: str, told: str) -> None:
    workspace.playbook(BIRTHDAY, case)
    (fault,) = workspace.suite().faults
    assert str(fault).partition(": ")[2] == told
    assert (fault.file, fault.line >= 6, fault.column > 1) == ("playbooks/try.yaml", True, True)


def test_two_tests_of_one_name_are_a_fault(workspace: Workspace) -> None:
    workspace.playbook(BIRTHDAY, NOW % ("", "[]"), NOW % ("", "[]"))
    file = workspace.folder / "playbooks/try.yaml"
    file.write_text(file.read_text().replace("test 2", "test 1"))
    (fault,) = workspace.suite().faults
    assert str(fault) == "playbooks/try.yaml:9:11: tests[1].name: the name 'test 1' is taken by an earlier test"


def test_a_field_that_no_connector_has_told_of_is_a_warning_once_they_have_told(world: World) -> None:
    tests = "tests:\n  - {name: a, given: {now: 2027-05-04T09:00, contact: {colour: red}}, expect: []}\n"
    world.playbook("wish", "trigger: anniversary\n" + tests)
    assert world.check().warnings == ()
    world.person("ada")
    (warning,) = world.check().warnings
    assert str(warning) == "playbooks/wish.yaml:4:56: tests[0].given.contact.colour: contact has no 'colour'"


def test_a_playbook_whose_tests_are_at_fault_does_not_run(world: World) -> None:
    world.playbook("wish", "trigger: anniversary\ntests: [{name: a, given: {}, expect: []}]\n")
    assert [fault.where for fault in world.tick("2026-05-04 09:00").faults] == ["tests[0].given"]
