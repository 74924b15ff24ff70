"""The whole job, side by side: 100,000 contacts, of whom 10,000 have their anniversary; all of them are written to.

Regulars: one tick, from looking for who is due to the log and the outcome of each mail, on disk before and after each
call. Beside it the same job written in Django with django-anymail (`benchmarks/peers`): it asks, sends and logs each.
Loading the contacts counts for neither: a process of its own does it, so that the memory told is the job's. Both have
started when it begins, Regulars as a daemon that was there the day before. Both send to a SendGrid on this machine in
its own process.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from send import mails_of, sendgrid
from town import NOON, REPOSITORY, conditions, seconds, settle_in, table, workspace

from runner.app import App, clockwork
from runner.app.tick import tick
from runner.store.tables import contacts, surveys, tickets

PEER = REPOSITORY / "benchmarks/peers/django_anymail.py"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--mails", type=int, default=10_000)
    options.add_argument("--latency", type=int, default=0, help="milliseconds of the SendGrid")
    options.add_argument("--settle-in", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.settle_in:
        settled_in(chosen.settle_in, chosen.contacts, chosen.mails)
        return
    ours, worked, calls = regulars(chosen.contacts, chosen.mails, chosen.latency)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = (f"{ours:.2f}", f"{worked:.2f}", f"{chosen.mails / ours:,.0f}", f"{calls:,}", f"{memory:.0f}")
    rows = [("Regulars", *told, "1.0", "1.0")]
    if importlib.util.find_spec("django") and importlib.util.find_spec("anymail"):
        theirs, toiled, calls = django(chosen.contacts, chosen.mails, chosen.latency)
        told = (f"{theirs:.2f}", f"{toiled:.2f}", f"{chosen.mails / theirs:,.0f}", f"{calls:,}", "")
        rows.append(("Django + anymail", *told, f"{theirs / ours:.1f}", f"{toiled / worked:.1f}"))
    else:
        print("django and django-anymail are not installed: pip install django django-anymail")
    print(f"{chosen.contacts:,} contacts, {chosen.mails:,} mails, {chosen.latency} ms")
    table(("", "seconds", "of CPU", "mails/s", "calls", "MiB", "x of Regulars", "x of its CPU"), rows)
    conditions()


def regulars(people: int, mails: int, latency: int) -> tuple[float, float, int]:
    with tempfile.TemporaryDirectory() as name, sendgrid(Path(name), latency) as (url, record):
        mail = {"type": "sendgrid", "api_key": "SG.loopback", "base_url": url}
        folder = workspace(Path(name) / "ours", mail=mail)
        for playbook in (folder / "playbooks").glob("*.yaml"):
            if playbook.stem != "anniversary":
                playbook.unlink()
        there = ("--settle-in", str(folder), "--contacts", str(people), "--mails", str(mails))
        subprocess.run([sys.executable, __file__, *there], check=True)
        with App(folder) as app:
            tick(app, NOON.replace(day=5))
            worked = time.process_time()
            took = seconds(lambda: tick(app, NOON))
            worked = time.process_time() - worked
        return took, worked, len({mail["request"] for mail in mails_of(record, mails)})


def settled_in(folder: Path, people: int, mails: int) -> None:
    """Two days before: everybody is there, and the playbook has had its first tick."""
    with App(folder) as app:
        settle_in(app.store, people)
        _anniversaries(app, mails)
        clockwork.allow(app, at=NOON.replace(day=4), yes=True)
        tick(app, NOON.replace(day=4))


def _anniversaries(app: App, mails: int) -> None:
    """So many people became customers on this day of some year, and nobody else."""
    due = contacts.c.id <= mails
    day = sa.case((due, "2020-05-06"), else_="2020-07-01")
    with app.store.write() as connection:
        # Of whom there is news since when they became customers would be reckoned anew.
        for told in (surveys.c.responded_at, tickets.c.created_at):
            connection.execute(told.table.delete().where(told > NOON.replace(day=4)))
        connection.execute(contacts.update().values(customer_since=sa.cast(day, sa.Text), lifecycle_stage="customer"))


def django(people: int, mails: int, latency: int) -> tuple[float, float, int]:
    with tempfile.TemporaryDirectory() as name, sendgrid(Path(name), latency) as (url, record):
        command = [sys.executable, str(PEER), name, str(people), str(mails), url.rpartition(":")[2]]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        took, worked = map(float, told.split())
        return took, worked, len({mail["request"] for mail in mails_of(record, mails)})


if __name__ == "__main__":
    main()
