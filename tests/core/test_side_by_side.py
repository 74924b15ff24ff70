"""A mailer that takes several calls at once gets them side by side, and each is settled by its own answer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import date

import pytest

from connectors.base import Mailing, Outcome, Verdict
from tests.core.test_deliver import WISH, states
from tests.core.world import Postbox, World, all_of

BIRTHDAY = "2026-05-04 09:00"
NAMES = [f"p{number:02}" for number in range(12)]


class Slow(Postbox):
    """Takes a letter a call, and calls side by side; the second waits for others. `lost` are never answered."""

    batch_size = 1
    calls_at_once = 4

    def __init__(self, *lost: str) -> None:
        super().__init__(self._take)
        self.lost = {f"{name}@x.example" for name in lost}
        self.under_way = 0
        self.together: list[int] = []
        self._lock, self._all = threading.Lock(), threading.Event()

    def _take(self, mailing: Mailing) -> Sequence[Outcome]:
        (letter,) = mailing.letters
        with self._lock:
            self.under_way += 1
            self.together.append(self.under_way)
        if self.under_way == self.calls_at_once:
            self._all.set()
        elif len(self.together) > 1:
            self._all.wait(5)
        with self._lock:
            self.under_way -= 1
        return all_of(mailing, Verdict.UNSURE if letter.to.email in self.lost else Verdict.ACCEPTED, "no answer")


@pytest.fixture
def twelve(each_world: World) -> World:
    each_world.people(*NAMES, birthday=date(1990, 5, 4))
    each_world.playbook("wish", WISH)
    return each_world


def test_calls_go_side_by_side_once_the_first_was_taken(twelve: World) -> None:
    twelve.mailer = slow = Slow()
    twelve.tick(BIRTHDAY)
    assert states(twelve) == dict.fromkeys(NAMES, "accepted")
    assert slow.together[:5] == [1, 1, 2, 3, 4]
    assert max(slow.together) == 4
    assert sorted(slow.addresses) == [f"{name}@x.example" for name in NAMES]


def test_while_nothing_was_taken_a_lost_answer_leaves_one_call_in_doubt(twelve: World) -> None:
    twelve.mailer = Slow(*NAMES)
    twelve.tick(BIRTHDAY)
    assert len(twelve.mailer.mailings) == 1
    assert Counter(states(twelve).values())["unsure"] == 1


def test_a_lost_answer_leaves_those_in_doubt_that_were_lost_and_stops_the_rest(twelve: World) -> None:
    twelve.mailer = slow = Slow("p05")
    twelve.tick(BIRTHDAY)
    found = states(twelve)
    assert found["p05"] == "unsure"
    assert {who for who, state in found.items() if state == "accepted"} == {
        address.partition("@")[0] for address in slow.addresses if address != "p05@x.example"
    }
    assert len(slow.addresses) < len(NAMES)
    twelve.mailer = later = Slow()
    twelve.tick("2026-05-04 09:10")
    assert sorted(slow.addresses + later.addresses) == [f"{name}@x.example" for name in NAMES]
