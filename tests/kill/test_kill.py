"""A run is killed at many instants, run again, and its mails and messages are counted at their receivers.

REGULARS_KILLS=300 python -m pytest tests/kill -rP      kills that often, and tells what was counted
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.kill.company import AT, Company, faults, message_faults
from tests.kill.conftest import Fresh
from tests.kill.process import until

#: Kills of the whole module, both databases together.
KILLS = int(os.environ.get("REGULARS_KILLS", "60"))
SEED = int(os.environ.get("REGULARS_KILLS_SEED", "1"))
#: What a run is killed at; each database sees each kind equally often.
KINDS = ("begin", "commit", "statement", "request", "receiver", "clock")
EACH = max(1, KILLS // (2 * len(KINDS)))
#: Letters of the largest mailing: six people, of whom four read English.
MAILING = 4


@pytest.mark.parametrize("kind", KINDS)
def test_whenever_a_run_is_killed_nobody_is_written_to_twice_and_nobody_is_lost(
    fresh: Fresh, whole: dict[str, int], kind: str
) -> None:
    draw, tally = random.Random(f"{SEED} {kind}"), Counter[str]()
    for number in range(EACH):
        with fresh() as company:
            kills = _killed(company, kind, whole, (number + draw.random()) / EACH, draw)
            again = company.run()
            assert again in (0, 4), company.said
            received, log = company.received(), company.log()
            unsure = sum(row["status"] == "unsure" for row in log)
            assert faults(company.due, received, log) == [], f"{kind} {number}: {kills}"
            messages = company.messages()
            assert message_faults(company.addresses, messages, log) == [], f"{kind} {number}: {kills}"
            assert unsure <= MAILING * len(kills), f"{kind} {number}: {kills} left {unsure} in doubt"
            assert (again == 4) == bool(unsure)
            tally.update(kills=len(kills), companies=1, killed=bool(kills), mails=received.total(), unsure=unsure)
            tally.update(messages=len(messages), twice=len(messages) - len({id for id, *_ in messages}))
    print(dict(tally))
    assert tally["killed"] >= _killed_at_least(kind), f"{kind}: the runs outlive their kills: {dict(tally)}"


def _killed_at_least(kind: str) -> int:
    """Of the companies of a kind; a fast machine may be done before the clock strikes."""
    return EACH // 4 if kind == "clock" else EACH - EACH // 10


def _killed(company: Company, kind: str, whole: dict[str, int], share: float, draw: random.Random) -> list[str]:
    """Kills a run at that share of its way, and at times the next ones too; when it died."""
    kills = []
    while True:
        if kind == "receiver":
            mails = 1 + int(share * len(company.due))
            code, when = _killed_when_mail_arrives(company, mails), f"when {mails} mails had arrived"
        else:
            die = {"seconds": share * 0.5} if kind == "clock" else {kind: 1 + int(share * whole[kind])}
            code, when = company.run(die=die), f"at {die}"
        if code != -9:
            assert code in (0, 4), company.said
            return kills
        kills.append(when)
        if draw.random() < 0.6:
            return kills
        kind, share = draw.choice(KINDS[:4]), draw.random()


def _killed_when_mail_arrives(company: Company, mails: int) -> int:
    """The receiver has recorded that many mails and has not answered yet; the exit code, -9 when that was in time."""
    pid = company.begin("run", "--at", AT, "--yes")
    until(lambda: len(company.sendgrid.mails(company.domain)) >= mails, of=f"{mails} mails")
    return company.nursery.kill(pid)


@pytest.mark.parametrize(("verb", "least", "most"), [("--sent", 0, 1), ("--drop", 0, 1), ("--resend", 1, 2)])
def test_what_is_unsure_waits_until_a_person_says_what_to_do(fresh: Fresh, verb: str, least: int, most: int) -> None:
    with fresh() as company:
        assert _killed_when_mail_arrives(company, 1) == -9
        assert company.run() == 4
        doubtful = {row["address"] for row in company.unsure()}
        assert doubtful
        for playbook in ("birthday", "welcome"):
            company.regulars("settle", "--playbook", playbook, verb)
        assert company.run() == 0, company.said
        times = {mail: company.received()[mail] for mail in company.due}
        assert {n for mail, n in times.items() if mail[0] not in doubtful} == {1}
        assert {n for mail, n in times.items() if mail[0] in doubtful} <= {least, 1, most}, times
        assert {row["status"] for row in company.log()} <= {"done", "held", "skipped"}


def test_two_runs_at_once_send_each_mail_once(fresh: Fresh) -> None:
    for _ in range(2):
        with fresh() as company:
            both = [company.begin("run", "--at", AT, "--yes", out=name) for name in ("one", "other")]
            codes = [company.nursery.wait(pid) for pid in both]
            assert codes == [0, 0], "\n".join((company.folder / name).read_text() for name in ("one", "other"))
            assert company.run() == 0, company.said
            assert company.received() == Counter(company.due)
            assert sorted(about for _, about, _ in company.messages()) == company.addresses


def test_one_of_two_runs_is_killed_and_the_other_goes_on(fresh: Fresh) -> None:
    with fresh() as company:
        dies = company.begin("run", "--at", AT, "--yes", out="dies")
        lives = company.begin("run", "--at", AT, "--yes", out="lives")
        until(lambda: company.sendgrid.mails(company.domain), of="the first mail")
        company.nursery.kill(dies)
        assert company.nursery.wait(lives) in (0, 4), (company.folder / "lives").read_text()
        assert company.run() in (0, 4)
        log = company.log()
        assert faults(company.due, company.received(), log) == []
        assert message_faults(company.addresses, company.messages(), log) == []


def test_a_killed_daemon_is_taken_over_by_the_next_one(fresh: Fresh) -> None:
    with fresh(day=datetime.now(UTC).date()) as company:
        with company.daemon():
            until(company.received, of="the daemon's first mail")
        with company.daemon():
            settled = until(lambda: not faults(company.due, company.received(), company.log()), of="the next daemon")
        assert settled
        assert company.received()


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_killed_while_it_makes_its_tables_a_store_is_made_by_the_next_run(fresh: Fresh, share: float) -> None:
    with fresh(bare=True) as company:
        assert company.run() == 0, company.said
        whole = company.counts["statement"]
    with fresh(bare=True) as company:
        assert company.run(die={"statement": int(share * whole)}) == -9
        assert company.run() in (0, 4), company.said
        assert faults(company.due, company.received(), company.log()) == []


def test_two_first_runs_at_once_make_one_store(fresh: Fresh) -> None:
    with fresh(bare=True) as company:
        both = [company.begin("run", "--at", AT, "--yes", out=name) for name in ("one", "other")]
        codes = [company.nursery.wait(pid) for pid in both]
        assert codes == [0, 0], "\n".join((company.folder / name).read_text() for name in ("one", "other"))
        assert company.received() == Counter(company.due)
