"""Whoever asks gets all that is kept of them; whoever is erased leaves hashes, and no sync brings them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner import collect
from runner.app import App
from runner.app.people import erase, export, lift_stone
from runner.app.tick import sync_all
from runner.store.personal import GOES, left_of, personal_tables
from runner.store.tables import (
    answers,
    contacts,
    enrollments,
    friends,
    inbox,
    inbox_metadata,
    metadata,
    orders,
    purchases,
    sends,
    suppressions,
    testimonials,
)
from tests.web.given import LATER, NOON, MailEventKind, event, letter, only, rows, ticket

SETTINGS = """
store: {store}
public_url: https://hello.acme.example
secret: a secret of some length
sender: {{name: Acme, email: hello@acme.example, address: "1 Main St"}}
connectors: {{shop: {{type: csv, path: data}}}}
mail: {{type: outbox}}
"""
CONTACTS = """contact_id,email,first_name,last_name,created_at,language,favourite
4711,ada@example.org,Ada,Lovelace,2025-01-01,en,violets
4712,bob@example.org,Bob,Babbage,2025-01-01,de,roses
"""
ORDERS = """order_id,contact_id,ordered_at,total
o-1,4711,2026-01-05,20.50
o-2,4712,2026-01-06,10.00
"""
MENTIONS = """mention_id,contact_id,source,text,at
m-1,4711,forum,Ada Lovelace was here,2026-01-07
"""
#: What must be found nowhere once she is erased.
TELLTALE = ("ada@example.org", "lovelace", "violets", "too slow, says ada", "198.51.100.7", "4711")


@pytest.fixture
def app(database: str, tmp_path: Path) -> Iterator[App]:
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "regulars.yaml").write_text(SETTINGS.format(store=database.replace("+psycopg", "")))
    for name, content in (("contacts", CONTACTS), ("orders", ORDERS), ("mentions", MENTIONS)):
        (folder / "data" / f"{name}.csv").write_text(content)
    with App(folder, environment={}, now=lambda: LATER) as opened:
        sync_all(opened, LATER)
        yield opened


def ada_lives(app: App) -> int:
    """She gets a letter, opens, answers, bounces, has words to show, was brought by Bob; a raw body names her."""
    ada = next(row["id"] for row in rows(app.store, contacts) if row["address"] == "ada@example.org")
    letter(app.store, ada, texts={"%1%": "Ada"}, reason="ada@example.org is slow")
    hit = event(MailEventKind.OPENED, event_id="e-1", user_agent="Mozilla/5.0 (X11)", ip="198.51.100.7", at=LATER)
    bounce = event(MailEventKind.BOUNCED, event_id="e-2", reason="no ada@example.org here")
    collect.events(app.store, "sendgrid", [hit, bounce], LATER)
    collect.answer(app.store, ticket(ada), 3, "too slow, says Ada", LATER)
    with app.store.write() as connection:
        agreed = {"consent_at": NOON, "consent_words": "You may show this.", "shown_as": "Ada Lovelace"}
        shown = {"send_id": "s-1", "contact_id": ada, "words": "Violets in a day", **agreed}
        connection.execute(testimonials.insert().values(shown))
        brought = {"came_by": "page", "told_by": "page 1", "state": "signed_up", "at": NOON, "seen_at": NOON}
        friend = {"referrer_id": ada + 1, "contact_id": ada, "address": "ada@example.org", **brought}
        connection.execute(friends.insert().values(friend))
    with app.store.inbox.begin() as connection:
        body = b'[{"email": "ada@example.org"}]'
        connection.execute(inbox.insert().values(connector="x", body=body, received_at=NOON, drained_at=NOON))
    return ada


def everything(app: App) -> str:
    """All rows of all tables."""
    with app.store.read() as connection:
        told = [list(connection.execute(sa.select(table)).all()) for table in metadata.sorted_tables]
    with app.store.inbox.begin() as connection:
        told += [connection.execute(sa.select(table)).all() for table in inbox_metadata.sorted_tables]
    return repr(told).lower()


def test_an_export_tells_all_that_is_kept_of_a_person_and_nothing_of_others(app: App) -> None:
    ada_lives(app)
    told = json.dumps(export(app, "ada@example.org"), default=str).lower()
    assert [word for word in TELLTALE if word not in told] == []
    assert "bob" not in told


def test_nothing_that_is_kept_tells_of_somebody_erased(app: App) -> None:
    ada = ada_lives(app)
    assert [word for word in TELLTALE if word not in everything(app)] == []
    done = erase(app, "ada@example.org")
    assert (done.contact, done.bodies, done.rows["sends"]) == (ada, 1, 1)
    assert [word for word in TELLTALE if word in everything(app)] == []
    assert "bob@example.org" in everything(app)


def test_what_was_done_and_what_was_bought_stays_counted(app: App) -> None:
    ada_lives(app)
    erase(app, "4711")
    (send,), (answer,) = rows(app.store, sends), rows(app.store, answers)
    assert (send["state"], send["opened"], send["delivery"], answer["score"]) == ("accepted", "human", "bounced", 3)
    assert only(app.store, enrollments)["state"] == "ended"
    assert {row["order_id"]: row["total"] for row in rows(app.store, orders)}.keys() == {"o-1", "o-2"}
    assert len(rows(app.store, purchases)) == 2


def test_no_sync_brings_an_erased_person_back_under_whatever_id(app: App) -> None:
    ada_lives(app)
    erase(app, "4711")
    folder = app.folder / "data"
    (folder / "contacts.csv").write_text(CONTACTS + "4799,Ada@Example.org,Ada,King,2026-02-01,en,lilies\n")
    (folder / "orders.csv").write_text(ORDERS + "o-3,4711,2026-03-01,5\no-4,4799,2026-03-01,5\no-5,4712,2026-03-01,5\n")
    for _ in range(2):
        sync_all(app, LATER, full=True)
    assert [row["address"] for row in rows(app.store, contacts)] == [None, "bob@example.org"]
    assert {row["order_id"] for row in rows(app.store, orders)} == {"o-1", "o-2", "o-5"}
    assert "lilies" not in everything(app)


def test_a_person_who_is_let_back_in_brings_their_no_along(app: App) -> None:
    ada_lives(app)
    erase(app, "4711")
    assert "ada@example.org" not in repr(rows(app.store, suppressions))
    assert lift_stone(app, "Ada@example.org") is True
    assert lift_stone(app, "ada@example.org") is False
    sync_all(app, LATER, full=True)
    assert "ada@example.org" in [row["address"] for row in rows(app.store, contacts)]
    assert [(row["address"], row["reason"]) for row in rows(app.store, suppressions)] == [
        ("ada@example.org", "bounced")
    ]


def test_a_link_in_an_old_letter_of_somebody_erased_harms_nobody(app: App) -> None:
    ada = ada_lives(app)
    erase(app, "4711")
    collect.unsubscribe(app.store, ticket(ada), "page", LATER)
    assert {row["address"] for row in rows(app.store, suppressions)} & {"erased", "ada@example.org"} == set()


def test_of_every_table_about_people_it_is_said_what_is_left() -> None:
    for table in personal_tables():
        assert table.name in GOES or set(left_of(table)) <= set(table.c.keys())
