"""What came of a backtest: how often, for whom, how much mail a person, and what was held or kept out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner import clock
from runner.playbook import Playbook
from runner.store.tables import decisions, enrollments, sends

if TYPE_CHECKING:
    from runner.trial.backtest import Span

#: Fields of a contact that are made from facts with times of their own: what they were at any time is known.
FROM_FACTS = frozenset(
    "first_order_at last_order_at orders_count revenue nps_score nps_at csat_score csat_at last_answer_at open_tickets"
    " created_at".split()
)


@dataclass(frozen=True, slots=True)
class Backtest:
    """How often a playbook would have fired, for whom, and what would have come of it."""

    playbook: str
    first: date
    #: The first day after the span.
    last: date
    people: int
    enrollments: int
    #: Enrollments that would have been held out.
    holdout: int
    #: Who fired and may not have entered, by reason.
    kept_out: Mapping[str, int]
    #: What became of each step, by its id: `{"thanks": {"done": 12, "skipped": 1}}`.
    actions: Mapping[str, Mapping[str, int]]
    #: Mails for each person who entered and was not held out.
    mean: float
    max: int
    #: Mails and other steps that caps, quiet hours and the like would have held, by reason, each once.
    held: Mapping[str, int]
    #: `2026-01` → entered and mails.
    by_month: Mapping[str, Mapping[str, int]]
    #: Fields that the playbook names and of which only a later value is known for some of the span, and since when.
    unknown: tuple[str, ...]
    known_since: datetime | None

    def document(self) -> dict[str, Any]:
        told = asdict(self)
        span = {"from": told.pop("first"), "to": told.pop("last")}
        per_person = {"mean": told.pop("mean"), "max": told.pop("max")}
        return {"playbook": told.pop("playbook"), **span, "per_person": per_person, **told}


def outcome_of(connection: sa.Connection, span: Span) -> Backtest:
    """Counts what the span left in the copy."""
    playbook, zone = span.playbook, span.stage.settings.timezone
    passages = connection.execute(_passages(playbook, span.start)).all()
    letters = connection.execute(_letters(playbook, span.start)).all()
    outcomes = connection.execute(_outcomes(playbook)).all()
    treated = {row.contact_id for row in passages if row.arm == "treated"}
    each = Counter(row.contact_id for row in letters)
    before = span.known_since is not None and span.start < span.known_since
    return Backtest(
        playbook=playbook.id,
        first=span.first,
        last=span.last,
        people=len({row.contact_id for row in passages}),
        enrollments=len(passages),
        holdout=sum(row.arm == "holdout" for row in passages),
        kept_out=_kept_out(outcomes),
        actions=_actions(playbook, outcomes),
        mean=round(len(letters) / len(treated), 2) if treated else 0.0,
        max=max(each.values(), default=0),
        held=dict(Counter(reason for *_, reason in span.held).most_common()),
        by_month=_by_month([row.entered_at for row in passages], [row.claimed_at for row in letters], zone),
        unknown=tuple(without_history(playbook)) if before else (),
        known_since=span.known_since,
    )


def _passages(playbook: Playbook, start: datetime) -> sa.Select[Any]:
    one = enrollments.c
    mine = (one.playbook == playbook.id, one.entered_at > start)
    return sa.select(one.contact_id, one.arm, one.entered_at).where(*mine)


def _letters(playbook: Playbook, start: datetime) -> sa.Select[Any]:
    mine = (sends.c.playbook == playbook.id, sends.c.claimed_at > start, sends.c.state == "accepted")
    return sa.select(sends.c.contact_id, sends.c.claimed_at).where(*mine)


def _outcomes(playbook: Playbook) -> sa.Select[Any]:
    told = (decisions.c.step, decisions.c.status, decisions.c.reason)
    counted = sa.select(*told, sa.func.count().label("times")).where(decisions.c.playbook == playbook.id)
    return counted.group_by(*told)


def _kept_out(outcomes: Sequence[sa.Row[Any]]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in outcomes:
        if not row.step and row.status == "skipped" and "in the holdout" not in row.reason:
            counted[general(row.reason)] += row.times
    return dict(counted.most_common())


def _actions(playbook: Playbook, outcomes: Sequence[sa.Row[Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {step.id: {} for step in playbook.steps}
    for row in outcomes:
        if row.step in found:
            found[row.step][row.status] = found[row.step].get(row.status, 0) + row.times
    return found


def _by_month(entered: Iterable[datetime], mails: Iterable[datetime], zone: str) -> dict[str, dict[str, int]]:
    months: dict[str, dict[str, int]] = {}
    for what, times in (("entered", entered), ("mails", mails)):
        for at in times:
            month = months.setdefault(f"{clock.local(at, zone):%Y-%m}", {"entered": 0, "mails": 0})
            month[what] += 1
    return dict(sorted(months.items()))


def general(reason: str) -> str:
    """A reason without the day it names, so that the same reasons count together."""
    return re.sub(r" (on|until|in|since) \d{4}-\d\d-\d\d", "", reason)


def without_history(playbook: Playbook) -> Iterator[str]:
    """The fields that a playbook names and no fact tells of: what they were before a first sync nobody knows."""
    branches = [branch.when for step in playbook.steps for branch in step.branches]
    conditions = [condition for condition in (playbook.audience, playbook.exit_when, *branches) if condition]
    named = {name for condition in conditions for name in condition.used} | {
        one.name for one in playbook.trigger.names()
    }
    for name in sorted(named):
        owner, _, field = name.partition(".")
        if owner in ("contact", "company") and field not in FROM_FACTS:
            yield name
