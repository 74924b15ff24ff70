"""Why somebody whose trigger fired may not enter, as SQL: too late, not in the audience, was here before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from runner.decide import NOT_IN_THE_AUDIENCE
from runner.playbook import Playbook
from runner.store.functions import unindexed
from runner.store.tables import contacts, enrollments
from runner.store.types import Instant
from runner.triggers import Window

#: The states of an enrollment that goes on.
INSIDE = ("active", "sending", "unsure", "braked")
NO_TEXT = sa.cast(sa.null(), sa.Text)


def refusal(playbook: Playbook, window: Window, match: Any) -> Any:
    """The first reason that keeps somebody out, NULL where none does."""
    reasons = list(_reasons(playbook, window, match))
    if not reasons:
        return NO_TEXT
    return sa.case(*reasons, else_=NO_TEXT)


def _reasons(playbook: Playbook, window: Window, match: Any) -> Iterator[tuple[Any, Any]]:
    if (lateness := playbook.trigger.lateness(window)) is not None:
        span = lateness.allowed.span
        latest = window.value(lambda current: current.now - span, Instant())
        yield match.c.occurred_at <= latest, f"too late: {lateness.key} is {lateness.allowed}"
    if playbook.audience is not None:
        words = sa.literal(NOT_IN_THE_AUDIENCE) + playbook.audience.failing(window.today)
        yield sa.not_(playbook.audience.sql(window.today)), words
    if playbook.keys.mode == "single":
        inside = was_here(playbook, match, enrollments.c.state.in_(INSIDE))
        yield inside, "is inside for another occasion; mode: single"
    if playbook.keys.reenter == "never":
        yield was_here(playbook, match), "was here before; reenter: never"
    if (again := playbook.reenter_after) is not None:
        begin = window.value(lambda current: current.now - again.span, Instant())
        recent = was_here(playbook, match, unindexed(enrollments.c.entered_at) > begin)
        yield recent, f"was here less than {again} ago"
    if (same := playbook.trigger.same_occasion(enrollments.c, match.c)) is not None:
        yield was_here(playbook, match, same[0]), same[1]


def was_here(playbook: Playbook, match: Any, *like: Any) -> Any:
    """Whether the person entered before under such terms, as they are or as somebody merged into them."""
    theirs = (enrollments.c.playbook == playbook.id, *like)
    other = contacts.alias("other")
    # One within the other: joined, SQLite would look at everybody who ever entered.
    as_other = sa.exists().where(enrollments.c.contact_id == other.c.id, *theirs).correlate(other, match)
    before = sa.exists().where(other.c.merged_into == match.c.contact_id, as_other)
    return sa.or_(sa.exists().where(enrollments.c.contact_id == match.c.contact_id, *theirs), before)
