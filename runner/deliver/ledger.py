"""What a batch writes: where each enrollment goes next, and one row of the action log a step."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from runner.circumstances import Due
from runner.playbook import Playbook
from runner.steps import Step
from runner.store import Store
from runner.store.functions import numbers_in
from runner.store.many import Many
from runner.store.tables import decisions, enrollments


class Book:
    """Collects a batch's consequences for one step and writes them with few statements."""

    def __init__(self, playbook: Playbook, step: Step, now: datetime) -> None:
        self.playbook = playbook
        self.step = step
        self.now = now
        #: Where to, and who goes there.
        self._moves: dict[_Move, list[int]] = {}
        self._rows: list[dict[str, Any]] = []

    def hold(
        self,
        one: Due,
        until: datetime,
        reason: str,
        *,
        waits_for: str | None = None,
        doubted_at: datetime | None = None,
    ) -> None:
        doubt = {"doubted_at": one.doubted_at or doubted_at} if doubted_at else {}
        self._move(one, state="active", due_at=until, waits_for=waits_for, **doubt)
        self._log(one, "held", reason, until=until)

    def advance(
        self,
        one: Due,
        status: str,
        reason: str,
        *,
        send_id: str | None = None,
        since: datetime | None = None,
        branch: str | None = None,
    ) -> None:
        """The step is over; the next one, or the branch's first, may be looked at, or the playbook is finished."""
        following = self.step.onward(branch)
        if following is None:
            self._move(one, state="done", ended_at=self.now, reason="finished")
        else:
            begins = {"step": following, "attempt": 0, "step_since": since or self.now, "doubted_at": None}
            self._move(one, state="active", due_at=self.now, **begins)
        self._log(one, status, reason, send_id=send_id, branch=branch)

    def end(self, one: Due, reason: str) -> None:
        self._move(one, state="ended", ended_at=self.now, reason=reason)
        self._log(one, "ended", reason)

    def sending(self, one: Due) -> None:
        self._move(one, state="sending")

    def unsure(self, one: Due, reason: str, send_id: str) -> None:
        self._move(one, state="unsure")
        self._log(one, "unsure", reason, send_id=send_id)

    def _move(self, one: Due, **to: Any) -> None:
        where = {"due_at": self.now, "ended_at": None, "reason": None, "waits_for": None, **to}
        self._moves.setdefault(((one.step, one.attempt), tuple(where.items())), []).append(one.id)

    def _log(
        self,
        one: Due,
        status: str,
        reason: str,
        *,
        until: datetime | None = None,
        send_id: str | None = None,
        branch: str | None = None,
    ) -> None:
        self._rows.append(
            {
                "at": self.now,
                "playbook": self.playbook.id,
                "version": self.playbook.version,
                "contact_id": one.entered_as or one.contact_id,
                "occasion": one.occasion,
                "enrollment_id": one.id,
                "step": self.step.id,
                "action": self.step.action.name,
                "arm": one.arm,
                "status": status,
                "reason": reason,
                "until": until,
                "send_id": send_id,
                "branch": branch,
            }
        )

    def write(self, connection: sa.Connection, store: Store) -> None:
        for ((step, attempt), where), people in self._moves.items():
            standing = {"people": json.dumps(people), "at_step": step, "at_attempt": attempt}
            connection.execute(_move(tuple(name for name, _ in where)), {**standing, **dict(where)})
        _LOG[store.is_sqlite](connection, self._rows)


#: The step and attempt that somebody stands at, and the columns that change with what becomes of them.
_Move = tuple[tuple[str, int], tuple[tuple[str, Any], ...]]


@cache
def _move(names: tuple[str, ...]) -> sa.Update:
    """An event may have proved a send and moved its enrollment on meanwhile: then there is nothing to move."""
    e = enrollments.c
    standing = (e.step == sa.bindparam("at_step"), e.attempt == sa.bindparam("at_attempt"))
    in_hand = sa.or_(*(e.state == state for state in ("active", "sending", "unsure")))
    those = e.id.in_(numbers_in(sa.bindparam("people", type_=sa.Text())))
    return enrollments.update().where(those, *standing, in_hand).values({name: sa.bindparam(name) for name in names})


def _log_upsert(insert: Any) -> Any:
    kept = ("at", "version", "enrollment_id", "action", "status", "reason", "until", "send_id", "branch")
    return insert.on_conflict_do_update(
        index_elements=["playbook", "contact_id", "occasion", "step"],
        set_={name: insert.excluded[name] for name in kept},
    )


#: By whether the store is on SQLite.
_LOG = {
    True: Many(_log_upsert(sqlite.insert(decisions))),
    False: Many(_log_upsert(postgresql.insert(decisions))),
}
