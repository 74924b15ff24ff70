"""A tick looks only at those for whom something is new, and writes what a look at everybody would."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.records import Company, Contact, FieldType, Order, Record, Refund, Survey
from runner.app.tick import enroll_all
from runner.enroll import register
from runner.playbook import Playbook, read_playbooks
from runner.store.tables import contacts, decisions, enrollments, playbooks
from runner.sync import advance
from tests.core.world import World, utc
from tests.postgres import PostgresServer

START = utc("2026-02-20 07:00")
WHO = ("ada", "bob", "cyd", "dee")
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "no/such")
#: Every trigger, every way of coming again, and audiences that time alone turns: at midnight, and at any time.
PLAYBOOKS = {
    "birthday": """
        trigger: {anniversary: {of: contact.birthday, catch_up: 3 days}}
        audience: days_since(contact.customer_since) > 2 or contact.country == "PL"
    """,
    "first_order": """
        trigger: {anniversary: {of: contact.first_order_at, at: "12:00", catch_up: 5 days}}
        audience: contact.orders_count > 1
    """,
    "after_order": """
        trigger: {date: {of: contact.last_order_at, after: 2 days, at: "17:00", rearm: 1 day}}
        audience: contact.country == "PL"
        reenter: after 3 days
    """,
    "renewal": """
        trigger: {date: {of: contact.renewal_date, before: 4 days, catch_up: 4 days}}
        audience: contact.renewal_date > today() and company.name != "Gone"
    """,
    "yearly": "trigger: {date: {of: contact.renewal_date, yearly: true}}",
    "welcome": """
        trigger: {onboarding: {day: 1}}
        audience: days_since(contact.last_order_at) < 1.5
        holdout: 30%
    """,
    "quarterly": """
        trigger: {schedule: {every: 5 days}}
        audience: days_since(contact.last_order_at) > 2 and not contact.country == "US"
        reenter: never
    """,
    "gone": "trigger: {inactivity: {for: 6 days}}",
    "gone_for_all": """
        trigger: {inactivity: {for: 3 days, event: any, existing: enter}}
        audience: contact.country != "US"
    """,
    "unhappy": "trigger: {low_score: {kind: nps}}\nreenter: never",
    "anew": "trigger: {low_score: {kind: nps}}\nmode: restart",
    "one_by_one": """
        trigger: {low_score: {kind: nps}}
        mode: single
    """,
    "csat": """
        trigger: {low_score: {kind: csat}}
        audience: contact.country == "PL" or days_since(contact.last_answer_at) > 1.25
        reenter: after 2 days
    """,
}


_READ: dict[tuple[str, ...], list[Playbook]] = {}


def read(world: Twin) -> list[Playbook]:
    """The world's playbooks; those that say the same are read once."""
    files = sorted((world.folder / "playbooks").glob("*.yaml"))
    texts = tuple(file.read_text(encoding="utf-8") for file in files)
    if texts not in _READ:
        readings = read_playbooks(world.folder, world.app.fields())
        assert [str(fault) for reading in readings for fault in reading.faults] == []
        _READ[texts] = [reading.playbook for reading in readings if reading.playbook]
    return _READ[texts]


class Twin(World):
    """A world that is evaluated in full at every tick, or only where something is new."""

    def __init__(self, folder: Path, url: str, *, in_full: bool) -> None:
        super().__init__(folder, url)
        self.in_full = in_full
        self.now = START
        for id, text in PLAYBOOKS.items():
            self.playbook(id, text)
        self.hear(
            Company(company_id="c", name="Acme"),
            *(Contact(contact_id=who, created_at=utc("2020-01-01"), company_id="c") for who in WHO),
            fields={"renewal_date": FieldType.DATE},
        )

    def enroll(self) -> None:
        """A tick up to the door."""
        if self.in_full:
            self.do(playbooks.update().values(looked_by=None))
        advance(self.store, None, self.now, self.app.settings)
        running = read(self)
        register(self.store, running, self.now)
        enroll_all(self.app, running, self.now)

    def doors(self) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
        """Who is inside, and who was turned away and why."""
        e, d = enrollments.c, decisions.c
        inside = sa.select(e.playbook, contacts.c.key, e.occasion, e.arm, e.entered_at).join_from(enrollments, contacts)
        refused = sa.select(d.playbook, contacts.c.key, d.occasion, d.reason, d.at).join_from(decisions, contacts)
        return {tuple(row) for row in self.rows(inside)}, {tuple(row) for row in self.rows(refused.where(d.step == ""))}


@dataclass(frozen=True)
class Happening:
    """Something that happens in both worlds."""

    does: Callable[[Twin], None]
    words: str

    def __repr__(self) -> str:
        return self.words


def hearing(*records: Record) -> Happening:
    return Happening(lambda world: world.hear(*records), f"hear {records}")


def passing(span: timedelta) -> Happening:
    def tick(world: Twin) -> None:
        world.now += span
        world.enroll()

    return Happening(tick, f"tick after {span}")


