"""People inside a playbook that does not run, or in a version of it that cannot be read: they wait, and it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from runner.app.soundness import template_faults
from runner.conditions import Fields
from runner.deliver import Versions
from runner.errors import Fault
from runner.playbook import Reading, assemble
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import enrollments, playbook_versions, playbooks
from runner.yaml_file import YamlFile


@dataclass(frozen=True, slots=True)
class Stuck:
    """Who waits in one playbook, and why."""

    playbook: str
    people: int
    why: str
    #: Whether somebody must mend something; whoever disabled or deleted a playbook meant it.
    needs_person: bool

    def __str__(self) -> str:
        return f"{self.playbook}: {self.people:,} {'waits' if self.people == 1 else 'wait'} inside; {self.why}"


def stuck(store: Store, readings: Sequence[Reading], versions: Versions) -> list[Stuck]:
    """One a playbook and reason; those of paused playbooks are left out."""
    known = {reading.id: reading for reading in readings}
    found: dict[tuple[str, str, bool], int] = {}
    with store.read() as connection:
        for playbook, version in connection.execute(_INSIDE).all():
            if (why := _why(playbook, version, known, versions)) is not None:
                count = connection.scalar(_HOW_MANY, {"of": playbook, "in": version}) or 0
                found[playbook, *why] = found.get((playbook, *why), 0) + count
    return [Stuck(playbook, people, why, needs) for (playbook, why, needs), people in found.items()]


def _why(id: str, version: str, known: Mapping[str, Reading], versions: Versions) -> tuple[str, bool] | None:
    reading = known.get(id)
    if reading is None:
        again = f"they go on when it is back, or with was: {id} in the file that came in its place"
        return f"its file is not there any more: {again}", False
    if not reading.enabled:
        return "it is disabled: they go on when it is enabled", False
    if reading.playbook is None:
        return f"{reading.file} has faults: they go on when they are mended", True
    if versions.of(id, version) is None:
        return f"version {version}, with which they entered, cannot be read any more: {_ADVICE}", True
    return None


def faults_inside(
    connection: sa.Connection, readings: Sequence[Reading], folder: Path, settings: Settings | None, fields: Fields
) -> list[Fault]:
    """What keeps older versions' letters from going out, for the people who are still inside one."""
    running = {reading.id: reading for reading in readings if reading.enabled and reading.playbook}
    found: list[Fault] = []
    for id, version in connection.execute(_INSIDE).all():
        reading = running.get(id)
        if reading is None or reading.playbook is None or reading.playbook.version == version:
            continue
        body = connection.scalar(_BODY, {"of": id, "in": version})
        older = assemble(YamlFile(f"{id}@{version}", body), id, fields) if body else None
        faults = [*older.faults, *_of_templates(older, folder, settings, fields)] if older else []
        people = connection.scalar(_HOW_MANY, {"of": id, "in": version})
        words = f"version {version}, in which {people:,} people are still"
        found += [Fault(reading.file, 1, 1, f.where, f"{words}: {f.message}", f.advice) for f in faults]
    return found


def _of_templates(older: Reading, folder: Path, settings: Settings | None, fields: Fields) -> list[Fault]:
    return template_faults(folder, older.draft, settings, fields) if older.draft else []


_BODY = sa.select(playbook_versions.c.body).where(
    playbook_versions.c.playbook == sa.bindparam("of"), playbook_versions.c.version == sa.bindparam("in")
)
_ADVICE = "bring back the fields it names, or say on_edit: move"


_ACTIVE = sa.text("enrollments.state = 'active'")
_VERSION = playbook_versions.c
#: Asked of each version, not of each of its people.
_INSIDE = (
    sa.select(_VERSION.playbook, _VERSION.version)
    .where(
        sa.exists().where(
            _ACTIVE, enrollments.c.playbook == _VERSION.playbook, enrollments.c.version == _VERSION.version
        ),
        _VERSION.playbook.not_in(sa.select(playbooks.c.id).where(playbooks.c.paused_at.is_not(None))),
    )
    .order_by(_VERSION.playbook, _VERSION.version)
)
_HOW_MANY = (
    sa.select(sa.func.count())
    .select_from(enrollments)
    .where(_ACTIVE, enrollments.c.playbook == sa.bindparam("of"), enrollments.c.version == sa.bindparam("in"))
)
