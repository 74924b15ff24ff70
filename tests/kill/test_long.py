"""All that can go wrong, again and again, while two processes send from one store: counted at the receiver.

REGULARS_FAULTS=300 REGULARS_PEOPLE=5000 python -m pytest tests/kill/test_long.py -rP     the long form: 20,000 mails
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from itertools import count, islice

import pytest

from connectors.base import MailEvent, MailEventKind
from runner import collect
from runner.app import App, decisions
from tests.kill.company import AT, MAILS, Company, faults, message_faults
from tests.kill.conftest import Fresh
from tests.kill.test_faults import held_now_and_then

#: Rounds of two processes each, to each of which something happens.
ROUNDS = int(os.environ.get("REGULARS_FAULTS", "7"))
PEOPLE = int(os.environ.get("REGULARS_PEOPLE", "6"))
SEED = int(os.environ.get("REGULARS_KILLS_SEED", "1"))
#: What the provider does to calls; after some of it nobody knows whether the mails went out. A slow one never answers.
PROVIDER = ("302", "429", "503", "500", "502 after", "drop", "drop after", "slow")
#: What befalls the sender; in a round of `nothing` it is killed and no more.
OURS = ("disk full", "locked", "nothing")
#: Seconds after which a process of these rounds has been killed at the latest.
LIFE = 0.6 + PEOPLE / 1000
#: Later and later, so that what came back is due again; and before anything is too late.
EVERY = timedelta(minutes=10)


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
def test_whatever_befalls_two_senders_each_mail_arrives_once(fresh: Fresh) -> None:
    draw, tally = random.Random(SEED), Counter[str]()
    times = (f"{datetime.fromisoformat(AT) + number * EVERY:%Y-%m-%dT%H:%M}" for number in count())
    with fresh(people=PEOPLE) as company:
        assert company.regulars("sync") == 0, company.said
        for befalls in islice(_in_turn(draw), ROUNDS):
            tally.update(_round(company, next(times), befalls, draw))
        _to_the_end(company, times, tally)
        received, log, messages = company.received(), company.log(), company.messages()
        tally.update(mails=received.total(), people=PEOPLE, messages=len(messages))
        tally["messages told twice, by one id"] = len(messages) - len({id for id, *_ in messages})
        print(dict(tally))
        assert faults(company.due, received, log) == []
        assert received == Counter(company.due)
        assert received.total() == PEOPLE * len(MAILS)
        assert message_faults(company.addresses, messages, log) == []
    assert tally["killed"] >= ROUNDS // 3, f"the runs outlive their kills: {dict(tally)}"


def _in_turn(draw: random.Random) -> Iterator[str]:
    """All of it, and then again in another order."""
    while True:
        yield from draw.sample((*PROVIDER, *OURS), len(PROVIDER) + len(OURS))


def _to_the_end(company: Company, times: Iterator[str], tally: Counter[str]) -> None:
    """Runs until all is there; what came back waits some hours, and what a process held five minutes at the most."""
    for at in islice(times, 60):
        code = company.run(at=at)
        assert code in (0, 4), company.said
        if not _settled(company, tally) and code == 0 and company.received().total() >= PEOPLE * len(MAILS):
            return


def _round(company: Company, at: str, befalls: str, draw: random.Random) -> Counter[str]:
    """Two processes at once, and what became of them and of what they sent."""
    if befalls in PROVIDER:
        company.sendgrid.inject(befalls, times=draw.randint(1, 3), after=draw.randint(0, 2))
    with held_now_and_then(company) if befalls == "locked" else nullcontext():
        dies = [_what_befalls(company, befalls, draw) for _ in range(2)]
        pids = [company.begin("run", "--at", at, "--yes", out=f"run{n}", die=die) for n, die in enumerate(dies)]
        codes = [company.nursery.wait(pid) for pid in pids]
    company.sendgrid.mend()
    said = "\n".join((company.folder / f"run{n}").read_text() for n in (0, 1))
    ours = befalls in ("disk full", "locked")
    assert ours or set(codes) <= {0, 3, 4, -9}, said
    tally = Counter({f"rounds of {befalls}": 1, "killed": codes.count(-9), "ended by themselves": 2 - codes.count(-9)})
    _settled(company, tally)
    return tally


def _what_befalls(company: Company, befalls: str, draw: random.Random) -> dict[str, float]:
    """How one process dies, and under what hardship."""
    if befalls == "disk full":
        with closing(sqlite3.connect(company.folder / "regulars.db")) as store:
            return {"pages": store.execute("PRAGMA page_count").fetchone()[0] + draw.randint(0, 20)}
    if befalls == "slow" or draw.random() < 0.5:
        dies: dict[str, float] = {"seconds": draw.uniform(0.05, LIFE)}
    else:
        dies = {draw.choice(("begin", "commit", "statement", "request")): draw.randint(1, 60)}
    return dies | ({"patience": 0.05} if befalls == "locked" else {})


def _settled(company: Company, tally: Counter[str]) -> int:
    """The provider tells of what it has, and a person has the rest sent again; how many sends were in doubt."""
    with App(company.folder) as app:
        doubtful = {row["id"]: row["playbook"] for row in decisions.unsure(app, None, None)}
        if not doubtful:
            return 0
        there = [mail for mail in company.sendgrid.mails(company.domain) if mail["send"] in doubtful]
        now = datetime.fromisoformat(f"{AT}+00:00")
        told = (MailEvent(mail["send"], mail["send"], MailEventKind.PROCESSED, now) for mail in there)
        collect.events(app.store, "sendgrid", told, now)
        for playbook in sorted({row["playbook"] for row in decisions.unsure(app, None, None)}):
            decisions.settle(app, None, playbook, "resend")
    tally.update(unsure=len(doubtful), **{"unsure that had arrived": len(there)})
    return len(doubtful)
