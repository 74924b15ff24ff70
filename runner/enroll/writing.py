"""What is written at the door: who is in, who was refused or held out and why, whose passage before ends."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.circumstances import living
from runner.decide import HELD_OUT
from runner.enroll.candidates import with_what_was_seen
from runner.playbook import Playbook
from runner.store import Store
from runner.store.tables import decisions, enrollments
from runner.store.types import Instant
from runner.triggers import Window

#: What the log says of an enrollment that another occasion of the same person ended.
BEGAN_ANEW = "began anew for another occasion; mode: restart"


def entries(store: Store, playbook: Playbook, window: Window, candidates: sa.Select[Any]) -> Any:
    """An enrollment each for those whom nothing keeps out."""
    now, one = _now(window), candidates.selected_columns
    # Who is held out is through at once; mail that is no marketing goes to them as well.
    over = one.arm == "holdout" if not playbook.serves else sa.false()
    row = {
        "playbook": sa.literal(playbook.id),
        "version": sa.literal(playbook.version),
        "contact_id": one.contact_id,
        "occasion": one.occasion,
        "anchor": one.anchor,
        "facts": one.facts,
        "arm": one.arm,
        "state": sa.case((over, "done"), else_="active"),
        "step": sa.literal(playbook.steps[0].id),
        "attempt": sa.literal(0),
        "occurred_at": one.occurred_at,
        "step_since": now,
        "due_at": now,
        "entered_at": now,
        "ended_at": sa.case((over, now), else_=sa.cast(sa.null(), Instant)),
        "reason": sa.case((over, "holdout"), else_=sa.cast(sa.null(), sa.Text)),
    }
    rows = sa.select(*row.values()).where(one.refusal.is_(None)).order_by(one.contact_id, one.occasion)
    return store.insert(enrollments).from_select(list(row), rows).on_conflict_do_nothing()


def refused(store: Store, playbook: Playbook, window: Window, candidates: sa.Select[Any]) -> Any:
    """One row an occasion, updated when the reason changes; the occasion is not used up while it may still begin."""
    one = with_what_was_seen(playbook, window, candidates).subquery("told").c
    insert = _told(
        store, playbook, window, one, one.refusal.is_not(None), status="skipped", reason=one.refusal, seen=one.seen
    )
    return insert.on_conflict_do_update(
        index_elements=[decisions.c.playbook, decisions.c.contact_id, decisions.c.occasion, decisions.c.step],
        set_={name: insert.excluded[name] for name in ("reason", "at", "version", "seen")},
        where=decisions.c.reason != insert.excluded.reason,
    )


def held_out(store: Store, playbook: Playbook, window: Window) -> Any:
    """A decision each for those who have just entered and are held out."""
    one = enrollments.c
    whom = (
        one.playbook == playbook.id,
        one.entered_at == _now(window),
        one.arm == "holdout",
        window.concerns(one.contact_id),
    )
    insert = _told(store, playbook, window, one, *whom, status="skipped", reason=sa.literal(HELD_OUT))
    return insert.on_conflict_do_nothing()


def _told(
    store: Store, playbook: Playbook, window: Window, one: Any, *whom: Any, status: str, reason: Any, seen: Any = None
) -> Any:
    """A decision for each of these rows: what became of them at the door, and why."""
    row = {
        "at": _now(window),
        "playbook": sa.literal(playbook.id),
        "version": sa.literal(playbook.version),
        "contact_id": one.contact_id,
        "occasion": one.occasion,
        "step": sa.literal(""),
        "action": sa.literal("enter"),
        "arm": one.arm,
        "status": sa.literal(status),
        "reason": reason,
    } | ({} if seen is None else {"seen": seen})
    return store.insert(decisions).from_select(list(row), sa.select(*row.values()).where(*whom))


def forgotten_refusals(playbook: Playbook, window: Window) -> Any:
    """Whoever came in after all is refused no longer."""
    came_in = sa.exists().where(
        enrollments.c.playbook == playbook.id,
        enrollments.c.entered_at == _now(window),
        enrollments.c.contact_id == decisions.c.contact_id,
        enrollments.c.occasion == decisions.c.occasion,
    )
    return decisions.delete().where(
        decisions.c.playbook == playbook.id, decisions.c.step == "", window.concerns(decisions.c.contact_id), came_in
    )


def end_earlier(store: Store, connection: sa.Connection, playbook: Playbook, window: Window) -> None:
    """Whoever has just entered again leaves the passage before; what is being handed over goes on."""
    newer = enrollments.alias("newer")
    earlier = (
        enrollments.c.playbook == playbook.id,
        enrollments.c.state.in_(["active", "braked"]),
        enrollments.c.entered_at < _now(window),
        window.concerns(living(enrollments.c.contact_id)),
        sa.exists().where(
            newer.c.playbook == playbook.id,
            newer.c.contact_id == living(enrollments.c.contact_id),
            newer.c.entered_at == _now(window),
        ),
    )
    ended = _told(store, playbook, window, enrollments.c, *earlier, status="ended", reason=sa.literal(BEGAN_ANEW))
    connection.execute(ended.on_conflict_do_nothing())
    values = {"state": "ended", "ended_at": _now(window), "reason": BEGAN_ANEW}
    connection.execute(enrollments.update().where(*earlier).values(**values))


def _now(window: Window) -> Any:
    return window.value(lambda current: current.now, Instant())
