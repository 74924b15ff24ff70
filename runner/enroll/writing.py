"""What is written at the door: who is in, who was refused or held out and why, whose passage before ends."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.circumstances import living
from runner.decide import HELD_OUT
from runner.playbook import Playbook
from runner.store import Store
from runner.store.tables import decisions, enrollments
from runner.store.types import Instant
from runner.triggers import Window

#: What the log says of an enrollment that another occasion of the same person ended.
BEGAN_ANEW = "began anew for another occasion; mode: restart"


def entries(store: Store, playbook: Playbook, window: Window, candidates: sa.Select[Any]) -> Any:
    now = _now(window)
    one = candidates.selected_columns
    # Mail that is no marketing goes to them as well.
    held_out = one.arm == "holdout" if not playbook.serves else sa.false()
    rows = sa.select(
        sa.literal(playbook.id),
        sa.literal(playbook.version),
        one.contact_id,
        one.occasion,
        one.anchor,
        one.facts,
        one.arm,
        sa.case((held_out, "done"), else_="active"),
        sa.literal(playbook.steps[0].id),
        sa.literal(0),
        one.occurred_at,
        now,
        now,
        now,
        sa.case((held_out, now), else_=sa.cast(sa.null(), Instant)),
        sa.case((held_out, "holdout"), else_=sa.cast(sa.null(), sa.Text)),
    ).where(one.refusal.is_(None))
    rows = rows.order_by(one.contact_id, one.occasion)
    columns = (
        "playbook version contact_id occasion anchor facts arm state step attempt"
        " occurred_at step_since due_at entered_at ended_at reason"
    )
    return store.insert(enrollments).from_select(columns.split(), rows).on_conflict_do_nothing()


def refused(store: Store, playbook: Playbook, window: Window, candidates: sa.Select[Any]) -> Any:
    """One row an occasion, updated when the reason changes; the occasion is not used up while it may still begin."""
    one = candidates.selected_columns
    rows = _decision_rows(playbook, window, one, one.refusal, "skipped").where(one.refusal.is_not(None))
    insert = store.insert(decisions).from_select(_DECISION_COLUMNS, rows)
    return insert.on_conflict_do_update(
        index_elements=[decisions.c.playbook, decisions.c.contact_id, decisions.c.occasion, decisions.c.step],
        set_={"reason": insert.excluded.reason, "at": insert.excluded.at, "version": insert.excluded.version},
        where=decisions.c.reason != insert.excluded.reason,
    )


def held_out(store: Store, playbook: Playbook, window: Window) -> Any:
    one = enrollments.c
    reason = sa.literal(HELD_OUT)
    rows = _decision_rows(playbook, window, one, reason, "skipped").where(
        one.playbook == playbook.id,
        one.entered_at == _now(window),
        one.arm == "holdout",
        window.concerns(one.contact_id),
    )
    return store.insert(decisions).from_select(_DECISION_COLUMNS, rows).on_conflict_do_nothing()


_DECISION_COLUMNS = ["at", "playbook", "version", "contact_id", "occasion", "step", "action", "arm", "status", "reason"]


def _decision_rows(playbook: Playbook, window: Window, one: Any, reason: Any, status: str) -> sa.Select[Any]:
    return sa.select(
        _now(window),
        sa.literal(playbook.id),
        sa.literal(playbook.version),
        one.contact_id,
        one.occasion,
        sa.literal(""),
        sa.literal("enter"),
        one.arm,
        sa.literal(status),
        reason,
    )


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
    ended = _decision_rows(playbook, window, enrollments.c, sa.literal(BEGAN_ANEW), "ended").where(*earlier)
    connection.execute(store.insert(decisions).from_select(_DECISION_COLUMNS, ended).on_conflict_do_nothing())
    values = {"state": "ended", "ended_at": _now(window), "reason": BEGAN_ANEW}
    connection.execute(enrollments.update().where(*earlier).values(**values))


def _now(window: Window) -> Any:
    return window.value(lambda current: current.now, Instant())
