"""Killed while HubSpot has taken a note and not yet answered: the next run looks for it, and there is one note."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from runner import clock
from runner.app import decisions
from runner.store.tables import writes
from tests.core.world import World
from tests.kill.process import REPOSITORY, until
from tests.loopback.hubspot import LoopbackHubSpot

PLAYBOOK = "trigger: {manual: {}}\nactions:\n  - add_note: {body: Hello}"


def test_a_process_killed_in_the_call_leaves_one_note(tmp_path: Path, sqlite_url: str) -> None:
    with LoopbackHubSpot() as hubspot:
        ann = hubspot.add("contacts", email="ann@acme.example")
        with closing(World(tmp_path, sqlite_url, hubspot.settings("contacts"))) as world:
            world.playbook("wish", PLAYBOOK)
            world.tick(clock.machine_now())
            decisions.call_in(world.app, "wish", ann)
            hubspot.inject("slow after", path="batch/create")
            command = [sys.executable, "-c", "from runner.cli import main; main()", "run", "-C", str(world.folder)]
            with subprocess.Popen(command, cwd=REPOSITORY) as running:
                until(lambda: hubspot.linked("contacts", ann, "notes"), of="the note")
                running.kill()
            (row,) = world.rows(sa.select(writes))
            assert (row.state, row.settled_at) == ("claimed", None)
            with world.store.write() as connection:  # as if two minutes had passed
                connection.execute(sa.update(writes).values(handed_at=row.handed_at - timedelta(minutes=3)))
            world.tick(clock.machine_now())
            (row,) = world.rows(sa.select(writes))
        assert (row.state, len(hubspot.linked("contacts", ann, "notes"))) == ("accepted", 1)
        assert len(hubspot.asked("batch/create")) <= 1
