"""Kills two senders at random instants until all their mail is out, and prints what the receiver counted.

    python tools/kill_senders.py --kills 300 --mails 20000

Each pass is a day on which everybody is due; two processes send on one store, and each is killed with SIGKILL at
instants of its own, over and over, until nearly all is out; then the rest goes. What was in doubt is settled by the
provider's events, which carry our send id, and what no event tells of by whoever looks into the provider's log.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner import collect
from runner.app import App, decisions
from tests.kill.company import Company, found
from tests.kill.process import running_hooks, running_nursery, running_sendgrid

BIRTHDAY = """\
name: Birthday
trigger: {anniversary: {of: contact.birthday, at: "00:00"}}
brake: {people: 1000000, share: 100%}
actions:
  - send_email: {id: wishes, template: email/note, subject: wishes}
  - send_email: {id: gift, template: email/note, subject: gift}
"""
STEPS = ("wishes", "gift")
#: Never set: a pause.
_PAUSE = threading.Event()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--mails", type=int, default=20_000, help="of each pass")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--longest", type=float, default=2.5, help="seconds that a process lives at the most")
    options.add_argument("--postgresql", action="store_true")
    chosen = options.parse_args()
    draw, kills, number = random.Random(chosen.seed), 0, 0
    with (
        tempfile.TemporaryDirectory() as name,
        running_nursery() as nursery,
        running_sendgrid(Path(name), latency_ms=50) as sendgrid,
        running_hooks(Path(name)) as hooks,
    ):
        while kills < chosen.kills:
            number += 1
            folder = Path(name) / f"pass{number}"
            company = found(
                folder,
                "sqlite:///regulars.db",
                nursery=nursery,
                sendgrid=sendgrid,
                hooks=hooks,
                people=chosen.mails // 2,
            )
            (folder / "playbooks/welcome.yaml").unlink()
            (folder / "playbooks/birthday.yaml").write_text(BIRTHDAY)
            kills += one_pass(company, draw, chosen.kills - kills, chosen.longest)


def one_pass(company: Company, draw: random.Random, most: int, longest: float) -> int:
    """Sends a day's mail under fire; the number of kills. Fails where anybody got two, or none."""
    at, began, kills, settled = datetime(2026, 5, 4, 12, tzinfo=UTC), time.monotonic(), 0, Counter[str]()
    due = {(address, "birthday", step) for address in company.addresses for step in STEPS}
    assert company.regulars("sync") == 0, company.said
    while True:
        under_fire = kills < most and len(company.received()) < len(due)
        codes = _both(company, at, draw, longest if under_fire else None)
        kills += codes.count(-9)
        assert set(codes) <= {0, 3, 4, -9}, (
            codes,
            (company.folder / "one").read_text(),
            (company.folder / "two").read_text(),
        )
        settled += _settle(company, at, by_hand=not under_fire)
        if not under_fire and codes == [0, 0] and not _in_doubt(company):
            break
        at += timedelta(minutes=6)
    got = company.received()
    twice = sum(times > 1 for times in got.values())
    lost = len(due - got.keys())
    print(
        f"{kills} kills, {len(due):,} mails due: the receiver counted {got.total():,}, {len(got):,} of them different; "
        f"twice {twice}, lost {lost}; in doubt and settled by events {settled['events']:,}, by the provider's log "
        f"{settled['hand']:,}; {time.monotonic() - began:.0f} s",
        flush=True,
    )
    assert (twice, lost, got.keys() - due) == (0, 0, set())
    return kills


def _both(company: Company, at: datetime, draw: random.Random, longest: float | None) -> list[int]:
    """Two runs at once, each killed at an instant of its own unless `longest` is None; their exit codes."""
    when = f"{at:%Y-%m-%dT%H:%M}"
    pids = []
    for name in ("one", "two"):
        die = None if longest is None else {"seconds": draw.uniform(0.0, longest)}
        pids.append(company.begin("run", "--at", when, "--yes", out=name, die=die))
    return [company.nursery.wait(pid) for pid in pids]


def _in_doubt(company: Company) -> bool:
    """Whether anybody is still in doubt."""
    with App(company.folder) as app:
        return bool(decisions.unsure(app, None, None))


def _settle(company: Company, at: datetime, *, by_hand: bool) -> Counter[str]:
    """The provider tells of what it took, as its webhook does; at the end a person settles what it never got."""
    mails = {mail["send"]: mail for mail in company.sendgrid.mails(company.domain)}
    settled = Counter[str]()
    with App(company.folder) as app:
        doubtful = [send["id"] for send in decisions.unsure(app, None, None)]
        rows = [
            {
                "event": "processed",
                "sg_event_id": f"e-{id}",
                "regulars_send": id,
                "email": mails[id]["to"],
                "timestamp": int(at.timestamp()),
            }
            for id in doubtful
            if id in mails
        ]
        if rows:
            collect.receive(app.store, "sendgrid", json.dumps(rows).encode(), at)
            settled["events"] += len(rows)
        elif by_hand and doubtful:
            settled["hand"] += decisions.settle(app, None, "birthday", "resend")
    return settled


if __name__ == "__main__":
    main()
