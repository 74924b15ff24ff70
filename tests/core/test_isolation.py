"""Whatever goes wrong in one playbook, however unforeseen, stops no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.records import Event
from runner.app.entering import enroll_all
from runner.edge import Edge
from runner.enroll import register
from runner.errors import ExitCode
from runner.store.tables import custom_fields
from runner.triggers.overdue_invoice import OverdueInvoice
from tests.core.test_deliver import WISH
from tests.core.world import TEMPLATE, World, utc


class Templates:
    """Those of the workspace, and one at which our own code breaks."""

    def __init__(self, templates: Any) -> None:
        self._templates = templates

    def __getattr__(self, name: str) -> Any:
        return getattr(self._templates, name)

    def mailings(self, template: str, *args: Any, **named: Any) -> Any:
        if template == "email/odd":
            raise KeyError("nobody thought of this")
        return self._templates.mailings(template, *args, **named)


@pytest.fixture
def both(world: World) -> World:
    """Playbooks a and b want to write to Ada; a's template is odd."""
    world.person("ada", birthday=date(1990, 5, 4))
    world.write("templates/email/odd.html", TEMPLATE)
    world.playbook("a", f"{WISH}\nactions:\n  - send_email: {{id: odd, template: email/odd, subject: Hi}}\n")
    world.playbook("b", WISH)
    return world


def test_a_letter_that_fails_in_a_way_nobody_foresaw_stops_no_other_playbook(both: World) -> None:
    both.app.__dict__["templates"] = Templates(both.app.templates)
    ticked = both.tick("2026-05-04 09:00")
    assert [letter.playbook for letter in both.got()] == ["b"]
    assert (ticked.exit_code, ticked.waiting) == (
        ExitCode.PERSON,
        ["a: could not go on, the others did: KeyError: 'nobody thought of this'"],
    )


def test_who_was_claimed_when_it_failed_is_tried_again_and_written_to_once(both: World) -> None:
    templates = both.app.templates
    both.app.__dict__["templates"] = Templates(templates)
    both.ticks("2026-05-04 09:00", "2026-05-04 09:05")
    both.app.__dict__["templates"] = templates
    both.ticks("2026-05-04 09:10", "2026-05-04 09:15")
    assert [letter.playbook for letter in both.got()] == ["b", "a"]


@pytest.mark.parametrize("table", ["enrollments", "sends"])
def test_a_playbook_that_the_database_refuses_stops_no_other(both: World, table: str) -> None:
    refuse = f"CREATE TRIGGER no BEFORE INSERT ON {table} WHEN NEW.playbook = 'a' BEGIN {{}} END"
    both.do(sa.text(refuse.format("SELECT RAISE(ABORT, 'out of order');")))
    ticked = both.tick("2026-05-04 09:00")
    assert [letter.playbook for letter in both.got()] == ["b"]
    assert (ticked.exit_code, ticked.waiting) == (
        ExitCode.PERSON,
        ["a: could not go on, the others did: out of order"],
    )
    both.do(sa.text("DROP TRIGGER no"))
    both.tick("2026-05-04 09:05")
    assert [letter.playbook for letter in both.got()] == ["b", "a"]


def test_a_playbook_whose_question_the_database_cannot_answer_stops_no_other(world: World) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("a", "trigger:\n  became:\n    when: sum(events.refill.litres) > 5")
    world.playbook("b", WISH)
    world.do(custom_fields.insert().values(of_table="events", name="litres", type="number", connector="crm"))
    world.hear(Event(event_id="1", contact_id="ada", kind="refill", at=utc("2026-05-04 08:00"), custom={"litres": 9}))
    world.tick("2026-05-04 07:00")
    world.do(sa.text("UPDATE events SET custom = '{'"))
    ticked = world.tick("2026-05-04 09:00")
    assert [letter.playbook for letter in world.got()] == ["b"]
    assert ticked.waiting == ["a: could not go on, the others did: malformed JSON"]


def test_a_playbook_whose_question_cannot_even_be_written_stops_no_other(world: World) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("a", "trigger: {overdue_invoice: {}}")
    world.playbook("b", WISH)
    a, b = (reading.playbook for reading in world.app.readings(world.app.fields()))
    assert a is not None
    assert b is not None
    before_any_calendar = replace(a, trigger=OverdueInvoice.model_construct(days=10**8))
    edge, now = Edge(), utc("2026-05-04 09:00")
    register(world.store, [before_any_calendar, b], now)
    enroll_all(world.app, [before_any_calendar, b], now, edge)
    assert edge.told() == ["a: could not go on, the others did: OverflowError: date value out of range"]
    assert world.inside() == {"ada birthday 2026": "active"}


def test_points_that_cannot_be_counted_keep_no_mail_back(world: World) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("b", WISH)
    settings = (world.folder / "regulars.yaml").read_text()
    world.write("regulars.yaml", settings + "loyalty: {since: 2026-01-01, points: {per_order: 1}}\n")
    world.reopen()
    world.order("ada", utc("2026-05-03 08:00"))
    refuse = "CREATE TRIGGER no BEFORE INSERT ON points BEGIN SELECT RAISE(ABORT, 'out of order'); END"
    world.do(sa.text(refuse))
    ticked = world.tick("2026-05-04 09:00")
    assert [letter.playbook for letter in world.got()] == ["b"]
    assert ticked.waiting == ["rewards: could not go on, the others did: out of order"]


def test_a_mail_that_check_refuses_keeps_its_own_playbook_from_running_until_it_is_mended(world: World) -> None:
    ada = world.person("ada", birthday=date(1990, 5, 4))
    world.write("templates/email/bare.html", "<p>Hi</p>{{ unsubscribe() }}")
    world.playbook("bare", f"{WISH}\nactions:\n  - send_email: {{id: bare, template: email/bare, subject: Hi}}\n")
    told = world.tick("2026-05-04 09:00").faults
    assert ([str(fault) for fault in told], world.got()) == (
        ["templates/email/bare.html:1:1: has no postal address; write {{ sender.address }} at its foot"],
        [],
    )
    world.write("templates/email/bare.html", "<p>Hi</p>{{ unsubscribe() }} {{ sender.address }}")
    assert [got.who for got in world.ticks("2026-05-04 10:00")] == [ada]


def test_a_link_to_nowhere_hides_no_edit_of_the_files_beside_it(world: World) -> None:
    world.playbook("wish", "trigger: {anniversary: {of: contact.birthday}}")
    for number in range(20):
        (world.folder / "playbooks" / f"nowhere{number}.txt").symlink_to("nowhere")
    (before,) = world.app.readings(world.app.fields())
    world.playbook("wish", "trigger: {aniversary: {of: contact.birthday}}")
    (after,) = world.app.readings(world.app.fields())
    assert (before.faults, len(after.faults)) == ((), 1)
