"""Who opened and clicked is judged from what is kept of a letter, in any order, and again when a rule has changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connectors.base import Actor, MailEvent, MailEventKind
from runner import collect
from runner.collect import Machines
from runner.collect.judging import TRAP, Hit, judge
from runner.collect.machines import KNOWN
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import contacts, sends
from tests.web.given import NOON, event, letter, only, person, rows

BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
HOME, GATEWAY = "198.51.100.7", "209.222.82.9"
#: Long enough after all of it.
AFTER = NOON + timedelta(days=1)


def seconds(number: float) -> datetime:
    """So long after the letter was delivered."""
    return NOON + timedelta(seconds=number)


def clicked(at: float, url: str = "https://acme.example/shop", agent: str | None = BROWSER, ip: str = HOME) -> Hit:
    return Hit(0, "clicked", seconds(at), None, url, agent, ip)


def opened(at: float, agent: str | None = BROWSER, ip: str = HOME, told: str | None = None) -> Hit:
    return Hit(0, "opened", seconds(at), told, None, agent, ip)


def judged(*hits: Hit, now: datetime = AFTER) -> str:
    """A letter for each: h(uman), m(achine), u(nknown)."""
    numbered = [replace(hit, id=number) for number, hit in enumerate(hits)]
    actors = judge(numbered, NOON, KNOWN, now).actors
    return "".join(actors[hit.id][0] for hit in numbered)


@pytest.mark.parametrize(
    ("hit", "who"),
    [
        (opened(3600), "h"),
        (opened(3600, GMAIL), "h"),  # Google fetches when a person opens; taking it for a robot loses all of Gmail
        (opened(3600, "Mozilla/5.0"), "m"),  # Apple's privacy proxy
        (opened(3600, ip="17.58.101.2"), "m"),
        (opened(3600, told="machine"), "m"),
        (opened(2), "u"),
        (opened(3600, None), "u"),
        (clicked(3600), "h"),
        (clicked(2), "m"),  # seconds after delivery
        (clicked(30), "u"),
        (clicked(3600, ip=GATEWAY), "m"),
        (clicked(3600, agent="python-requests/2.32"), "m"),
        (clicked(3600, agent="Mozilla/5.0 (compatible; ExampleBot/1.0)"), "m"),
        (clicked(3600, agent=None), "u"),
        (clicked(3600, TRAP), "m"),
    ],
)
def test_one_hit_is_judged_by_what_came_and_when(hit: Hit, who: str) -> None:
    assert judged(hit) == who


def test_whoever_follows_many_links_at_once_is_a_machine() -> None:
    assert judged(*(clicked(3600 + n, f"https://acme.example/{n}") for n in range(3))) == "mmm"
    assert judged(clicked(3600, "https://a.example/u/7~~s.x"), clicked(3603)) == "mm"
    assert judged(clicked(3600), clicked(3603)) == "hh"
    assert judged(*(clicked(3600 + 60 * n, f"https://acme.example/{n}") for n in range(3))) == "hhh"


def test_whoever_follows_the_link_that_no_person_sees_did_the_rest_as_well() -> None:
    scanner = {"ip": "203.0.113.9"}
    assert (
        judged(clicked(600, **scanner), opened(605, **scanner), clicked(640, TRAP, **scanner), clicked(7200)) == "mmmh"
    )


def test_a_click_soon_after_an_open_by_a_person_is_that_persons() -> None:
    assert judged(opened(20), clicked(30)) == "hh"


def test_a_click_is_not_judged_before_a_scanner_would_have_followed_the_rest() -> None:
    hits = [replace(clicked(3600), id=1)]
    young = judge(hits, NOON, KNOWN, seconds(3605))
    assert (young.actors[1], young.again_at) == (Actor.UNKNOWN, seconds(3660))
    assert judge(hits, NOON, KNOWN, seconds(3660)).actors[1] is Actor.HUMAN


# --- in the store


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        yield opened


def told(kind: MailEventKind, at: float, url: str | None = None, ip: str = HOME, agent: str = BROWSER) -> MailEvent:
    return event(kind, event_id=f"{kind} {at} {url}", at=seconds(at), url=url, ip=ip, user_agent=agent)


STORY = [
    told(MailEventKind.DELIVERED, 0),
    *(told(MailEventKind.CLICKED, 90 + n, f"https://acme.example/{n}", ip="203.0.113.9") for n in range(4)),
    told(MailEventKind.OPENED, 100, agent="Mozilla/5.0"),
    told(MailEventKind.OPENED, 4000),
    told(MailEventKind.CLICKED, 4030, "https://acme.example/2"),
]


def test_in_any_order_the_same_is_judged_and_only_a_persons_click_counts(store: Store) -> None:
    order = random.Random(5)
    for number in range(3):
        ada = person(store, f"p{number}@example.org")
        letter(store, ada, f"s-{number}")
        mixed = [replace(one, event_id=f"{number} {one.event_id}", send_id=f"s-{number}") for one in STORY]
        order.shuffle(mixed)
        for one in mixed:
            collect.events(store, "sendgrid", [one], AFTER)
    assert {(row["opened"], row["opened_at"], row["clicked"], row["clicked_at"]) for row in rows(store, sends)} == {
        ("human", seconds(4000), "human", seconds(4030))
    }
    assert {row["last_click_at"] for row in rows(store, contacts)} == {seconds(4030)}


def test_no_playbook_sees_a_machines_click_not_even_for_a_minute(store: Store) -> None:
    letter(store, person(store))
    clicks = [told(MailEventKind.CLICKED, 300 + n, f"https://acme.example/{n}") for n in range(3)]
    for one in (told(MailEventKind.DELIVERED, 0), *clicks):
        collect.events(store, "sendgrid", [one], one.at)
        collect.settle_clicks(store, one.at)
        assert (only(store, sends)["clicked"], only(store, contacts)["last_click_at"]) in [
            (None, None),
            ("unknown", None),
            ("machine", None),
        ]
    collect.settle_clicks(store, seconds(400))
    assert (only(store, sends)["clicked"], only(store, sends)["look_again_at"]) == ("machine", None)


def test_a_persons_click_counts_a_minute_later(store: Store) -> None:
    letter(store, person(store))
    collect.events(store, "sendgrid", [STORY[0], told(MailEventKind.CLICKED, 600, "https://a.example/")], seconds(601))
    assert only(store, sends)["clicked"] == "unknown"
    assert collect.settle_clicks(store, seconds(630)).letters == 0
    collect.settle_clicks(store, seconds(660))
    assert (only(store, sends)["clicked"], only(store, contacts)["last_click_at"]) == ("human", seconds(600))


def test_after_a_rule_has_changed_everything_is_judged_anew_from_what_was_kept(store: Store) -> None:
    letter(store, person(store))
    collect.events(store, "sendgrid", [*STORY[:1], *STORY[-2:]], AFTER)
    assert only(store, contacts)["last_click_at"] == seconds(4030)
    assert collect.reclassify(store, AFTER).changed == 0
    office = Machines(networks=(*KNOWN.networks, *Machines.of(settings(networks=["198.51.100.0/24"])).networks))
    assert collect.reclassify(store, AFTER, office) == collect.Rejudged(letters=1, changed=1)
    send = only(store, sends)
    assert (send["opened"], send["clicked"], only(store, contacts)["last_click_at"]) == ("machine", "machine", None)
    assert collect.reclassify(store, AFTER).changed == 1
    assert only(store, contacts)["last_click_at"] == seconds(4030)


def settings(**machines: object) -> Settings:
    document = {"public_url": "https://a.example", "secret": "a secret of some length", "mail": {"type": "outbox"}}
    sender = {"name": "Acme", "email": "hello@acme.example", "address": "1 Main St"}
    return Settings.model_validate({**document, "sender": sender, "machines": machines})
