"""A sync of HubSpot tells what it will cost, what it found at night, and how much of the account's limits is used."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from runner.app.doctor import examine
from runner.app.forecast import foresee
from runner.app.quotas import quotas
from runner.app.tick import sync_all
from runner.cli.progress import Progress
from runner.cli.reports import forecast_table, sync_table
from tests.core.world import World, utc
from tests.loopback.hubspot import LoopbackHubSpot


@pytest.fixture
def world(tmp_path: Path, sqlite_url: str, hubspot: LoopbackHubSpot) -> Iterator[World]:
    yield from _world(tmp_path, sqlite_url, hubspot)


@pytest.fixture
def on_both(tmp_path: Path, database: str, hubspot: LoopbackHubSpot) -> Iterator[World]:
    yield from _world(tmp_path, database, hubspot)


def _world(tmp_path: Path, url: str, hubspot: LoopbackHubSpot) -> Iterator[World]:
    with closing(World(tmp_path, url, hubspot.settings("companies", "contacts"))) as one:
        one.now = utc("2026-05-01 09:00")
        hubspot.now = lambda: one.now
        yield one


def test_explain_foretells_the_calls_that_are_made(world: World, hubspot: LoopbackHubSpot) -> None:
    hubspot.contacts(450, at=utc("2026-01-01 00:00"))
    for full in (True, False):
        (told,) = foresee(world.app, world.now, full=full)
        before = len(hubspot.requests)
        sync_all(world.app, world.now, full=full)
        world.now += timedelta(hours=2)
        hubspot.contacts(230, at=world.now - timedelta(minutes=30))
        # Whoever has just asked for the properties asks again for everything only.
        assert len(hubspot.requests) - before == told.calls - (0 if full else 2)
        assert "contacts" in shown(forecast_table([told]))


def test_explain_foretells_what_the_account_does_not_have(world: World, hubspot: LoopbackHubSpot) -> None:
    hubspot.absent = {"tickets"}
    world.write("regulars.yaml", (world.folder / "regulars.yaml").read_text().replace("companies,", "tickets,"))
    world.reopen()
    (told,) = foresee(world.app, world.now, full=True)
    sync_all(world.app, world.now, full=True)
    assert [(table.table, table.rows, table.calls) for table in told.tables] == [
        *(("account", 0, 1), ("contacts", 0, 2), ("tickets", 0, 1))
    ]
    assert len(hubspot.requests) == 1 + 2 + told.calls  # the properties to foretell by, the searches, and all of it


def test_a_night_that_holds_deletions_back_says_so_and_not_that_nothing_was_missed(
    world: World, hubspot: LoopbackHubSpot
) -> None:
    people = hubspot.contacts(40, at=utc("2026-01-01 00:00"))
    sync_all(world.app, world.now)
    for one in people[:25]:
        hubspot.archive("contacts", one)
    news = sync_all(world.app, world.now + timedelta(hours=12), full=True)
    told = "looked at everything; contacts: 25 gone and not deleted yet"
    assert told in " ".join(shown(sync_table(news.synced)).split())
    assert any("25 gone and not deleted yet" in finding.message for finding in examine(world.app).checks)
    assert "--yes-delete" in news.waiting[0]


def test_a_night_tells_what_was_deleted_merged_and_missed(world: World, hubspot: LoopbackHubSpot) -> None:
    acme = hubspot.add("companies", name="Acme", at=utc("2026-01-01 00:00"))
    people = hubspot.contacts(40, at=utc("2026-01-01 00:00"))
    sync_all(world.app, world.now)
    hubspot.associate("contacts", people[0], "companies", acme, primary=True)
    hubspot.purge("contacts", people[1])
    hubspot.archive("contacts", people[2])
    world.now += timedelta(hours=3)
    hubspot.merge(people[3], people[4])
    sync_all(world.app, world.now)
    news = sync_all(world.app, world.now + timedelta(hours=12), full=True)
    told = "contacts: 2 deleted, 1 erased for good, 1 missed by the syncs before"
    assert news.document()["reconciled"]["crm"]["contacts"] == {
        "missed": 1,
        "merged": 0,
        "deleted": 2,
        "erased": 1,
        "held_back": 0,
    }
    assert told in " ".join(shown(sync_table(news.synced)).split())
    assert any(told in finding.message for finding in examine(world.app).checks)


def test_doctor_tells_the_calls_used_and_left(world: World, hubspot: LoopbackHubSpot) -> None:
    hubspot.contacts(5, at=utc("2026-01-01 00:00"))
    hubspot.others(40)
    sync_all(world.app, world.now)
    told = examine(world.app)
    calls = len(hubspot.requests)
    assert told.quota["crm"]["day"] == {"limit": 250_000, "used": 40 + calls, "left": 250_000 - 40 - calls}
    words = f"{40 + calls} of 250,000 calls of a day used, {250_000 - 40 - calls:,} left at 09:00 UTC"
    assert words in [finding.message for finding in told.checks]
    assert [(one.window, one.limit, one.used) for one in quotas(world.app)] == [
        ("a day", 250_000, 40 + calls),
        ("ten seconds", 100, 40 + calls),
    ]


def test_doctor_tells_which_fields_are_empty_for_how_many(on_both: World, hubspot: LoopbackHubSpot) -> None:
    hubspot.define("contacts", "plan")
    hubspot.contacts(3, at=utc("2026-01-01 00:00"), hs_language="pl", plan="gold")
    ann = hubspot.add("contacts", email="ann@acme.example", hs_language="en", at=utc("2026-01-01 00:00"))
    hubspot.merge(ann, hubspot.add("contacts", email="ann@old.example"))
    sync_all(on_both.app, on_both.now)
    (told,) = [f.message for f in examine(on_both.app).checks if f.message.startswith("of 4 contacts")]
    assert told == (
        "of 4 contacts empty for all: country, timezone, lifecycle_stage, owner, birthday, customer_since; "
        "empty for some: first_name 1, last_name 1, plan 1"
    )


def test_progress_tells_how_much_how_fast() -> None:
    moments = iter([0.0, 2.0])
    progress = Progress(clock=lambda: next(moments))
    progress.page("companies", 40)
    progress.page("contacts", 100)
    progress.page("contacts", 200)
    assert progress.words() == "120 rows a second: 200 contacts, 40 companies"


def shown(table: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]
