"""People unsubscribe while a run sends: whoever had said no before the last look at them gets no letter."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import date

import sqlalchemy as sa

from connectors.base import MailEvent, Mailing, Outcome, Verdict
from runner import collect
from runner.links import Kind, Ticket
from runner.store.tables import contacts, sends
from tests.core.test_deliver import WISH
from tests.core.world import Postbox, World, all_of

#: Fewer than the brake would hold.
PEOPLE = 40


class Listening(Postbox):
    """Two letters a call. Before each last look a body is read, which says when that was."""

    batch_size = 2

    def __init__(self, world: World, people: Sequence[tuple[int, str]]) -> None:
        super().__init__(self._takes)
        self._world = world
        self.heard = 0.0
        #: By address, when the last look at it had not begun yet.
        self.looked: dict[str, float] = {}
        #: By address, when their no was on disk.
        self.said_no: dict[str, float] = {}
        self.unsubscribing = threading.Thread(target=self._all_unsubscribe, args=(people,))
        self._speak()

    def _speak(self) -> None:
        collect.receive(self._world.store, "outbox", b"now", self._world.now)

    def _all_unsubscribe(self, people: Sequence[tuple[int, str]]) -> None:
        for contact_id, address in people:
            link = Ticket(Kind.UNSUBSCRIBE, "", contact_id)
            collect.unsubscribe(self._world.store, link, "page", self._world.now)
            self.said_no[address] = time.monotonic()

    def _takes(self, mailing: Mailing) -> Sequence[Outcome]:
        if not self.looked:
            self.unsubscribing.start()
        self.looked |= {letter.to.email: self.heard for letter in mailing.letters}
        # At the pace of the run: somebody says no during each call.
        already = len(self.said_no)
        while len(self.said_no) == already and self.unsubscribing.is_alive():
            time.sleep(0.001)
        self._speak()
        return all_of(mailing, Verdict.ACCEPTED)

    def events(self, body: bytes) -> Iterator[MailEvent]:
        self.heard = time.monotonic()
        return iter(())


def test_nobody_who_unsubscribed_before_the_last_look_is_written_to(each_world: World) -> None:
    each_world.people(*(f"p{n}" for n in range(PEOPLE)), birthday=date(1990, 5, 4))
    each_world.playbook("wish", WISH)
    people = [(row.id, row.address) for row in each_world.rows(sa.select(contacts.c.id, contacts.c.address))]
    random.Random(3).shuffle(people)
    each_world.mailer = mailer = Listening(each_world, people)
    each_world.tick("2026-05-04 09:00")
    mailer.unsubscribing.join()
    assert [who for who, looked in mailer.looked.items() if mailer.said_no[who] < looked] == []
    taken = {row.address for row in each_world.rows(sa.select(sends.c.address).where(sends.c.state == "accepted"))}
    assert taken == set(mailer.looked)
    assert 0 < len(taken) < PEOPLE
