"""A tick looks only at those for whom something is new, and writes what a look at everybody would."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.records import Company, Contact, FieldType, Order, Record, Refund, Survey
from runner.app.doctor import examine
from runner.app.tick import enroll_all
from runner.enroll import register
from runner.playbook import Playbook, read_playbooks
from runner.store.marks import forget, marks_of
from runner.store.tables import changed_contacts, companies, contacts, decisions, enrollments, playbooks
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


def _hours(count: float) -> datetime:
    return START + timedelta(hours=count)


def _days(count: int) -> date:
    return START.date() + timedelta(days=count)


def _lives(who: str, since: int, renews: int, **told: Any) -> Contact:
    """Somebody whose birthday it is today."""
    custom = {"renewal_date": _days(renews).isoformat()}
    about = {"created_at": utc("2020-01-01"), "company_id": "c", "birthday": date(1990, 2, 20), "custom": custom}
    return Contact(contact_id=who, email=f"{who}@x.example", customer_since=_days(since), **about, **told)


#: Four whom time alone lets in: a birthday, a renewal, a lapse, a bad answer that is a day and six hours old at last.
_AT_FIRST: Sequence[Record] = [
    _lives("ada", -1, 4, country="US"),
    _lives("bob", -2, 5, country="US", timezone="Asia/Tokyo"),
    _lives("cyd", 0, 3, country="PL", timezone="America/New_York"),
    _lives("dee", 1, 2, country="US", timezone="no/such"),
    *(
        Order(order_id=f"{who}9", contact_id=who, total=Decimal(10), ordered_at=_hours(-40 - 9 * place))
        for place, who in enumerate(WHO)
    ),
    *(
        Survey(response_id=f"{who}9{kind}", contact_id=who, kind=kind, scale=scale, score=1, responded_at=_hours(at))
        for who, at in zip(WHO, (1, 2, 5, 30), strict=True)
        for kind, scale in (("nps", "0-10"), ("csat", "1-5"))
    ),
]

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
        self.hear(Company(company_id="c", name="Acme"), *_AT_FIRST, fields={"renewal_date": FieldType.DATE})

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
lives = st.lists(st.one_of(changes, steps), min_size=6, max_size=30)


@contextmanager
def twins(url: Callable[[str], str], folder: Path) -> Iterator[Sequence[Twin]]:
    with (
        closing(Twin(folder / "new", url("new"), in_full=False)) as new,
        closing(Twin(folder / "all", url("all"), in_full=True)) as all_,
    ):
        yield new, all_


def live(worlds: Sequence[Twin], life: Sequence[Happening]) -> None:
    """Both worlds live through it, and stand the same after every tick."""
    for happening in [passing(timedelta(hours=4)), *life, passing(timedelta(hours=1)), passing(timedelta(days=2))]:
        for world in worlds:
            happening.does(world)
        if happening.words.startswith("tick"):
            assert worlds[0].doors() == worlds[1].doors()


#: Without shrinking: each example is two stores, and shrinking takes minutes.
EXAMPLES = settings(
    phases=[Phase.generate],
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(life=lives)
@settings(EXAMPLES, max_examples=20)
def test_a_tick_writes_what_a_look_at_everybody_would(
    _sqlite_model: Path,  # noqa: PT019
    life: list[Happening],
) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def url(name: str) -> str:
            shutil.copytree(_sqlite_model, Path(folder) / f"{name}.store")
            return f"sqlite:///{folder}/{name}.store/regulars.db"

        with twins(url, Path(folder)) as worlds:
            live(worlds, life)


@given(life=lives)
@settings(EXAMPLES, max_examples=4)
def test_a_tick_writes_it_on_postgresql_too(
    _postgres: PostgresServer,  # noqa: PT019
    _postgresql_model: str,  # noqa: PT019
    life: list[Happening],
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        _postgres.fresh_database(model=_postgresql_model) as one,
        _postgres.fresh_database(model=_postgresql_model) as other,
        twins({"new": one, "all": other}.__getitem__, Path(folder)) as worlds,
    ):
        live(worlds, life)


WISH = "trigger: {anniversary: {of: contact.birthday}}"
BORN = {"birthday": date(1990, 5, 4)}


def noted(world: World) -> set[int]:
    with world.store.read() as connection:
        return set(marks_of(connection).contacts)


def test_the_database_notes_who_changed_whoever_wrote_it(each_world: World) -> None:
    each_world.company("c")
    each_world.people("ada", "bob", "cyd", company_id="c")
    ada, bob, cyd = (row.id for row in each_world.rows(sa.select(contacts.c.id).order_by(contacts.c.key)))
    for change, who in (
        (contacts.update().where(contacts.c.id == ada).values(country="PL"), {ada}),
        (contacts.update().where(contacts.c.id == bob).values(merged_into=cyd), {bob, cyd}),
        (companies.update().values(name="New"), {ada, bob, cyd}),
    ):
        each_world.do(changed_contacts.delete())
        each_world.do(change)
        assert noted(each_world) == who


def test_a_fact_notes_the_person_it_is_about_and_nobody_else(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.do(changed_contacts.delete())
    each_world.answer("ada", 5, utc("2026-01-01 00:00"), kind="ces")
    (ada,) = each_world.rows(sa.select(contacts.c.id).where(contacts.c.key == "crm:ada"))
    assert noted(each_world) == {ada.id}


def test_changes_are_forgotten_when_a_tick_has_looked(each_world: World) -> None:
    each_world.playbook("wish", WISH)
    each_world.person("ada", **BORN)
    each_world.tick("2026-05-01 09:00")
    assert noted(each_world) == set()


@contextmanager
def killed_at(world: World, words: str) -> Iterator[None]:
    """Within, the process ends where it says these words to the store."""

    def end(_: object, __: object, statement: str, *___: object) -> None:
        if words in statement:
            raise KeyboardInterrupt

    sa.event.listen(world.store.writer, "before_cursor_execute", end)
    with pytest.raises(KeyboardInterrupt):
        yield
    sa.event.remove(world.store.writer, "before_cursor_execute", end)


def test_a_tick_that_was_killed_leaves_its_changes_noted(each_world: World) -> None:
    each_world.playbook("wish", WISH)
    each_world.person("bob")
    each_world.tick("2026-05-04 10:00")
    each_world.person("ada", **BORN)
    with killed_at(each_world, "INSERT INTO enrollments"):
        each_world.tick("2026-05-04 10:05")
    assert each_world.ticks("2026-05-04 10:10")[0].who == "ada"


def test_a_change_that_is_written_while_a_tick_looks_waits_for_the_next_one(each_world: World) -> None:
    each_world.person("ada")
    with each_world.store.read() as connection:
        seen = marks_of(connection)
    each_world.person("bob")
    forget(each_world.store, seen)
    (bob,) = each_world.rows(sa.select(contacts.c.id).where(contacts.c.key == "crm:bob"))
    assert noted(each_world) == {bob.id}


def test_a_playbook_that_was_left_out_for_a_while_looks_at_everybody(each_world: World) -> None:
    each_world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"')
    each_world.playbook("other", WISH)
    each_world.person("ada", country="US", **BORN)
    each_world.tick("2026-05-04 10:00")
    each_world.do(playbooks.update().where(playbooks.c.id == "wish").values(paused_at=each_world.now))
    each_world.person("ada", country="PL", **BORN)
    each_world.tick("2026-05-04 11:00")
    each_world.do(playbooks.update().values(paused_at=None))
    assert [letter.playbook for letter in each_world.ticks("2026-05-04 12:00")] == ["wish"]


def test_a_tick_with_nothing_new_asks_nobody_and_writes_only_when_it_was(world: World) -> None:
    world.playbook("wish", WISH)
    world.people("ada", "bob", **BORN)
    world.ticks("2026-05-04 10:00", "2026-05-04 10:05")
    asked: list[str] = []
    for engine in (world.store.reader, world.store.writer):
        sa.event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    world.tick("2026-05-04 10:10")
    assert [words for words in asked if "due_days" in words] == []
    assert [words.split()[1] for words in asked if words.startswith("UPDATE")] == ["playbooks"]


def test_whom_the_ticks_overlooked_enters_at_the_look_at_everybody_and_doctor_tells(world: World) -> None:
    world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"')
    world.person("ada", country="US", **BORN)
    world.tick("2026-05-04 10:00")
    world.do(contacts.update().values(country="PL"))
    world.do(changed_contacts.delete())
    assert world.ticks("2026-05-05 09:00") == []
    assert [letter.who for letter in world.ticks("2026-05-05 10:00")] == ["ada"]
    told = [found.message for found in examine(world.app).checks if found.name == "playbook wish"]
    assert told == ["on 2026-05-05 1 people had been overlooked; they were taken in then, please report it"]


def test_the_brake_holds_the_rest_when_a_tick_was_killed_while_it_held_them(
    world_with: Callable[[str], World],
) -> None:
    world = world_with("brake: {people: 3, share: 1%, at_least: 2}")
    world.people(*(f"p{number}" for number in range(501)), **BORN)
    world.playbook("wish", WISH)
    with killed_at(world, "braked_people"):
        world.tick("2026-05-04 10:00")
    assert len(world.inside()) == 500
    ticked = world.tick("2026-05-04 10:05")
    assert set(world.inside().values()) == {"braked"}
    assert ticked.waiting[0].startswith("wish: 501 people at once")
