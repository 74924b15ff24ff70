"""Killed in the middle of the night's listing: the next sync goes on at its page and still finds who is gone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner import clock
from runner.app.tick import sync_all
from runner.store.tables import contact_sources
from tests.core.world import World
from tests.kill.process import REPOSITORY, until
from tests.loopback.hubspot import LoopbackHubSpot

LIST = "/objects/2026-09/contacts"


@pytest.mark.parametrize(("page", "full"), [(1, True), (4, False)])
def test_a_night_killed_at_a_page_still_finds_who_is_gone(
    tmp_path: Path, sqlite_url: str, page: int, *, full: bool
) -> None:
    with LoopbackHubSpot() as hubspot:
        people = hubspot.contacts(450)
        hubspot.add("companies", name="Acme")
        with closing(World(tmp_path, sqlite_url, hubspot.settings("companies", "contacts"))) as world:
            sync_all(world.app, clock.machine_now())
            for gone in (people[3], people[444]):
                hubspot.purge("contacts", gone)
            reached = hubspot.inject("slow", path=LIST, after=page)
            command = [sys.executable, "-c", "from runner.cli import main; main()", "sync", "--full", "-C"]
            with subprocess.Popen([*command, str(world.folder)], cwd=REPOSITORY) as night:
                until(lambda: reached.times == 0, of="the page")
                night.kill()
            before = len(hubspot.requests)
            news = sync_all(world.app, clock.machine_now(), full=full)
            gone = sa.select(contact_sources.c.source_id).where(contact_sources.c.deleted_at.is_not(None))
            assert {id for (id,) in world.rows(gone)} == {"erased:4", "erased:445"}
        assert news.document()["reconciled"]["crm"]["contacts"]["erased"] == 2
        listed = [one for one in hubspot.requests[before:] if one.path.endswith(LIST)]
        assert len(listed) == 5 - page + 1  # the pages that were left, and the archived
