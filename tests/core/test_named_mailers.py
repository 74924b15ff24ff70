"""Several mailers below `mail:`, each by its name; a step names the one it sends by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from email import message_from_bytes
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.store.tables import sends
from tests.core.world import Postbox, World
from tests.loopback.smtp import LoopbackSmtp

STEPS = """\
trigger: {anniversary: {of: contact.birthday}}
actions:
  - send_email: {id: usual, template: email/hello, subject: Usual}
  - send_email: {id: offer, template: email/hello, subject: Offer, mailer: offers}
"""
SMTP = "{{type: smtp, host: 127.0.0.1, port: {port}, tls: none}}"


def subjects(box: LoopbackSmtp) -> list[str]:
    return [message_from_bytes(mail.content)["Subject"] for mail in box.mails]


@pytest.fixture
def main() -> Iterator[LoopbackSmtp]:
    with LoopbackSmtp() as server:
        yield server


@pytest.fixture
def offers() -> Iterator[LoopbackSmtp]:
    with LoopbackSmtp() as server:
        yield server


@pytest.fixture
def named(sqlite_url: str, tmp_path: Path, main: LoopbackSmtp, offers: LoopbackSmtp) -> Iterator[World]:
    with closing(World(tmp_path, sqlite_url)) as world:
        lines = "".join(
            f"  {name}: {SMTP.format(port=box.port)}\n" for name, box in (("main", main), ("offers", offers))
        )
        settings = (world.folder / "regulars.yaml").read_text().replace("mail: {type: outbox}\n", f"mail:\n{lines}")
        world.write("regulars.yaml", settings)
        world.app.close()
        world.app = world._open()
        world.people("ada", birthday=date(1990, 5, 4))
        world.playbook("birthday", STEPS)
        yield world


def test_a_step_sends_by_the_mailer_it_names_and_by_the_first_where_it_names_none(
    named: World, main: LoopbackSmtp, offers: LoopbackSmtp
) -> None:
    assert named.tick("2026-05-04 12:00").failures == []
    assert subjects(main) == ["Usual"]
    assert subjects(offers) == ["Offer"]
    assert named.rows(sa.select(sends.c.step, sends.c.mailer).order_by(sends.c.step)) == [
        ("offer", "offers"),
        ("usual", "main"),
    ]


def test_a_mailer_that_is_gone_keeps_its_letters_waiting_and_says_so(named: World, main: LoopbackSmtp) -> None:
    named.app.__dict__["_others"] = {}
    ticked = named.tick("2026-05-04 12:00")
    assert "birthday: offer waits; there is no mailer 'offers'" in ticked.waiting
    assert subjects(main) == ["Usual"]


def test_a_name_that_no_mailer_has_is_a_fault_with_what_may_be_meant(named: World) -> None:
    named.playbook("birthday", STEPS.replace("mailer: offers", "mailer: ofers"))
    (fault,) = named.check().faults
    assert str(fault).endswith("mailer: there is no mailer 'ofers' in regulars.yaml; did you mean 'offers'?")


def test_in_a_rehearsal_every_name_leads_into_the_outbox(world: World) -> None:
    world.people("ada", birthday=date(1990, 5, 4))
    world.playbook("birthday", STEPS)
    assert world.check().faults == ()
    world.tick("2026-05-04 12:00")
    assert isinstance(world.mailer, Postbox)
    assert [mailing.subject for mailing in world.mailer.mailings] == ["Usual", "Offer"]
