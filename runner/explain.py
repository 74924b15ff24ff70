"""Why somebody is, was, or is not in a playbook: clause by clause, with the values that decided it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from runner import log
from runner.circumstances import ALL_PAUSED, Circumstances, people_of, who_they_are
from runner.conditions import Clause, Fields, Today
from runner.conditions.seen import values_of
from runner.conditions.words import value_in_words
from runner.enroll import stands
from runner.log import LogRow
from runner.playbook import Playbook, Reading
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import decisions, enrollments, meta, playbooks
from runner.triggers import Window

NOTHING_DECIDED: tuple[Clause, ...] = ()
#: What an enrollment's state means, in words.
STATES = {
    "active": "inside",
    "sending": "inside, its step is being handed over",
    "unsure": "inside, nobody knows whether the last step went out",
    "braked": "waits for approval",
    "done": "finished",
    "ended": "ended",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """How one playbook stands to one person."""

    playbook: str
    state: str
    reason: str
    clauses: tuple[Clause, ...]
    decisions: tuple[LogRow, ...]

    def document(self) -> dict[str, Any]:
        return {
            "playbook": self.playbook,
            "state": self.state,
            "reason": self.reason,
            "clauses": [asdict(clause) for clause in self.clauses],
            "decisions": [row.document() for row in self.decisions],
        }


def explain(
    store: Store,
    connection: sa.Connection,
    contact: int,
    readings: Sequence[Reading],
    windows: Sequence[tuple[Playbook, Window]],
    settings: Settings,
    fields: Fields,
) -> list[Explained]:
    """One entry a playbook, broken and paused ones too. What all of them ask is asked once."""
    by_id = {playbook.id: (playbook, window) for playbook, window in windows}
    told: dict[str, list[LogRow]] = {}
    for row in log.rows(connection, contact=contact):
        told.setdefault(row.playbook, []).append(row)
    person = who_they_are(connection, people_of(connection, [contact])[contact])
    latest = _latest(connection, contact)
    explained = []
    for reading in readings:
        rows = tuple(told.get(reading.id, ()))
        if not reading.enabled:
            explained.append(Explained(reading.id, "disabled", "enabled: false", (), rows))
        elif reading.playbook is None:
            reason = str(reading.faults[0]) if reading.faults else "waits for the first sync to learn its fields"
            explained.append(Explained(reading.id, "broken", reason, (), rows))
        elif reading.id not in by_id:
            explained.append(Explained(reading.id, "paused", _paused(connection, reading.id), (), rows))
        else:
            playbook, window = by_id[reading.id]
            fires = _fires(store, connection, playbook, window, settings, person, fields)
            inside, decided = latest.get(reading.id), NOTHING_DECIDED
            if rows and inside is None and not fires.holds:
                decided = _as_decided(connection, playbook, person, rows[-1])
            clauses = decided or (fires, *_audience(connection, playbook, window, person))
            explained.append(_one(playbook, inside, fires, clauses, rows))
    return explained


def _latest(connection: sa.Connection, contact: int) -> dict[str, sa.Row[Any]]:
    """By playbook how they, or somebody merged into them, entered last."""
    e = enrollments.c
    told = sa.select(e.playbook, e.arm, e.state, e.occasion, e.reason, e.facts, e.anchor)
    entered = told.where(e.contact_id.in_(log.selves(contact))).order_by(e.entered_at, e.id)
    rows: sa.Result[Any] = connection.execute(entered)
    return {row.playbook: row for row in rows}


def _one(
    playbook: Playbook,
    inside: sa.Row[Any] | None,
    fires: Clause,
    clauses: tuple[Clause, ...],
    rows: tuple[LogRow, ...],
) -> Explained:
    if inside is not None:
        state = "holdout" if inside.arm == "holdout" else STATES[inside.state]
        why = playbook.trigger.reason(inside.facts, inside.anchor)
        return Explained(playbook.id, state, f"{inside.occasion}: {inside.reason or why}", clauses, rows)
    if fires.holds:
        return Explained(playbook.id, "fires now", fires.value, clauses, rows)
    if rows and rows[-1].step == "":
        return Explained(playbook.id, "kept out", f"{rows[-1].occasion}: {rows[-1].reason}", clauses, rows)
    return Explained(playbook.id, "not fired", fires.value, clauses, rows)


def _fires(
    store: Store,
    connection: sa.Connection,
    playbook: Playbook,
    window: Window,
    settings: Settings,
    person: Circumstances,
    fields: Fields,
) -> Clause:
    """The trigger as a clause: whether it fires in this tick, and the values it looks at."""
    contact = person.contact["id"]
    row = stands(store, connection, playbook, window, settings, contact)
    values = person.values()
    seen = ", ".join(f"{name} is {value_in_words(values.get(name))}" for name in playbook.trigger.looks_at(fields))
    text = f"trigger: {playbook.trigger.says()}"
    if row is None:
        state = playbook.trigger.state(connection, contact, window)
        return Clause(text, "; ".join(filter(None, (seen or playbook.trigger.silence, state))), False)
    why = playbook.trigger.reason(row.facts, row.anchor)
    return Clause(text, f"{why}; {row.refusal}" if row.refusal else why, row.refusal is None)


def _audience(connection: sa.Connection, playbook: Playbook, window: Window, person: Circumstances) -> list[Clause]:
    if playbook.audience is None:
        return []
    id = person.contact["id"]
    measured = playbook.audience.measured(connection, [id], window.today)[id]
    return playbook.audience.clauses({**person.values(), **measured}, window.today)


def _as_decided(
    connection: sa.Connection, playbook: Playbook, person: Circumstances, row: LogRow
) -> tuple[Clause, ...]:
    """Of somebody whom the audience kept out, the clauses with what they were then; nothing where it is not known."""
    if playbook.audience is None or row.version != playbook.version:
        return ()
    asked = sa.select(decisions.c.seen).where(
        decisions.c.playbook == playbook.id, decisions.c.occasion == row.occasion, decisions.c.step == row.step,
        decisions.c.contact_id.in_(log.selves(person.contact["id"])), decisions.c.at == row.at,
    )  # fmt: skip
    written = connection.scalar(asked)
    if not written:
        return ()
    values = {**person.values(), **values_of(playbook.audience, written)}
    fired = Clause(f"trigger: {playbook.trigger.says()}", f"fired; decided on {row.at:%Y-%m-%d %H:%M} UTC", True)
    return fired, *playbook.audience.clauses(values, Today(row.at, [person.zone]))


def _paused(connection: sa.Connection, id: str) -> str:
    everything = connection.scalar(sa.select(meta.c.value).where(meta.c.key == ALL_PAUSED))
    if everything is not None:
        return f"everything is paused since {everything[:16].replace('T', ' ')}"
    at = connection.scalar(sa.select(playbooks.c.paused_at).where(playbooks.c.id == id))
    return f"paused since {at:%Y-%m-%d %H:%M}" if at else "does not run"
