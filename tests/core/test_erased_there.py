"""Whom HubSpot erased for good is erased here too; who was archived, merged or is of another account is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.app.doctor import examine
from runner.app.tick import sync_all
from runner.store.tables import contact_sources, contacts
from runner.sync import sync
from runner.sync.counts import Synced
from tests.core.world import World, utc
from tests.loopback.hubspot import LoopbackHubSpot


@pytest.fixture
def world(tmp_path: Path, sqlite_url: str, hubspot: LoopbackHubSpot) -> Iterator[World]:
    yield from _world(tmp_path, sqlite_url, hubspot)


@pytest.fixture
def on_both(tmp_path: Path, database: str, hubspot: LoopbackHubSpot) -> Iterator[World]:
    yield from _world(tmp_path, database, hubspot)


def _world(tmp_path: Path, database: str, hubspot: LoopbackHubSpot) -> Iterator[World]:
    with closing(World(tmp_path, database, hubspot.settings("contacts"))) as one:
        one.now = utc("2026-05-01 09:00")
        hubspot.now = lambda: one.now
        yield one


def night(world: World, *, days: float = 0.5, yes_delete: bool = False) -> Synced:
    world.now += timedelta(days=days)
    return sync_all(world.app, world.now, full=True, yes_delete=yes_delete).synced[0]


def archived(world: World, hubspot: LoopbackHubSpot, people: int, *, of: int) -> list[str]:
    """So many of all contacts, who are deleted here since the last night and lie in HubSpot's bin."""
    known = hubspot.contacts(of)
    sync_all(world.app, world.now)
    for person in known[:people]:
        hubspot.archive("contacts", person)
    night(world)
    return known


def known(world: World, id: str) -> tuple[str | None, bool]:
    """The name that is kept, and whether the person is gone."""
    whose = sa.select(contact_sources.c.contact_id).where(contact_sources.c.source_id == id)
    with world.store.read() as connection:
        person = connection.execute(sa.select(contacts).where(contacts.c.id.in_(whose.scalar_subquery()))).first()
    return (person.first_name, person.deleted_at is not None) if person else (None, True)


def test_who_was_erased_in_hubspot_is_erased_here_and_who_was_archived_is_deleted(
    on_both: World, hubspot: LoopbackHubSpot
) -> None:
    people = hubspot.contacts(5)
    sync_all(on_both.app, on_both.now)
    hubspot.purge("contacts", people[0])
    hubspot.archive("contacts", people[1])
    night(on_both)
    assert known(on_both, people[0]) == (None, True)
    assert known(on_both, people[1]) == ("Ben", True)
    assert known(on_both, people[2]) == ("Cleo", False)
    words = "people erased for good there, and so here too: 1, the last on 2026-05-01"
    assert words in [finding.message for finding in examine(on_both.app).checks]


def test_a_kill_before_the_erasure_only_puts_it_off(world: World, hubspot: LoopbackHubSpot) -> None:
    people = hubspot.contacts(5)
    sync_all(world.app, world.now)
    hubspot.purge("contacts", people[0])
    app, world.now = world.app, world.now + timedelta(hours=12)
    sync(app.store, "crm", app.sources["crm"], settings=app.settings, full=True, now=world.now, rank=["crm"])
    assert known(world, people[0]) == ("Ann", True)
    sync_all(world.app, world.now)
    assert known(world, people[0]) == (None, True)


def test_who_was_merged_into_somebody_who_does_not_tell_is_not_erased(world: World, hubspot: LoopbackHubSpot) -> None:
    survivor, other, *_ = hubspot.contacts(5)
    sync_all(world.app, world.now)
    hubspot.merge(survivor, other)
    hubspot.change("contacts", survivor, hs_merged_object_ids="")
    night(world)
    assert known(world, other) == ("Ben", True)


def test_the_token_of_another_account_erases_nobody(world: World, hubspot: LoopbackHubSpot) -> None:
    people = hubspot.contacts(5)
    sync_all(world.app, world.now)
    hubspot.contacts(5)
    for person in people:
        hubspot.purge("contacts", person)
    night(world)
    assert known(world, people[0]) == ("Ann", True)
    assert len(hubspot.asked(f"/{people[0]}")) == 0


def test_a_word_that_is_not_hubspots_own_erases_nobody(world: World, hubspot: LoopbackHubSpot) -> None:
    people = hubspot.contacts(5)
    sync_all(world.app, world.now)
    hubspot.purge("contacts", people[0])
    hubspot.inject("404 of another", times=9, path=f"/{people[0]}")
    night(world)
    assert known(world, people[0]) == ("Ann", True)


def test_who_was_archived_first_and_erased_later_is_erased_here_too(on_both: World, hubspot: LoopbackHubSpot) -> None:
    ann, ben, cleo, *_ = archived(on_both, hubspot, 3, of=5)
    assert known(on_both, ann) == ("Ann", True)
    hubspot.purge("contacts", ann)
    hubspot.restore("contacts", ben)
    synced = night(on_both)
    assert [known(on_both, one) for one in (ann, ben, cleo)] == [(None, True), ("Ben", False), ("Cleo", True)]
    assert synced.reconciled["contacts"].erased == 1
    night(on_both)
    assert len(hubspot.asked(f"/{ann}")) == 2  # alive? archived? and never again


def test_whose_days_in_the_bin_are_over_is_not_erased(world: World, hubspot: LoopbackHubSpot) -> None:
    ann, *_ = archived(world, hubspot, 1, of=5)
    night(world, days=81)
    hubspot.purge("contacts", ann)
    night(world, days=9)
    assert known(world, ann) == ("Ann", True)


def test_who_may_have_run_out_of_days_while_nobody_looked_is_not_erased(world: World, hubspot: LoopbackHubSpot) -> None:
    ann, *_ = archived(world, hubspot, 1, of=5)
    hubspot.purge("contacts", ann)
    night(world, days=8)
    assert (known(world, ann), len(hubspot.asked(f"/{ann}"))) == (("Ann", True), 0)


def test_a_bin_that_lost_too_many_is_told_and_erases_nobody_unasked(world: World, hubspot: LoopbackHubSpot) -> None:
    people = archived(world, hubspot, 10, of=100)
    for person in people[10:20]:
        hubspot.archive("contacts", person)
    night(world)
    for person in people[:20]:
        hubspot.purge("contacts", person)
    told = night(world)
    assert [words[:30] for words in told.warnings] == ["20 people who had been deleted"]
    assert known(world, people[0]) == ("Ann", True)
    assert night(world, yes_delete=True).reconciled["contacts"].erased == 20
    assert known(world, people[0]) == (None, True)
