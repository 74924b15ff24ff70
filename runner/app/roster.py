"""Every playbook with how it stands: whether it runs, why not, who is inside, and what it did lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from runner import log
from runner.app.app import App
from runner.app.clockwork import last_moment
from runner.log import PlaybookSummary
from runner.playbook import Playbook, Reading
from runner.store.tables import contacts, enrollments, playbooks

#: Days that "lately" is.
LATELY = 30


class State(StrEnum):
    """Whether a playbook runs."""

    RUNS = "runs"
    #: The brake holds people at its door; those inside go on.
    BRAKED = "waits for approval"
    PAUSED = "paused"
    #: By a breaker.
    STOPPED = "stopped"
    #: Its file has faults, or names what the first sync will bring.
    BROKEN = "broken"
    DISABLED = "disabled"
    #: It has run here, and its file is gone.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Standing:
    """One playbook as it stands."""

    id: str
    name: str
    state: State
    #: Why it does not run; empty where it does.
    why: str
    playbook: Playbook | None
    reading: Reading | None
    first_tick_at: datetime | None
    #: People whom the brake holds, and the hash of exactly these.
    braked_people: int
    #: People inside, and when the first of them goes on.
    inside: int
    next_at: datetime | None
    #: Since `LATELY` days ago; None where nothing was decided.
    lately: PlaybookSummary | None


def roster(app: App, readings: Sequence[Reading]) -> list[Standing]:
    """All of them, those that run first, by name."""
    with app.store.read() as connection:
        known = {row["id"]: dict(row) for row in connection.execute(sa.select(playbooks)).mappings()}
        inside = {row.playbook: row for row in connection.execute(_INSIDE)}
        since = last_moment(app) - timedelta(days=LATELY)
        lately = {one.playbook: one for one in log.summary(connection, since, count_people=False)}
    of_files = {reading.id: reading for reading in readings}
    found = [
        _standing(id, of_files.get(id), known.get(id), inside.get(id), lately.get(id))
        for id in dict.fromkeys([*of_files, *known])
    ]
    return sorted(found, key=lambda one: (_ORDER[one.state], one.name.lower()))


#: What runs stands first, what nobody turned on last.
_ORDER = {
    State.BRAKED: 0,
    State.STOPPED: 0,
    State.BROKEN: 0,
    State.RUNS: 1,
    State.PAUSED: 2,
    State.DISABLED: 3,
    State.GONE: 4,
}
_INSIDE = (
    sa.select(
        enrollments.c.playbook, sa.func.count().label("people"), sa.func.min(enrollments.c.due_at).label("due_at")
    )
    .where(sa.text("enrollments.state = 'active'"))
    .group_by(enrollments.c.playbook)
)


def _standing(id: str, reading: Reading | None, row: Mapping[str, Any] | None, inside: Any, lately: Any) -> Standing:
    state, why = _state(reading, row)
    playbook = reading.playbook if reading else None
    return Standing(
        id=id,
        name=_name(reading) or id,
        state=state,
        why=why,
        playbook=playbook,
        reading=reading,
        first_tick_at=row["first_tick_at"] if row else None,
        braked_people=(row["braked_people"] or 0) if row and row["braked_at"] else 0,
        inside=inside.people if inside else 0,
        next_at=inside.due_at if inside else None,
        lately=lately,
    )


def _name(reading: Reading | None) -> str:
    """What people call it; also of one that is at fault, as far as it can be read."""
    if reading is None or (reading.playbook is None and reading.draft is None):
        return ""
    if reading.playbook is not None:
        return reading.playbook.name
    return str(reading.draft.file.document.get("name") or "") if reading.draft else ""


def _state(reading: Reading | None, row: Mapping[str, Any] | None) -> tuple[State, str]:
    if reading is None:
        return State.GONE, "its file is gone; whoever is inside waits"
    if not reading.enabled:
        return State.DISABLED, "enabled: false in its file"
    if reading.playbook is None:
        return State.BROKEN, str(
            reading.faults[0]
        ) if reading.faults else "waits for the first sync to learn its fields"
    if row is None:
        return State.RUNS, ""
    if row["paused_at"] is not None:
        stopped = row["stopped_why"]
        return (State.STOPPED, stopped) if stopped else (State.PAUSED, f"since {row['paused_at']:%Y-%m-%d %H:%M} UTC")
    if row["braked_at"] is not None:
        return State.BRAKED, f"{row['braked_people'] or 0:,} people at once are more than its brake allows"
    return State.RUNS, ""


# --- who stands at its door


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody whom the brake holds."""

    contact_id: int
    email: str | None
    occasion: str


def held_back(app: App, playbook: str, *, most: int = 20) -> Sequence[Held]:
    """The first of those whom the brake holds."""
    e = enrollments.c
    chosen = (
        sa.select(e.contact_id, contacts.c.email, e.occasion)
        .join_from(enrollments, contacts, contacts.c.id == e.contact_id)
        .where(e.playbook == playbook, e.state == "braked")
        .order_by(e.contact_id, e.occasion)
        .limit(most)
    )
    with app.store.read() as connection:
        return [Held(*row) for row in connection.execute(chosen)]


def steps_of(playbook: Playbook) -> Iterator[tuple[str, str, int]]:
    """Each step's id, what it does, and how deep it stands within choices and splits."""
    for step in playbook.steps:
        yield step.id, step.action.says(), sum(part == "actions" for part in step.path) - 1


def names_of(app: App, readings: Sequence[Reading]) -> Mapping[str, str]:
    """What people call each playbook that is there or has run, by its id."""
    with app.store.read() as connection:
        known = connection.scalars(sa.select(playbooks.c.id)).all()
    names = {id: id for id in known} | {one.id: _name(one) or one.id for one in readings}
    return dict(sorted(names.items(), key=lambda named: named[1].lower()))
