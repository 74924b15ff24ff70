"""Simulated and real time never mix, a tick never goes back, and a rehearsal ends before real mail begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from gzip import open as open_gzip
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner import collect
from runner.app import App, clockwork, decisions
from runner.errors import ExitCode, NeedsPerson, WrongUsage
from runner.links import BadLink, Kind, Links, Ticket
from runner.store.tables import answers, consents, contacts, inbox, purchases, sends
from tests.core.test_deliver import raises
from tests.core.world import Postbox, World, utc

WISH = "trigger: {anniversary: {of: contact.birthday}}"


class Real(Postbox):
    """A mailer that reaches people."""

    real = True


def born(world: World, *names: str) -> None:
    world.people(*names, birthday=date(1990, 5, 4))


def test_an_earlier_tick_does_nothing_and_says_so(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", WISH)
    world.tick("2026-05-05 09:00")
    born(world, "bob")
    ticked = world.tick("2026-05-04 10:00")
    assert ticked.waiting == ["the last tick was at 2026-05-05T09:00:00+00:00: nothing is done for an earlier time"]
    assert ticked.exit_code is ExitCode.PERSON
    assert world.who_got() == ["ada"]


def test_the_first_run_decides_which_clock_the_store_has(world: World) -> None:
    clockwork.allow(world.app, at=utc("2026-05-04 09:00"))
    with pytest.raises(NeedsPerson, match="simulated clock: what it holds did not happen"):
        clockwork.allow(world.app, at=None)


def test_what_is_settled_before_the_first_simulated_tick_has_ended_is_due_in_its_time(world: World) -> None:
    for name in ("wish", "again"):
        world.playbook(name, WISH)
    born(world, "ada")
    clockwork.allow(world.app, at=utc("2026-05-04 09:00"))
    world.mailer = Postbox(raises(SystemExit()))
    for _ in range(2):  # the second finds what the first left in doubt, and ends as that did
        with pytest.raises(SystemExit):
            world.tick("2026-05-04 09:00")
        world.reopen()
    world.now = utc("2026-11-28 03:00")  # as the machine has it
    assert {row["playbook"] for row in decisions.unsure(world.app, None, None)} == {"again"}
    assert decisions.settle(world.app, None, "again", "resend") == 1
    world.mailer = Postbox()
    world.tick("2026-05-04 09:10")
    assert world.mailer.addresses == ["ada@x.example"]


def test_what_was_synced_before_a_simulated_clock_began_is_known_when_it_begins(each_world: World) -> None:
    each_world.people("ada")
    each_world.now = utc("2026-06-01 12:00")
    each_world.order("ada", utc("2026-05-01 10:00"))
    clockwork.allow(each_world.app, at=utc("2026-05-04 09:00"))
    told = each_world.rows(sa.select(purchases.c.at, purchases.c.seen_at))
    assert [tuple(row) for row in told] == [(utc("2026-05-01 10:00"), utc("2026-05-04 09:00"))]


def test_a_store_that_has_run_for_real_takes_no_simulated_time(world: World) -> None:
    clockwork.allow(world.app, at=None)
    with pytest.raises(WrongUsage, match="try it on a copy: --copy FILE"):
        clockwork.allow(world.app, at=utc("2026-05-04 09:00"))


def test_simulated_time_never_meets_a_real_mailer(world: World) -> None:
    world.mailer = Real()
    with pytest.raises(WrongUsage, match="would write to real people; use the outbox"):
        clockwork.allow(world.app, at=utc("2026-05-04 09:00"), yes=True)
    assert world.app.remembered("clock") is None


def test_a_mailer_on_this_machine_asks_first(world: World) -> None:
    world.mailer = Real()
    world.mailer.loopback = True
    with pytest.raises(WrongUsage, match="say --yes if that is meant"):
        clockwork.allow(world.app, at=utc("2026-05-04 09:00"))
    clockwork.allow(world.app, at=utc("2026-05-04 09:00"), yes=True)


def test_a_copy_lives_on_alone(world: World, tmp_path: Path) -> None:
    born(world, "ada")
    world.playbook("wish", WISH)
    clockwork.allow(world.app, at=None)
    copy = tmp_path / "copy.db"
    clockwork.move_to_copy(world.app, copy)
    clockwork.allow(world.app, at=utc("2026-05-04 09:00"))
    world.tick("2026-05-04 09:00")
    assert world.who_got() == ["ada"]
    assert len(list((tmp_path / "copy.outbox").rglob("*.eml"))) == 1
    world.reopen()
    assert world.log() == []
    assert world.app.remembered("clock") == "real"


def test_what_a_copy_sends_is_nothing_to_the_real_store(world: World, tmp_path: Path) -> None:
    born(world, "ada")
    world.playbook("wish", WISH)
    clockwork.allow(world.app, at=None)
    before, real = world.app.epoch, world.app.links
    mine = real.unsubscribe("s-1", 1).rpartition("/")[2]
    clockwork.move_to_copy(world.app, tmp_path / "copy.db")
    world.tick("2026-05-04 09:00")
    (send_id,) = (row.id for row in world.rows(sa.select(sends.c.id)))
    theirs = world.app.links.unsubscribe(send_id, 1).rpartition("/")[2]
    assert not send_id.startswith(before)
    assert world.app.links.read("unsubscribe", theirs).send_id == send_id
    for links, token in ((real, theirs), (world.app.links, mine)):
        with pytest.raises(BadLink):
            links.read("unsubscribe", token)


def test_the_first_simulated_run_signs_what_no_real_store_opens(world: World) -> None:
    clockwork.allow(world.app, at=utc("2026-05-04 09:00"))
    token = world.app.links.unsubscribe("s-1", 1).rpartition("/")[2]
    with pytest.raises(BadLink):
        Links("https://hello.acme.example", world.app.settings.secrets).read("unsubscribe", token)


def test_a_copy_leaves_the_webhooks_of_the_real_store_alone(world: World, tmp_path: Path) -> None:
    clockwork.allow(world.app, at=None)
    collect.receive(world.store, "outbox", b"[]", utc("2026-05-04 09:00"))
    clockwork.move_to_copy(world.app, tmp_path / "copy.db")
    world.tick("2026-05-05 09:00")
    world.reopen()
    assert _waiting(world) == 1


def _waiting(world: World) -> int:
    with world.store.inbox.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).where(inbox.c.drained_at.is_(None))) or 0)


def test_a_store_restored_without_its_inbox_works(world: World, tmp_path: Path) -> None:
    born(world, "ada")
    world.playbook("wish", WISH)
    world.app.close()
    (tmp_path / "inbox.db").unlink()
    world.reopen()
    assert [letter.who for letter in world.ticks("2026-05-04 09:00")] == ["ada"]


def test_real_mail_begins_only_after_the_rehearsal_is_archived(world: World) -> None:
    born(world, "ada")
    decisions.suppress(world.app, "no@x.example")
    world.playbook("wish", WISH)
    clockwork.allow(world.app, at=None)
    world.tick("2026-05-04 09:00")
    world.mailer = Real()
    with pytest.raises(NeedsPerson, match="1 mail of this store went to the outbox and reached nobody"):
        clockwork.allow(world.app, at=None)
    archive = decisions.go_live(world.app)
    with open_gzip(archive, "rt") as file:
        assert [json.loads(line)["step"] for line in file] == ["hello"]
    clockwork.allow(world.app, at=None)
    assert (world.log(), world.got(), world.inside()) == ([], [], {})
    world.tick("2026-05-04 12:00")
    assert world.mailer.addresses == ["ada@x.example"]


def test_what_was_answered_in_a_rehearsal_is_forgotten_and_what_connectors_told_stays(each_world: World) -> None:
    each_world.people("ada", "bob", birthday=date(1990, 5, 4))
    each_world.answer("bob", 4, utc("2026-05-01 09:00"))
    each_world.person("bob", consent="yes", birthday=date(1990, 5, 4))
    each_world.playbook("ask", f"{WISH}\nactions:\n  - survey: {{kind: nps, template: email/ask, subject: Hi}}\n")
    each_world.tick("2026-05-04 09:00")
    sent = sa.select(sends.c.id, sends.c.contact_id).order_by(sends.c.contact_id)
    for send_id, contact in each_world.rows(sent):
        collect.answer(each_world.store, Ticket(Kind.SURVEY, send_id, contact), 10, None, each_world.now)
        collect.resubscribe(each_world.store, Ticket(Kind.UNSUBSCRIBE, send_id, contact), each_world.now)
    decisions.go_live(each_world.app)
    scores = sa.select(contacts.c.nps_score, contacts.c.last_answer_at).order_by(contacts.c.id)
    assert [tuple(row) for row in each_world.rows(scores)] == [(None, None), (4, utc("2026-05-01 09:00"))]
    assert [(row.answer, row.source) for row in each_world.rows(sa.select(consents))] == [("yes", "crm")]
    assert each_world.rows(sa.select(answers)) == []


def test_what_is_paused_stays_so_when_it_goes_live(world: World) -> None:
    born(world, "ada")
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    decisions.pause(world.app, "wish")
    decisions.go_live(world.app)
    world.mailer = Real()
    world.tick("2026-05-04 12:00")
    assert world.mailer.addresses == []


@pytest.mark.parametrize("step", [decisions.rehearsal_in_words, decisions.go_live])
def test_go_live_is_refused_before_anything_is_asked(world: World, step: Callable[[App], object]) -> None:
    with pytest.raises(NeedsPerson, match="nothing was rehearsed"):
        step(world.app)
    world.app.remember("clock", "simulated")
    with pytest.raises(NeedsPerson, match="simulated clock"):
        step(world.app)
