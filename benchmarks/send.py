"""What sending costs: personal mails through the whole of Regulars, to a SendGrid on this machine in its own process.

Ours twice: rendering and calling alone, and a whole delivery, which claims, decides, renders, calls, and writes down
the outcome and the log, on disk before and after each call. Beside it the simplest way to write it by hand: the SDK,
one call a mail, one after the other and with 16 threads, of a short text rendered with Jinja, and nothing written down.
Rendering and the ways by hand have their template compiled when it begins; a whole delivery has not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from town import NOON, REPOSITORY, conditions, seconds, settle_in, table, workspace

from connectors.base import Address, Letter, Mailing
from connectors.mail.sendgrid import SendGridMailer, SendGridSettings
from runner.app import App
from runner.deliver import deliver
from runner.deliver.outcomes import Delivered
from runner.deliver.uncollected import uncollected
from runner.deliver.under_way import UnderWay
from runner.enroll import register
from runner.links import Links
from runner.render import Group, Person, Templates, unsubscribe_headers
from runner.settings import Sender
from runner.store.tables import contacts, enrollments

PLAYBOOK, STEP = "anniversary", "thanks"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mails", type=int, default=10_000)
    options.add_argument(
        "--by-hand", type=int, default=300, help="mails of the ways by hand at 50 ms; the rate is told"
    )
    options.add_argument("--latency", type=int, nargs="*", default=[0, 50], help="milliseconds of the SendGrid")
    chosen = options.parse_args()
    print(f"{chosen.mails:,} personal mails; by hand fewer, their rate extrapolated", flush=True)
    rows = []
    ours_first = ("Rendering and calling", "A whole delivery")
    for latency in chosen.latency:
        ways = {
            "Rendering and calling": (rendering_and_calling, chosen.mails),
            "A whole delivery": (regulars, chosen.mails),
            "SDK, one by one": (one_by_one, chosen.by_hand if latency else 4 * chosen.by_hand),
            "SDK, 16 threads": (sixteen_threads, 4 * chosen.by_hand),
        }
        rates = {}
        for name, (way, mails) in ways.items():
            (took, worked), calls = way(mails, latency)
            rates[name] = mails / took
            ratios = [f"{rates[ours] / rates[name]:.1f}" if ours in rates else "" for ours in ours_first]
            row = (f"{name}, {latency} ms", f"{mails:,}", f"{took:.2f}", f"{rates[name]:,.0f}", *ratios)
            rows.append((*row, f"{1000 * worked / mails:.2f}", f"{1000 * calls / mails:,.0f}"))
    head = ("", "mails", "seconds", "mails/s", "rendering is x", "delivery is x", "CPU ms a mail", "calls per 1,000")
    table(head, rows)
    conditions()


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds, and those of this process's CPU: on a machine that others use as well these tell more."""
    worked = time.process_time()
    took = seconds(work)
    return took, time.process_time() - worked