near = st.integers(-10, 10).map(lambda days: START.date() + timedelta(days=days))
in_years = st.builds(
    lambda day, years: day.replace(year=day.year - years, day=min(day.day, 28)), near, st.integers(0, 3)
)
moments = st.integers(-15 * 24, 10 * 24).map(lambda hours: START + timedelta(hours=hours))
some = st.sampled_from(WHO)


def optional(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), of)


people = st.builds(
    lambda who, zone, country, born, since, renews, company: hearing(
        Contact(
            contact_id=who,
            email=f"{who}@x.example",
            created_at=utc("2020-01-01"),
            timezone=zone,
            country=country,
            birthday=born,
            customer_since=since,
            company_id=company,
            custom={"renewal_date": renews.isoformat()} if renews else {},
        )
    ),
    some,
    optional(st.sampled_from(ZONES)),
    st.sampled_from(["PL", "US"]),
    optional(in_years),
    optional(near),
    optional(near),
    optional(st.just("c")),
)
orders = st.builds(
    lambda who, at, number: hearing(
        Order(order_id=f"{who}{number}", contact_id=who, total=Decimal(10), ordered_at=at.replace(year=at.year))
    ),
    some,
    moments,
    st.integers(0, 3),
)
refunds = st.builds(
    lambda who, at, number: hearing(
        Refund(refund_id=f"r{who}{number}", order_id=f"{who}{number}", amount=Decimal(10), refunded_at=at)
    ),
    some,
    moments,
    st.integers(0, 3),
)
answers = st.builds(
    lambda who, at, number, kind, score: hearing(
        Survey(
            response_id=f"{who}{number}{kind}",
            contact_id=who,
            kind=kind,
            scale={"nps": "0-10", "csat": "1-5"}[kind],
            score=score,
            responded_at=at,
        )
    ),
    some,
    moments,
    st.integers(0, 2),
    st.sampled_from(["nps", "csat"]),
    st.sampled_from([1, 2, 5]),
)
renamed = st.sampled_from(["Acme", "Gone"]).map(lambda name: hearing(Company(company_id="c", name=name)))


def paused(id: str, *, away: bool) -> Happening:
    def pause(world: Twin) -> None:
        world.do(playbooks.update().where(playbooks.c.id == id).values(paused_at=world.now if away else None))

    return Happening(pause, f"{'pause' if away else 'resume'} {id}")


def edited(id: str, country: str) -> Happening:
    def edit(world: Twin) -> None:
        trigger = dedent(PLAYBOOKS[id]).strip().splitlines()[0]
        world.playbook(id, f'{trigger}\naudience: contact.country == "{country}"')

    return Happening(edit, f"edit {id} for {country}")


changes = st.one_of(
    people,
    orders,
    refunds,
    answers,
    renamed,
    st.builds(lambda id, away: paused(id, away=away), st.sampled_from(["birthday", "csat"]), st.booleans()),
    st.builds(edited, st.sampled_from(["birthday", "renewal"]), st.sampled_from(["PL", "US"])),
)
steps = st.sampled_from([5 / 60, 1, 3, 7, 13, 24, 25, 60, 130]).map(lambda hours: passing(timedelta(hours=hours)))
lives = st.lists(st.one_of(changes, changes, steps), min_size=4, max_size=30)


@contextmanager
def twins(url: Callable[[str], str], folder: Path) -> Iterator[Sequence[Twin]]:
    with (
        closing(Twin(folder / "new", url("new"), in_full=False)) as new,
        closing(Twin(folder / "all", url("all"), in_full=True)) as all_,
    ):
        yield new, all_


def live(worlds: Sequence[Twin], life: Sequence[Happening]) -> None:
    """Both worlds live through it, and stand the same after every tick."""
    for happening in [*life, passing(timedelta(hours=1)), passing(timedelta(days=2))]:
        for world in worlds:
            happening.does(world)
        if happening.words.startswith("tick"):
            assert worlds[0].doors() == worlds[1].doors()


EXAMPLES = settings(
    phases=[Phase.generate],
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(life=lives)
@settings(EXAMPLES, max_examples=25)
def test_a_tick_writes_what_a_look_at_everybody_would(_sqlite_model: Path, life: list[Happening]) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def url(name: str) -> str:
            shutil.copytree(_sqlite_model, Path(folder) / f"{name}.store")
            return f"sqlite:///{folder}/{name}.store/regulars.db"

        with twins(url, Path(folder)) as worlds:
            live(worlds, life)


@given(life=lives)
@settings(EXAMPLES, max_examples=5)
def test_a_tick_writes_it_on_postgresql_too(
    _postgres: PostgresServer, _postgresql_model: str, life: list[Happening]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        _postgres.fresh_database(model=_postgresql_model) as one,
        _postgres.fresh_database(model=_postgresql_model) as other,
        twins({"new": one, "all": other}.__getitem__, Path(folder)) as worlds,
    ):
        live(worlds, life)
