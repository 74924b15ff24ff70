"""Mail that bounces or is called spam stops what sent it, until a person resumes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from connectors.base import MailEvent, MailEventKind
from runner import collect
from runner.app import decisions
from runner.app.doctor import examine
from runner.errors import ExitCode, WrongUsage
from tests.core.world import Postbox, World, utc

LINES = "breakers: {complaints: 10%, bounces: 20%, minimum: 10}\n"
LATER = "2026-05-04 12:05"


BIRTHDAY = """\
trigger: {anniversary: {of: contact.birthday}}
actions:
  - send_email: {id: first, template: email/hello, subject: Hello}
  - wait: 1 hour
  - send_email: {id: second, template: email/hello, subject: Hello again}
"""


@pytest.fixture
def mailed(database: str, tmp_path: Path) -> Iterator[World]:
    """Ten people had the first of two letters."""
    world = World(tmp_path, database, LINES)
    world.people(*(f"p{number}" for number in range(10)), birthday=date(1990, 5, 4))
    world.playbook("birthday", BIRTHDAY)
    world.tick("2026-05-04 12:00")
    yield world
    world.close()


def told(world: World, kind: MailEventKind, people: int) -> None:
    """The provider tells this of the first mails of so many people."""
    with world.store.read() as connection:
        ids = connection.exec_driver_sql("SELECT id FROM sends WHERE step = 'first' ORDER BY id").scalars().all()
    events = [MailEvent(f"{kind}-{id}", id, kind, world.now) for id in ids[:people]]
    collect.events(world.store, "outbox", events, world.now)


@pytest.mark.parametrize(
    ("kind", "people", "why"),
    [
        (MailEventKind.COMPLAINED, 1, "1 of 10 mails of the last 7 days were marked as spam, 10.00%"),
        (MailEventKind.BOUNCED, 3, "3 of 10 mails of the last 7 days bounced, 30.00%"),
    ],
)
def test_over_its_line_a_playbook_stops_and_says_so_until_it_is_resumed(
    mailed: World, kind: MailEventKind, people: int, why: str
) -> None:
    told(mailed, kind, people)
    ticked = mailed.tick("2026-05-04 13:30")
    assert [got.step for got in mailed.got()] == ["first"] * 10
    assert ticked.exit_code == ExitCode.PERSON
    assert any(words.startswith("playbook birthday was stopped: " + why) for words in ticked.waiting)
    assert [f.message for f in examine(mailed.app).checks if f.name == "playbook birthday" and why in f.message]
    decisions.resume(mailed.app, "birthday")
    decisions.resume_mailer(mailed.app, "outbox")
    assert mailed.tick("2026-05-04 13:35").waiting == []
    assert [got.step for got in mailed.got()].count("second") == 10 - people


def test_on_the_line_of_bounces_and_below_the_least_number_nothing_stops(mailed: World) -> None:
    told(mailed, MailEventKind.BOUNCED, 2)
    assert mailed.tick("2026-05-04 13:30").exit_code == ExitCode.DONE
    assert len(mailed.got()) == 18


def test_a_mailer_that_is_stopped_takes_no_mail_of_any_playbook(mailed: World) -> None:
    told(mailed, MailEventKind.COMPLAINED, 1)
    mailed.playbook("other", "trigger: {anniversary: {of: contact.customer_since}}")
    mailed.person("zoe", customer_since=date(2020, 5, 4))
    ticked = mailed.tick(LATER)
    assert "zoe" not in mailed.who_got()
    assert any("`regulars resume --mailer outbox`" in words for words in ticked.waiting)
    decisions.resume_mailer(mailed.app, "outbox")
    mailed.tick("2026-05-04 12:10")
    assert "zoe" in mailed.who_got()
    with pytest.raises(WrongUsage, match="no mailer 'outbox' is stopped"):
        decisions.resume_mailer(mailed.app, "outbox")


class Real(Postbox):
    """A mailer whose letters reach people."""

    real = True


def test_real_mail_has_breakers_without_being_told_and_a_rehearsal_has_none(world: World) -> None:
    for mailer, stops in ((Postbox(), False), (Real(), True)):
        world.app.__dict__["mailer"] = mailer
        world.people(*(f"{stops}{number}" for number in range(200)), birthday=date(1990, 5, 4 + stops))
        world.playbook("birthday", "trigger: {anniversary: {of: contact.birthday}}\nbrake: {people: 999, share: 100%}")
        world.tick(utc(f"2026-05-0{4 + stops} 12:00"))
        with world.store.read() as connection:
            ids = connection.exec_driver_sql("SELECT id FROM sends").scalars().all()
        events = [MailEvent(id, id, MailEventKind.BOUNCED, world.now) for id in ids[-100:]]
        collect.events(world.store, "outbox", events, world.now)
        waiting = world.tick(utc(f"2026-05-0{4 + stops} 12:05")).waiting
        assert any("was stopped" in words for words in waiting) == stops