@contextmanager
def sendgrid(folder: Path, latency: int) -> Iterator[tuple[str, Path]]:
    """Its address, and the file in which it records each mail."""
    record = folder / "record.jsonl"
    command = [sys.executable, "-m", "tests.loopback.sendgrid", "--record", str(record), "--latency-ms", str(latency)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", record
        finally:
            process.terminate()


def mails_of(record: Path, mails: int) -> list[dict[str, Any]]:
    """What the SendGrid took; nobody got none or two."""
    got = [json.loads(line) for line in record.read_text().splitlines()]
    assert len({mail["to"] for mail in got}) == len(got) == mails, (len(got), mails)
    return got


def _calls(record: Path, mails: int) -> int:
    """How many calls it took."""
    return len({mail["request"] for mail in mails_of(record, mails)})


def rendering_and_calling(mails: int, latency: int) -> tuple[tuple[float, float], int]:
    """What the ways by hand do as well: personal letters of the starter's template go to the SendGrid."""
    with tempfile.TemporaryDirectory() as name, sendgrid(Path(name), latency) as (url, record):
        mailer = SendGridMailer(SendGridSettings(api_key="SG.loopback", base_url=url), workspace=Path(name))
        links = Links("https://hello.acme.example", ["a secret of some length"])
        templates = Templates(REPOSITORY / "templates", links, SENDER)
        people = [_somebody(number) for number in range(mails)]
        _rendered(templates, mailer, people[:2])

        def all_of_them() -> None:
            with UnderWay(mailer.calls_at_once) as calls, uncollected():
                for start in range(0, mails, 1000):
                    _render_and_call(templates, links, mailer, people[start : start + 1000], calls)

        took = timed(all_of_them)
        return took, _calls(record, mails)


SENDER = Sender(name="Acme", email="hello@acme.example", address="1 Main St, Springfield")


def _somebody(number: int) -> Person:
    contact = {"id": number, "first_name": f"P{number}", "last_name": None, "customer_since": date(2020, 5, 6)}
    address = Address(f"p{number}@acme.example", f"P{number}")
    return Person(f"send-{number}", address, None, {"contact": contact, "now": NOON, "today": NOON.date()})


def _rendered(templates: Templates, mailer: SendGridMailer, people: Sequence[Person]) -> Sequence[Group]:
    subject = "{{ contact.first_name }}, one year already"
    limits = {"max_keys": mailer.max_keys, "max_bytes": mailer.max_substitution_bytes}
    return templates.mailings(f"email/{PLAYBOOK}", subject, None, people, **limits).groups


def _render_and_call(
    templates: Templates, links: Links, mailer: SendGridMailer, people: Sequence[Person], calls: UnderWay
) -> None:
    by_send = {person.send_id: person for person in people}
    for group in _rendered(templates, mailer, people):
        letters = [
            Letter(
                send_id,
                by_send[send_id].to,
                texts,
                unsubscribe_headers(links, send_id, by_send[send_id].context["contact"]["id"], links.public_url),
            )
            for send_id, texts in group.letters
        ]
        sender = Address(SENDER.email, SENDER.name)
        mailing = Mailing(sender, group.subject, group.html, group.text, letters, categories=[PLAYBOOK])
        calls.wait_for_a_place()
        calls.go(partial(mailer.send, mailing), lambda told: Delivered(accepted=len(told)))


def regulars(mails: int, latency: int) -> tuple[tuple[float, float], int]:
    with tempfile.TemporaryDirectory() as name, sendgrid(Path(name), latency) as (url, record):
        mail = {"type": "sendgrid", "api_key": "SG.loopback", "base_url": url}
        with App(workspace(Path(name) / "ours", mail=mail)) as app:
            settle_in(app.store, mails)
            fields = app.fields()
            running = [one.playbook for one in app.readings(fields) if one.playbook and one.id == PLAYBOOK]
            register(app.store, running, NOON)
            _everybody_enters(app, running[0].version)
            office = app.office(running, fields)
            took = timed(lambda: deliver(office, NOON))
        return took, _calls(record, mails)


def _everybody_enters(app: App, version: str) -> None:
    with app.store.write() as connection:
        people = connection.execute(sa.select(contacts.c.id)).all()
        row = {
            "playbook": PLAYBOOK,
            "version": version,
            "occasion": "customer_since 2026",
            "facts": {"of": "2020-05-06"},
        }
        row |= {"arm": "treated", "state": "active", "step": STEP, "anchor": NOON.date()}
        row |= dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), NOON)
        connection.execute(enrollments.insert(), [row | {"contact_id": id} for (id,) in people])


_HTML = """<html><body><p>Dear {{ name }},</p><p>one year already. Thank you for staying with us.</p>
<p><a href="https://hello.acme.example/u/{{ number }}">Unsubscribe</a></p></body></html>"""


def one_by_one(mails: int, latency: int) -> tuple[tuple[float, float], int]:
    with tempfile.TemporaryDirectory() as name, sendgrid(Path(name), latency) as (url, record):
        took = timed(lambda: [_send(url, number) for number in range(mails)])
        return took, _calls(record, mails)


def sixteen_threads(mails: int, latency: int) -> tuple[tuple[float, float], int]:
    with tempfile.TemporaryDirectory() as name, sendgrid(Path(name), latency) as (url, record):
        with ThreadPoolExecutor(16) as threads:
            took = timed(lambda: list(threads.map(lambda number: _send(url, number), range(mails))))
        return took, _calls(record, mails)


_TEMPLATE = Environment(autoescape=True).from_string(_HTML)


def _send(url: str, number: int) -> None:
    mail = Mail(
        from_email="hello@acme.example",
        to_emails=f"p{number}@acme.example",
        subject=f"P{number}, thank you",
        html_content=_TEMPLATE.render(name=f"P{number}", number=number),
    )
    SendGridAPIClient("SG.loopback", host=url).send(mail)


if __name__ == "__main__":
    main()
