"""People inside a playbook that does not run, or in a version of it that cannot be read: they wait, and it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.deliver import Versions
from runner.playbook import Reading
from runner.store import Store
from runner.store.tables import enrollments, playbooks


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
        return "its file is not there any more: they go on when it is back", False
    if not reading.enabled:
        return "it is disabled: they go on when it is enabled", False
    if reading.playbook is None:
        return f"{reading.file} has faults: they go on when they are mended", True
    if versions.of(id, version) is None:
        return f"version {version}, with which they entered, cannot be read any more: {_ADVICE}", True
    return None


_ADVICE = "bring back the fields it names, or say on_edit: move"


_ACTIVE = sa.text("enrollments.state = 'active'")
_INSIDE = (
    sa.select(enrollments.c.playbook, enrollments.c.version)
    .distinct()
    .where(_ACTIVE, enrollments.c.playbook.not_in(sa.select(playbooks.c.id).where(playbooks.c.paused_at.is_not(None))))
    .order_by(enrollments.c.playbook, enrollments.c.version)
)
_HOW_MANY = (
    sa.select(sa.func.count())
    .select_from(enrollments)
    .where(_ACTIVE, enrollments.c.playbook == sa.bindparam("of"), enrollments.c.version == sa.bindparam("in"))
)
