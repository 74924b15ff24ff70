"""What can go wrong around a send, with two processes at it: counted at the receiver, nobody gets two."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from runner.app import App, decisions
from tests.kill.company import Company, faults
from tests.kill.conftest import Fresh
from tests.kill.process import until

#: Later and later, so that what came back is due again.
TIMES = [f"2026-05-04T{12 + number // 6}:{number % 6}0" for number in range(40)]

pytestmark = pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)


def both(company: Company, at: str, die: dict[str, float] | None = None) -> list[int]:
    """Two processes at once; the first of them with what befalls it."""
    pids = [
        company.begin("run", "--at", at, "--yes", out=f"run{number}", die=die if not number else None)
        for number in (0, 1)
    ]
    return [company.nursery.wait(pid) for pid in pids]


def settled_by_hand(company: Company) -> int:
    """A person looks into the provider's own log, and says which unsure sends went out."""
    there = {mail["send"] for mail in company.sendgrid.mails(company.domain)}
    with App(company.folder) as app:
        doubtful = decisions.unsure(app, None, None)
        for send in doubtful:
            decisions.settle(app, send["id"], None, "sent" if send["id"] in there else "resend")
    return len(doubtful)


def to_the_end(company: Company, times: Iterator[str]) -> None:
    """Runs and settles until nothing is left; then everybody has every mail once."""
    for at in times:
        code = company.run(at=at)
        assert faults(company.due, company.received(), company.log()) == []
        if not settled_by_hand(company) and code == 0:
            break
    assert company.received() == Counter(company.due)


def test_killed_while_the_provider_is_slow_to_answer_nobody_gets_two(fresh: Fresh) -> None:
    with fresh() as company:
        company.sendgrid.inject("slow")
        dies = company.begin("run", "--at", TIMES[0], "--yes", out="dies")
        until(company.received, of="the mail that is not answered")
        lives = company.begin("run", "--at", TIMES[0], "--yes", out="lives")
        assert company.nursery.wait(lives) in (0, 4), (company.folder / "lives").read_text()
        assert company.nursery.kill(dies) == -9
        to_the_end(company, iter(TIMES[1:]))


def test_a_disk_that_is_full_loses_nobody_and_brings_nobody_two(fresh: Fresh) -> None:
    with fresh() as company:
        company.regulars("sync")
        with closing(sqlite3.connect(company.folder / "regulars.db")) as store:
            pages = store.execute("PRAGMA page_count").fetchone()[0]
        codes = both(company, TIMES[0], {"pages": pages + 2})
        assert codes[0] not in (0, -9), "the disk was not full"
        to_the_end(company, iter(TIMES[1:]))


def test_a_store_that_another_writer_holds_loses_nobody_and_brings_nobody_two(fresh: Fresh) -> None:
    with fresh() as company, held_now_and_then(company):
        codes = [code for at in TIMES[:2] for code in both(company, at, {"patience": 0.05})]
        assert set(codes) - {0, 4}, "nobody was kept waiting"
        to_the_end(company, iter(TIMES[2:]))


@contextmanager
def held_now_and_then(company: Company) -> Iterator[None]:
    """Another process writes for a long time, again and again."""
    over = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(company.folder / "regulars.db", timeout=30, isolation_level=None)) as store:
            while not over.wait(0.1):
                store.execute("BEGIN IMMEDIATE")
                over.wait(0.15)
                store.execute("ROLLBACK")

    other = threading.Thread(target=hold)
    other.start()
    try:
        yield
    finally:
        over.set()
        other.join()
