"""A no between the claim and the call is heeded, as one before the claim is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import MailEvent, MailEventKind, Mailing, Outcome, Verdict
from runner import collect
from runner.app import decisions
from runner.store.tables import consents, contacts, sends
from tests.core.test_deliver import WISH, states
from tests.core.world import Postbox, World, all_of, utc

BIRTHDAY = "2026-05-04 09:00"


@pytest.fixture
def three(each_world: World) -> World:
    """Ada, bob and cyd have their birthday; each letter is a mailing of its own."""
    each_world.people("ada", "bob", "cyd", birthday=date(1990, 5, 4))
    each_world.playbook("wish", WISH)
    return each_world


class OneByOne(Postbox):
    """Calls for each letter alone; while the first is on its way, something happens."""

    batch_size = 1

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(self._first)
        self.meanwhile = meanwhile

    def _first(self, mailing: Mailing) -> Sequence[Outcome]:
        if len(self.mailings) == 1:
            self.meanwhile()
        return all_of(mailing, Verdict.ACCEPTED)

    def events(self, body: bytes) -> Iterator[MailEvent]:
        yield MailEvent(body.decode(), None, MailEventKind.COMPLAINED, utc(BIRTHDAY), address=body.decode())


def while_the_first_goes_out(world: World, meanwhile: Callable[[], object]) -> None:
    world.mailer = OneByOne(meanwhile)
    world.tick(BIRTHDAY)


def id_of(world: World, who: str) -> int:
    return int(world.rows(sa.select(contacts.c.id).where(contacts.c.address == f"{who}@x.example"))[0].id)


def says_no(world: World, who: str) -> Callable[[], object]:
    said = {"topic": "marketing", "answer": "no", "source": "page", "at": world.now}
    return lambda: world.do(consents.insert().values(contact_id=id_of(world, who), **said))


def test_who_unsubscribes_while_another_mailing_goes_out_gets_none(three: World) -> None:
    while_the_first_goes_out(three, lambda: decisions.suppress(three.app, "bob@x.example"))
    assert three.who_got() == ["ada", "cyd"]
    assert three.why("bob") == ["hello: ended, suppressed by hand on 2026-05-04"]


def test_a_no_to_the_topic_and_an_opt_out_in_the_crm_are_heeded_as_late(three: World) -> None:
    def both() -> None:
        says_no(three, "bob")()
        three.person("cyd", birthday=date(1990, 5, 4), opted_out=True)

    while_the_first_goes_out(three, both)
    assert three.who_got() == ["ada"]
    assert [three.why(who)[0] for who in ("bob", "cyd")] == [
        "hello: ended, said no to this topic",
        "hello: ended, opted out in the CRM on 2026-05-04",
    ]


def test_what_a_webhook_brings_while_a_mailing_goes_out_is_heeded_by_the_next(three: World) -> None:
    complains = lambda: collect.receive(three.store, "outbox", b"bob@x.example", three.now)  # noqa: E731
    while_the_first_goes_out(three, complains)
    assert three.who_got() == ["ada", "cyd"]
    assert three.why("bob")[0].startswith("hello: ended, marked our mail as spam")


def test_a_playbook_that_is_paused_while_a_mailing_goes_out_sends_no_other_and_goes_on_later(three: World) -> None:
    while_the_first_goes_out(three, lambda: decisions.pause(three.app, None))
    assert three.who_got() == ["ada"]
    assert states(three) == {"ada": "accepted"}
    assert three.why("bob") == ["hello: held, the playbook is paused"]
    decisions.resume(three.app, None)
    three.ticks("2026-05-04 10:00", "2026-05-04 10:05")
    assert sorted(three.mailer.addresses) == ["ada@x.example", "bob@x.example", "cyd@x.example"]


def test_who_has_another_address_by_then_gets_the_letter_there(three: World) -> None:
    moves: Any = {"birthday": date(1990, 5, 4), "email": "bob@new.example"}
    while_the_first_goes_out(three, lambda: three.person("bob", **moves))
    three.tick("2026-05-04 09:05")
    assert sorted(three.mailer.addresses) == ["ada@x.example", "bob@new.example", "cyd@x.example"]


def test_a_letter_that_was_taken_back_leaves_no_send(three: World) -> None:
    while_the_first_goes_out(three, lambda: decisions.suppress(three.app, "bob@x.example"))
    assert {row.state for row in three.rows(sa.select(sends.c.state))} == {"accepted"}
    assert len(three.rows(sa.select(sends))) == 2
