"""A tick looks only at those for whom something is new, and writes what a look at everybody would."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.records import (
    Cart,
    Company,
    Contact,
    Contract,
    Deal,
    Event,
    FieldType,
    Invoice,
    Message,
    Order,
    Record,
    Refund,
    Subscription,
    Survey,
    Ticket,
)
from runner.app.alarms import stand_in
from runner.app.doctor import examine
from runner.app.entering import enroll_all, windows
from runner.enroll import register
from runner.news import sifted
from runner.playbook import Playbook, read_playbooks
from runner.store.marks import forget, marks_of, read_by
from runner.store.tables import (
    alarms,
    changed_contacts,
    companies,
    contacts,
    custom_fields,
    decisions,
    enrollments,
    playbooks,
    trigger_states,
)
from runner.sync import advance
from tests.core.world import World, utc
from tests.postgres import PostgresServer

START = utc("2026-02-20 07:00")
WHO = ("ada", "bob", "cyd", "dee")
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "no/such")
#: Every trigger, every way of coming again, and conditions that time alone turns: at midnight, and at any time.
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
    "happy": """
        trigger: {high_score: {kind: nps, at_least: 5}}
        audience: days_since(last(events.login)) > 1
    """,
    "moved": 'trigger: {became: {when: contact.country == "PL" and company.name == "Acme"}}',
    "quiet": """
        trigger: {became: {when: days_since(contact.last_order_at) > 2}}
        audience: contact.country != "PL" or contact.renewal_date < today()
    """,
    "settled": 'trigger: {became: {when: contact.country == "US", for: 2 days, existing: enter}}',
    "busy": """
        trigger: {became: {when: 'count(events.login, within="1 day") > 1'}}
        mode: restart
    """,
    "risky": "trigger: {churn_risk: {above: 0.7}}",
    "login": """
        trigger: {event: {kind: login, where: days_since(contact.last_order_at) > 2.5, max_lateness: 4 days}}
    """,
    "pages": "trigger: {event: {kind: login, key: event.page}}",
    "solved": """
        trigger: {event: {kind: ticket_solved}}
        audience: count(events.login, within="20 hours") == 0
    """,
    "ordered": "trigger: {event: {kind: order}}\nreenter: after 1 day",
    "cart": "trigger: {cart_abandoned: {after: 5 hours}}",
    "won": """
        trigger: {deal_stage: {stage: won}}
        audience: contact.country == "PL"
    """,
    "overdue": "trigger: {overdue_invoice: {days: 2}}",
    "contract": "trigger: {date: {of: contract.ends_on, before: 2 days}}",
    "daily": """
        trigger: {schedule: {cron: "30 9 * * *"}}
        audience: days_until(contact.renewal_date) < 3
        reenter: after 2 days
    """,
    "in_hours": "trigger: {schedule: {every: 2 days, stagger: 20 hours}}\nreenter: never",
    "closing": "trigger: {date: {of: deal.closed_at, after: 1 day}}",
    "trial": "trigger: {date: {of: subscription.trial_end, before: 1 day}}",
    "wrote": """
        trigger: {event: {kind: message}}
        audience: sum(orders.total, within="3 days") > 5 or months_since(contact.customer_since) >= 1
    """,
    "fallen": "trigger: {low_score: {kind: nps, fallen_by: 2}}",
    "alarmed": """
        trigger: {kpi: {key: churn_rate, above: 7%}}
        audience: now > "2026-02-21"
        actions: [{wait: 1 day}]
    """,
    "by_hand": "trigger: {manual: {}}",
}
#: How many of them run in a life that chance writes.
AT_ONCE = 9


def _hours(count: float) -> datetime:
    return START + timedelta(hours=count)


def _days(count: int) -> date:
    return START.date() + timedelta(days=count)


def _lives(who: str, since: int, renews: int, **told: Any) -> Contact:
    """Somebody whose birthday it is today."""
    custom = {"renewal_date": _days(renews).isoformat(), "churn_risk": 0.5}
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

#: The connector's own fields of contacts, and of events.
OWN = {"renewal_date": FieldType.DATE, "churn_risk": FieldType.NUMBER}
PAGE = {"of_table": "events", "name": "page", "type": FieldType.TEXT, "connector": "crm"}

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

    def __init__(self, folder: Path, url: str, running: Set[str], *, in_full: bool) -> None:
        super().__init__(folder, url)
        self.in_full = in_full
        self.running = running
        self.now = START
        for id, text in PLAYBOOKS.items():
            self.playbook(id, text)
        self.do(custom_fields.insert().values(PAGE))
        seen = login("ada", "first", _hours(-50), "home")
        self.hear(Company(company_id="c", name="Acme"), *_AT_FIRST, seen, fields=OWN)
        stand_in(self.store, self.app.settings)

    def enroll(self) -> None:
        """A tick up to the door."""
        if self.in_full:
            self.do(playbooks.update().values(looked_by=None))
        advance(self.store, None, self.now, self.app.settings)
        running = [playbook for playbook in read(self) if playbook.id in self.running]
        register(self.store, running, self.now)
        enroll_all(self.app, running, self.now)

    def doors(self) -> Sequence[set[tuple[Any, ...]]]:
        """Who is inside, who was turned away and why, and of whom what is watched is so."""
        e, d, s = enrollments.c, decisions.c, trigger_states.c
        inside = sa.select(e.playbook, contacts.c.key, e.occasion, e.arm, e.entered_at).join_from(enrollments, contacts)
        refused = sa.select(d.playbook, contacts.c.key, d.occasion, d.reason, d.at).join_from(decisions, contacts)
        states = sa.select(s.playbook, contacts.c.key, s.episode, s.holds, s.existing, s.since)
        states = states.join_from(trigger_states, contacts)
        chosen = (inside, refused.where(d.step == ""), states)
        return [{tuple(row) for row in self.rows(rows)} for rows in chosen]


@dataclass(frozen=True)
class Happening:
    """Something that happens in both worlds."""

    does: Callable[[Twin], None]
    words: str

    def __repr__(self) -> str:
        return self.words


def hearing(*records: Record) -> Happening:
    return Happening(lambda world: world.hear(*records, fields=OWN), f"hear {records}")


def login(who: str, id: str, at: datetime, page: str) -> Event:
    return Event(event_id=f"{who}{id}", contact_id=who, kind="login", at=at, custom={"page": page})


def ticket(who: str, at: datetime, solved: datetime | None) -> Ticket:
    return Ticket(ticket_id=f"t{who}", contact_id=who, created_at=at, solved_at=solved)


def cart(who: str, id: str, at: datetime) -> Cart:
    return Cart(cart_id=f"{who}{id}", contact_id=who, created_at=at, total=Decimal(10), currency="EUR")


def deal(id: str, stage: str, at: datetime, who: str | None, closed: datetime | None = None) -> Deal:
    """A deal of somebody, or of the company: whoever is its primary contact hears of it."""
    return Deal(deal_id=id, contact_id=who, company_id="c", stage=stage, created_at=at, is_won=False, closed_at=closed)


def trial(who: str, ends: date) -> Subscription:
    terms = {"kind": "licence", "interval": "month", "quantity": Decimal(1), "unit_amount": Decimal(9)}
    return Subscription(
        subscription_id=f"s{who}", customer_id=who, product="p", started_on=_days(-9), trial_end=ends, **terms
    )


def message(who: str, thread: str, at: datetime) -> Message:
    return Message(thread_id=thread, customer_id=who, contact_id=who, direction="in", at=at)


def alarming(period: str) -> Happening:
    """A figure has passed its mark."""

    def alarm(world: Twin) -> None:
        told = {"name": "Churn rate", "value": 0.1, "n": 99, "mark": 0.07, "told": "10 %", "mark_told": "7 %"}
        row = {
            "playbook": "alarmed",
            "key": "churn_rate",
            "period": period,
            "at": world.now + timedelta(minutes=1),
            **told,
        }
        world.do(world.store.insert(alarms).values(row).on_conflict_do_nothing())

    return Happening(alarm, f"alarm of {period}")


def bill(who: str, due: date, paid: date | None) -> Invoice:
    told = {"issued_on": START.date(), "due_on": due, "paid_on": paid, "amount": Decimal(10)}
    return Invoice(invoice_id=f"i{who}", customer_id=who, **told)


def contract(who: str, ends: date) -> Contract:
    return Contract(contract_id=f"k{who}", customer_id=who, ends_on=ends)


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
    lambda who, zone, country, born, since, renews, company, risk, address: hearing(
        Contact(
            contact_id=who,
            email=f"{who}@x.example" if address else None,
            created_at=utc("2020-01-01"),
            timezone=zone,
            country=country,
            birthday=born,
            customer_since=since,
            company_id=company,
            custom={"churn_risk": risk} | ({"renewal_date": renews.isoformat()} if renews else {}),
        )
    ),
    some,
    optional(st.sampled_from(ZONES)),
    st.sampled_from(["PL", "US"]),
    optional(in_years),
    optional(near),
    optional(near),
    optional(st.just("c")),
    st.sampled_from([None, 0.2, 0.65, 0.8]),
    st.sampled_from([True, True, False]),
)
lately = st.integers(-4 * 24, 4 * 24).map(lambda hours: START + timedelta(hours=hours))
others = st.one_of(
    st.builds(login, some, st.sampled_from("xyz"), lately, st.sampled_from(["home", "shop"])),
    st.builds(ticket, some, lately, optional(lately)),
    st.builds(cart, some, st.sampled_from("xy"), lately),
    st.builds(deal, st.sampled_from("xy"), st.sampled_from(["new", "won"]), lately, optional(some), optional(lately)),
    st.builds(trial, some, near),
    st.builds(message, some, st.sampled_from("xy"), lately),
    st.builds(bill, some, near, optional(near)),
    st.builds(contract, some, near),
).map(hearing)
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
    others,
    others,
    st.sampled_from(["2026-01", "2026-02"]).map(alarming),
    st.builds(lambda id, away: paused(id, away=away), st.sampled_from(["birthday", "csat"]), st.booleans()),
    st.builds(edited, st.sampled_from(["birthday", "renewal"]), st.sampled_from(["PL", "US"])),
)
steps = st.sampled_from([5 / 60, 1, 3, 7, 13, 24, 25, 60, 130]).map(lambda hours: passing(timedelta(hours=hours)))
lives = st.lists(st.one_of(changes, steps), min_size=6, max_size=24)
those_running = st.permutations(sorted(PLAYBOOKS)).map(lambda ids: frozenset(ids[:AT_ONCE]))


@contextmanager
def twins(url: Callable[[str], str], folder: Path, running: Set[str] = PLAYBOOKS.keys()) -> Iterator[Sequence[Twin]]:
    with (
        closing(Twin(folder / "new", url("new"), running, in_full=False)) as new,
        closing(Twin(folder / "all", url("all"), running, in_full=True)) as all_,
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


@given(life=lives, running=those_running)
@settings(EXAMPLES, max_examples=6)
def test_a_tick_writes_what_a_look_at_everybody_would(
    _sqlite_model: Path,  # noqa: PT019
    life: list[Happening],
    running: frozenset[str],
) -> None:
    with tempfile.TemporaryDirectory() as folder, twins(_stores(_sqlite_model, folder), Path(folder), running) as both:
        live(both, life)


def _stores(model: Path, folder: str) -> Callable[[str], str]:
    def url(name: str) -> str:
        shutil.copytree(model, Path(folder) / f"{name}.store")
        return f"sqlite:///{folder}/{name}.store/regulars.db"

    return url


def _a_day_later(*happened: Record) -> list[Happening]:
    """Things are told, some hours pass in which nothing is, and then more of them."""
    return [hearing(*happened), *(passing(timedelta(hours=hours)) for hours in (1, 7, 13, 3))]


#: Everybody's time comes in it, after a change or by itself.
FULL_LIFE: Sequence[Happening] = [
    *_a_day_later(
        *(login(who, id, _hours(5), "home") for who in WHO for id in "xy"),
        *(cart(who, "x", _hours(5)) for who in WHO),
        *(bill(who, _days(place - 1), None) for place, who in enumerate(WHO)),
        *(contract(who, _days(place + 2)) for place, who in enumerate(WHO)),
        deal("x", "new", _hours(4), None),
        deal("y", "won", _hours(5), "cyd", _hours(-18)),
        *(trial(who, _days(place + 1)) for place, who in enumerate(WHO)),
        *(message(who, "x", _hours(5)) for who in WHO),
        *(ticket(who, _hours(-9), _hours(8)) for who in WHO),
        Order(order_id="old", contact_id="dee", total=Decimal(10), ordered_at=START - timedelta(days=365)),
        Survey(response_id="good", contact_id="bob", kind="nps", scale="0-10", score=9, responded_at=_hours(6)),
    ),
    *_a_day_later(
        replace(_lives("ada", -1, 4, country="PL"), email=None),
        _lives("bob", -2, 5, country="PL", timezone="Asia/Tokyo"),
        deal("x", "won", _hours(28), None),
        replace(_lives("dee", 1, 2, country="US"), custom={"churn_risk": 0.8}),
        Order(order_id="new", contact_id="cyd", total=Decimal(10), ordered_at=_hours(26)),
        Order(order_id="more", contact_id="cyd", total=Decimal(10), ordered_at=_hours(27)),
    ),
    alarming("2026-01"),
    *_a_day_later(
        replace(_lives("bob", -2, 5, country="US", timezone="Asia/Tokyo"), company_id=None),
        Survey(response_id="worse", contact_id="bob", kind="nps", scale="0-10", score=7, responded_at=_hours(50)),
    ),
    *_a_day_later(
        Company(company_id="c", name="Gone"),
        replace(_lives("bob", -2, 5, country="PL"), company_id=None, custom={"churn_risk": 0.9}),
    ),
    passing(timedelta(days=4)),
]


def test_whatever_a_trigger_waits_for_brings_the_same_people(
    _sqlite_model: Path,  # noqa: PT019
    tmp_path: Path,
) -> None:
    with twins(_stores(_sqlite_model, str(tmp_path)), tmp_path) as worlds:
        live(worlds, FULL_LIFE)
        entered = worlds[0].rows(sa.select(enrollments.c.playbook).distinct())
        assert {row.playbook for row in entered} == PLAYBOOKS.keys() - {"by_hand"}


def test_it_brings_them_on_postgresql_too(
    _postgres: PostgresServer,  # noqa: PT019
    _postgresql_model: str,  # noqa: PT019
    tmp_path: Path,
) -> None:
    with (
        _postgres.fresh_database(model=_postgresql_model) as one,
        _postgres.fresh_database(model=_postgresql_model) as other,
        twins({"new": one, "all": other}.__getitem__, tmp_path) as worlds,
    ):
        live(worlds, FULL_LIFE)


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


def test_a_note_says_what_changed(each_world: World) -> None:
    each_world.company("c")
    each_world.person("ada", company_id="c")
    each_world.person("bob")
    (ada,) = (row.id for row in each_world.rows(sa.select(contacts.c.id).where(contacts.c.key == "crm:ada")))
    mine = contacts.c.id == ada
    for change, what in (
        (contacts.update().where(mine).values(country="PL", language="pl"), {"contacts.country contacts.language"}),
        (contacts.update().where(mine).values(country="PL"), set()),
        (contacts.update().where(mine).values(country=None), {"contacts.country"}),
        (contacts.update().where(mine).values(custom={"a": 1}), {"contacts.custom"}),
        (companies.update().values(name="New"), {"companies"}),
        (contacts.update().where(mine).values(merged_into=ada + 1), {"contacts.merged_into"}),
    ):
        each_world.do(changed_contacts.delete())
        each_world.do(change)
        assert {row.what.strip() for row in each_world.rows(changed_contacts.select())} == what


@pytest.mark.parametrize(
    ("trigger", "read", "unread"),
    [
        ("anniversary: {of: contact.birthday}", "contacts.birthday", "contacts.country"),
        ("anniversary: {of: contact.birthday}", "contacts.zone", "contacts.customer_since"),
        ("date: {of: contact.last_order_at, after: 5 days}", "contacts.last_order_at", "purchases"),
        ("date: {of: contract.ends_on, before: 5 days}", "contracts", "invoices"),
        ("low_score: {kind: nps}", "surveys", "contacts.nps_score"),
        ("low_score: {kind: nps}", "answers", "events"),
        ("event: {kind: login}", "events", "purchases"),
        ("event: {kind: order}", "purchases", "events"),
        ("event: {kind: ticket, where: contact.country == 'PL'}", "contacts.country", "contacts.language"),
        ("cart_abandoned: {after: 4 hours}", "purchases", "contacts.email"),
        ("churn_risk: {above: 0.7}", "contacts.churn_risk", "contacts.orders_count"),
        ("became: {when: contact.orders_count >= 10}", "contacts.orders_count", "contacts.churn_risk"),
        ("became: {when: 'count(orders) >= 10', for: 1 day}", "purchases", "contacts.orders_count"),
        ("inactivity: {for: 90 days, event: order}", "contacts.last_order_at", "contacts.birthday"),
        ("overdue_invoice: {days: 3}", "invoices", "contracts"),
        ("schedule: {every: 90 days}", "contacts.draw", "contacts.birthday"),
        ("deal_stage: {stage: won}", "deals", "surveys"),
    ],
)
def test_what_a_trigger_reads_is_read_off_its_select(world: World, trigger: str, read: str, unread: str) -> None:
    world.person("ada")
    world.playbook("p", f"trigger: {{{trigger}}}")
    (reading,) = world.app.readings(world.app.fields())
    assert reading.playbook is not None, reading.faults
    ((playbook, window),) = windows(world.app, [reading.playbook], world.now)
    words = read_by(playbook.trigger.matches(window))
    assert read in words
    assert unread not in words


def test_of_whom_something_else_changed_is_looked_at_where_the_playbook_turned_them_away(world: World) -> None:
    world.playbook("wish", f'{WISH}\naudience: contact.country == "PL"')
    world.person("ada", country="US", **BORN)
    world.person("bob", country="US", birthday=date(1990, 7, 4))
    world.ticks("2026-05-04 10:00", "2026-05-04 10:05")
    asked: list[str] = []
    sa.event.listen(world.store.reader, "before_cursor_execute", lambda *told: asked.append(told[2]))
    world.person("bob", country="PL", birthday=date(1990, 7, 4))
    world.person("ada", country="US", language="pl", **BORN)
    world.tick("2026-05-04 10:10")
    assert not [words for words in asked if "due_days" in words]
    world.person("ada", country="PL", language="pl", **BORN)
    assert [letter.who for letter in world.ticks("2026-05-04 10:15")] == ["ada"]
    assert [words for words in asked if "due_days" in words]


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
    asked = all_that_is_asked(world)
    world.tick("2026-05-04 10:10")
    assert [words for words in asked if "due_days" in words] == []
    assert [words.split()[1] for words in asked if words.startswith("UPDATE")] == ["playbooks"]


def all_that_is_asked(world: World) -> list[str]:
    """The words of every statement from here on."""
    asked: list[str] = []
    for engine in (world.store.reader, world.store.writer, world.store.noter):
        sa.event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    return asked


AFTER_AN_ORDER = "trigger: {date: {of: contact.last_order_at, after: 14 days}}"
LAPSED = "trigger: {inactivity: {for: 90 days, event: order}}"


@pytest.mark.parametrize(
    ("ordered", "looks"),
    [(utc("2026-05-04 09:58"), 0), (utc("2026-04-20 09:58"), 1)],
    ids=["just now: nothing can fire", "a fortnight ago: the one may fire, the other not"],
)
def test_whose_own_row_rules_a_trigger_out_is_not_looked_at(world: World, ordered: datetime, looks: int) -> None:
    for name, trigger in (("after", AFTER_AN_ORDER), ("lapsed", LAPSED)):
        world.playbook(name, trigger)
    world.people("ada", "bob")
    world.ticks("2026-05-04 10:00", "2026-05-04 10:05")
    world.do(contacts.update().where(contacts.c.key == "crm:ada").values(last_order_at=ordered, last_order_id="o-1"))
    asked = all_that_is_asked(world)
    world.tick("2026-05-04 10:10")
    assert len([words for words in asked if "AS welcome" in words]) == looks


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


def test_more_playbooks_than_an_expression_may_be_deep_are_asked_whom_they_concern(world: World) -> None:
    for who, year in (("ada", 1990), ("bob", 1991)):
        world.person(who, birthday=date(year, 5, 4))
    ada, bob = (row.id for row in world.rows(sa.select(contacts.c.id).order_by(contacts.c.id)))
    says = {str(number): contacts.c.birthday == date(1990 + number % 2, 5, 4) for number in range(1200)}
    with world.store.read() as connection:
        found = sifted(connection, {playbook: {ada, bob} for playbook in (*says, "else")}, says)
    assert [found[playbook] for playbook in ("0", "1199", "else")] == [{ada}, {bob}, {ada, bob}]
