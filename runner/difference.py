"""What an edit would do to people: who would enter, who no longer, whose mail would move. Not which text differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from runner.actions import MailAction, Wait
from runner.circumstances import living, people_of, source_ids
from runner.enroll import INSIDE, candidates
from runner.playbook import Playbook
from runner.settings import Settings
from runner.steps import Step
from runner.store.tables import enrollments
from runner.triggers import Window

#: Days looked ahead unless told otherwise.
AHEAD = 30
#: People told of in one go.
CHUNK = 1000
#: Keys of a playbook that say who gets what; its name and words concern nobody.
_TELLING = ("audience", "exit_when", "reenter", "mode", "holdout", "goal", "limits", "max_lateness", "on_edit", "brake")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise: `wait-1` from `wait 3 days` to `wait 5 days`; empty where it was or is not there."""

    where: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mover:
    """Somebody for whom the edit makes a difference, and when they enter, or go on, by the old and the new text."""

    contact: int
    source_id: str
    email: str | None
    occasion: str
    old: datetime | None
    new: datetime | None
    #: Of somebody inside, the wait that is over at another time.
    step: str = ""

    @property
    def change(self) -> str:
        if self.step:
            return "go on"
        return "enter" if self.old is None else "leave" if self.new is None else "move"

    def document(self) -> dict[str, Any]:
        return {"change": self.change, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one playbook since it was applied last."""

    playbook: str
    #: new, edited, or gone (deleted, disabled or at fault).
    state: str
    old_version: str | None
    new_version: str | None
    changes: tuple[Change, ...] = ()
    #: Enrollments that go on: by the version they entered with, or by the edited one.
    inside: Mapping[str, int] | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)


def compare(old: Playbook | None, new: Playbook | None, inside: Mapping[str, int]) -> Difference | None:
    """What is otherwise, in meaning; None where nothing is."""
    if old is None and new is None:
        return None
    if old is not None and new is not None and old.version == new.version:
        return None
    state = "new" if old is None else "gone" if new is None else "edited"
    changes = tuple(_changes(old, new)) if old is not None and new is not None else ()
    id = new.id if new is not None else old.id if old is not None else ""
    return Difference(
        id, state, old.version if old else None, new.version if new else None, changes, inside=_going_on(new, inside)
    )


def _going_on(new: Playbook | None, inside: Mapping[str, int]) -> dict[str, int]:
    count = sum(inside.values())
    if new is None:
        return {"wait": count}
    moving = sum(inside.get(step.id, 0) for step in new.steps) if new.keys.on_edit == "move" else 0
    return {"keep": count - moving, "move": moving}


def inside_of(connection: sa.Connection, playbook: str) -> dict[str, int]:
    """How many go on inside, by the step that comes next."""
    one = enrollments.c
    going = (one.playbook == playbook, one.state.in_(INSIDE))
    rows = connection.execute(sa.select(one.step, sa.func.count()).where(*going).group_by(one.step))
    return dict(rows.all())


# --- who


def movers(
    connection: sa.Connection,
    old: tuple[Playbook, Window] | None,
    new: tuple[Playbook, Window] | None,
    settings: Settings,
    days: int,
) -> Iterator[Mover]:
    """Everybody who would enter within these days by one text and not the other, or at another time; then those inside
    who follow the edit and whose wait is over at another time.
    """
    before = _entries(connection, *old, settings, days) if old else {}
    after = _entries(connection, *new, settings, days) if new else {}
    otherwise = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    for start in range(0, len(otherwise), CHUNK):
        part = otherwise[start : start + CHUNK]
        ids = [contact for contact, _ in part]
        sources, people = source_ids(connection, ids), people_of(connection, ids)
        for contact, occasion in part:
            key = (contact, occasion)
            yield Mover(
                contact,
                sources.get(contact, ""),
                people[contact]["email"],
                occasion,
                before.get(key),
                after.get(key),
            )

    if old is not None and new is not None and new[0].keys.on_edit == "move":
        yield from _waiters(connection, old[0], new[0], new[1].now, settings)


def _waiters(
    connection: sa.Connection, old: Playbook, new: Playbook, now: datetime, settings: Settings
) -> Iterator[Mover]:
    waits = {step.id: step.action for step in new.steps if isinstance(step.action, Wait)}
    one = enrollments.c
    inside = (one.playbook == old.id, one.state == "active", one.step.in_(waits))
    chosen = sa.select(living(one.contact_id), one.occasion, one.step, one.step_since).where(*inside).order_by(one.id)
    for part in connection.execute(chosen).partitions(CHUNK):
        ids = [contact for contact, *_ in part]
        sources, people = source_ids(connection, ids), people_of(connection, ids)
        for contact, occasion, step, since in part:
            zone = people[contact]["zone"]
            before, after = (
                max(now, wait.over_at(since, zone, settings.calendar))
                for wait in (_wait(old, step) or waits[step], waits[step])
            )
            if before != after:
                told = (sources.get(contact, ""), people[contact]["email"], occasion, before, after, step)
                yield Mover(contact, *told)


def _wait(playbook: Playbook, step: str) -> Wait | None:
    known = playbook.step(step)
    return known.action if known is not None and isinstance(known.action, Wait) else None


def _entries(
    connection: sa.Connection, playbook: Playbook, window: Window, settings: Settings, days: int
) -> dict[tuple[int, str], datetime]:
    """Who enters from now on, if nothing new becomes known: day by day, each at the moment of the occasion."""
    found: dict[tuple[int, str], datetime] = {}
    since = window.since
    for number in range(days + 1):
        now = window.now + timedelta(days=number)
        day = candidates(playbook, replace(window, since=since, now=now), settings).subquery("day")
        welcome = sa.select(day.c.contact_id, day.c.occasion, day.c.occurred_at).where(day.c.refusal.is_(None))
        for contact, occasion, at in connection.execute(welcome):
            found.setdefault((contact, occasion), max(at, window.now))
        since = now
    return found


# --- what


def _changes(old: Playbook, new: Playbook) -> Iterator[Change]:
    if old.trigger != new.trigger:
        yield Change("trigger", *_told_apart(old.trigger.says(), new.trigger.says(), old.trigger, new.trigger))
    for key in _TELLING:
        before, after = getattr(old.keys, key), getattr(new.keys, key)
        if before != after:
            yield Change(key, _in_words(before), _in_words(after))
    steps = {step.id: step for step in old.steps}
    for step in new.steps:
        if (was := steps.pop(step.id, None)) is None:
            yield Change(step.id, "", f"{_when(step, new)}: {step.action.says()}")
        else:
            yield from _step_changes(was, step, old, new)
    for gone in steps.values():
        yield Change(gone.id, f"{_when(gone, old)}: {gone.action.says()}", "")


def _step_changes(was: Step, step: Step, old: Playbook, new: Playbook) -> Iterator[Change]:
    if was.action != step.action:
        yield Change(step.id, *_told_apart(was.action.says(), step.action.says(), was.action, step.action))
    before, after = _when(was, old), _when(step, new)
    if before != after and isinstance(step.action, MailAction):
        yield Change(step.id, before, after)


def _told_apart(old: str, new: str, was: BaseModel, now: BaseModel) -> tuple[str, str]:
    """Both in words; where these are the same, the keys that differ."""
    if old != new:
        return old, new
    before, after = was.model_dump(), now.model_dump()
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return _listed(before, keys), _listed(after, keys)


def _listed(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}: {_in_words(values.get(key))}" for key in keys)


def _in_words(value: Any) -> str:
    match value:
        case None:
            return "none"
        case BaseModel():
            return ", ".join(f"{name} {_in_words(part)}" for name, part in value if part is not None)
        case float():
            return f"{value:g}"
    return str(value)


def _when(step: Step, playbook: Playbook) -> str:
    """Which waits lie before a step: `at once`, `after wait 3 days`."""
    waits = [other.action.says() for other in playbook.steps if isinstance(other.action, Wait) and _before(other, step)]
    return f"after {', then '.join(waits)}" if waits else "at once"


def _before(other: Step, step: Step) -> bool:
    """Whether it stands above the step, or above something that the step is within."""
    depth = len(other.path) - 1
    if len(step.path) <= depth or step.path[:depth] != other.path[:depth]:
        return False
    return int(other.path[depth]) < int(step.path[depth])
