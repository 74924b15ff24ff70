"""The demo: a sample company lives through some weeks, and the starter playbooks run over it day by day."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import sqlalchemy as sa

from runner import clock, collect
from runner.app import App, clockwork
from runner.app.private import PRIVATE
from runner.app.starters import write_workspace
from runner.app.tick import tick
from runner.errors import WrongUsage
from runner.links import Kind, Ticket
from runner.sample import Day, Received, SampleCompany
from runner.store.tables import contact_sources, sends

#: When a demo's day ticks, on the account's clock: wherever people live, at one of them it is day.
HOURS = (time(9, 30), time(18, 30))
ZONE = "Europe/Warsaw"
#: Starters that need what not everybody has, and the sample company does: contracts, and tickets.
KNOWN = ("exit_question", "renewal_notice", "ticket_followup")
#: What marks a folder as a demo's, which may be made again.
MARK = "sample-company"

SETTINGS = f"""\
# yaml-language-server: $schema=docs/settings.schema.json
# The demo's settings: a sample company in CSV files, mail into an outbox folder.
store: sqlite:///regulars.db
timezone: {ZONE}
currency: EUR
public_url: http://127.0.0.1:8080
secret: ${{REGULARS_SECRET}}
sender:
  name: Northwind Tea
  email: hello@northwind.example
  address: "12 Harbour Street, 80-837 Gdańsk, Poland"
connectors:
  shop: {{type: csv, path: data}}
mail: {{type: outbox}}
caps: {{per_day: 1, per_week: 3, survey_every: 30 days, when_over: defer}}
quiet_hours: {{from: "21:00", to: "07:00"}}
business_hours: {{mon-fri: "09:00-17:00", holidays: PL}}
kpis: {{activity_window: 120 days}}
reviews:
  sites: {{google: "https://reviews.example.com/northwind-tea"}}
"""


class Rehearsal:
    """A demo workspace and the company whose data it holds."""

    def __init__(self, folder: Path, *, seed: int, contacts: int, until: date, days: int) -> None:
        self.folder = folder
        _make_room(folder)
        write_workspace(folder, settings=SETTINGS)
        for id in KNOWN:
            _turn_on(folder / "playbooks" / f"{id}.yaml")
        (folder / PRIVATE).mkdir(exist_ok=True)
        (folder / PRIVATE / MARK).write_text(f"seed {seed}, {contacts} contacts, until {until}\n", encoding="utf-8")
        self.company = SampleCompany(seed, contacts, until=until, lived=days, timezone=ZONE)
        self.company.write_history(folder / "data")
        self.days = [self.company.first_day + timedelta(days=number) for number in range(days)]

    def live(self, app: App, progress: Callable[[str, int, int], None]) -> None:
        """Day after day: a tick, in turn early and late, and in the evening what people did with what they got."""
        moment = app.now()
        app.now = lambda: moment
        for number, day in enumerate(self.days):
            moment = clock.at_local(day, HOURS[number % len(HOURS)], ZONE)
            if not number:
                clockwork.allow(app, at=moment)
                app.store.relax()
            tick(app, moment)
            evening = clock.midnight(day + timedelta(days=1), ZONE) - timedelta(seconds=1)
            take_in(app, self.company.live(day, list(_letters(app, day))), evening)
            progress(f"{day:%d %B %Y}", number + 1, len(self.days))


def _turn_on(playbook: Path) -> None:
    playbook.write_text(playbook.read_text(encoding="utf-8").replace("enabled: false\n", ""), encoding="utf-8")


def _make_room(folder: Path) -> None:
    """A demo may be made again; anything else is left alone."""
    if (folder / PRIVATE / MARK).exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise WrongUsage(f"{folder} is not empty and no demo; name another folder with -C DIR")
    folder.mkdir(parents=True, exist_ok=True)


def _letters(app: App, day: date) -> Iterator[Received]:
    """The letters of a day, as the people they went to see them."""
    start, end = clock.midnight(day, ZONE), clock.midnight(day + timedelta(days=1), ZONE)
    source = (
        sa.select(sa.func.min(contact_sources.c.source_id))
        .where(contact_sources.c.contact_id == sends.c.contact_id)
        .scalar_subquery()
    )
    kinds = {"survey": "survey", "reminder": "survey", "request_review": "review", "request_referral": "referral"}
    with app.store.read() as connection:
        for row in connection.execute(
            sa.select(sends, source.label("source_id")).where(
                sends.c.state == "accepted", sends.c.claimed_at >= start, sends.c.claimed_at < end
            )
        ).mappings():
            kind = kinds.get(row["action"], "email")
            survey = row["about"] if kind == "survey" else None
            yield Received(row["id"], row["source_id"], row["playbook"], row["step"], row["claimed_at"], kind, survey)


def take_in(app: App, day: Day, now: datetime) -> None:
    """What came back on one day: mail events, answers on the survey pages, noes."""
    collect.events(app.store, app.plugs.mailer_name, day.mail_events, now)
    ids = [said.send_id for said in day.answers] + [no.send_id for no in day.unsubscribes]
    people = _people(app, ids)
    for said in day.answers:
        ticket = Ticket(Kind.SURVEY, said.send_id, people[said.send_id])
        collect.record(app.store, ticket, collect.Said(said.score, said.comment, said.reason), said.at)
    for no in day.unsubscribes:
        collect.unsubscribe(app.store, Ticket(Kind.UNSUBSCRIBE, no.send_id, people[no.send_id]), "page", no.at)


def _people(app: App, send_ids: Sequence[str]) -> dict[str, int]:
    with app.store.read() as connection:
        rows = connection.execute(sa.select(sends.c.id, sends.c.contact_id).where(sends.c.id.in_(send_ids)))
        return dict(rows.all())
