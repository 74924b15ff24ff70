"""Who was assigned to which arm, and what they did in the days after: arrays of one place a customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.contrasts import Arm
from runner.kpis.orders import Orders, by_customer, every_order, instant, instant_of, whose
from runner.kpis.outcome import Outcome
from runner.store.activity import ORDER, activity
from runner.store.arrays import NOTHING, Floats, Ints, Yes, apart, numbers
from runner.store.tables import decisions, enrollments

#: In microseconds.
_DAY = 86_400_000_000
#: What has one place a customer.
_COLUMNS = ("at", "kind", "over", "did", "until", "when", "spent")


@dataclass(frozen=True, slots=True)
class Assigned:
    """Each customer by the first time, the oldest first; who is in both arms proves nothing and is left out.

    That is so of one company's people, and of people who were merged.
    """

    #: Microseconds since 1970.
    at: Ints
    #: The place in `kinds` of the version and the arm.
    kind: Ints
    kinds: Sequence[tuple[str, str]]
    #: Whether the days in which it counts are over; and whether it was done in them.
    over: Yes
    did: Yes
    #: Up to when it would be known, at the most those days; and when it was done first, `NOTHING` where it was not.
    until: Ints
    when: Ints
    #: In those days, in ten-thousandths of the account's currency.
    spent: Ints

    def __len__(self) -> int:
        return len(self.at)

    def of(self, which: Yes | slice) -> Assigned:
        columns = {name: getattr(self, name)[which] for name in _COLUMNS}
        return replace(self, **columns)

    @property
    def finished(self) -> Assigned:
        return self.of(self.over)

    @property
    def unfinished(self) -> Assigned:
        return self.of(~self.over)

    def between(self, start: datetime, end: datetime) -> Assigned:
        """Those assigned from an instant on, before another one."""
        return self.of((self.at >= instant(start)) & (self.at < instant(end)))

    def of_arms(self, names: tuple[str, str]) -> Assigned:
        return self.of(self._of_arm(names[0]) | self._of_arm(names[1]))

    def spending_at_most(self, cut: int) -> Assigned:
        """The same people; whoever spent more is counted with the cut."""
        return replace(self, spent=np.minimum(self.spent, cut))

    def arm(self, name: str) -> Arm:
        """The people of an arm, together."""
        own = self._of_arm(name)
        spent = self.spent[own] / 10_000
        return Arm(
            int(np.count_nonzero(own)), int(np.count_nonzero(self.did[own])), float(spent.sum()), float(spent @ spent)
        )

    def arms(self, names: tuple[str, str]) -> tuple[Arm, Arm]:
        return self.arm(names[0]), self.arm(names[1])

    def days_to_it(self, name: str) -> tuple[Floats, Yes]:
        """Of an arm's people: days from the assignment until it was done, or as long as it was not; whether it was."""
        own = self.of(self._of_arm(name))
        return (np.where(own.did, own.when, own.until) - own.at) / _DAY, own.did

    def by_version(self) -> dict[str, int]:
        """How many there are of each version."""
        found: dict[str, int] = {}
        for (version, _), many in zip(self.kinds, np.bincount(self.kind, minlength=len(self.kinds)), strict=True):
            found[version] = found.get(version, 0) + int(many)
        return found

    def arrived(self, names: tuple[str, str]) -> Iterator[tuple[datetime, Arm, Arm]]:
        """Who of two arms came at each instant, the oldest first; nobody of them where others came."""
        behind = [*np.flatnonzero(np.diff(self.at)) + 1, len(self)] if len(self) else []
        for first, last in zip([0, *behind], behind, strict=False):
            there = self.of(slice(first, last))
            yield instant_of(int(self.at[first])), *there.arms(names)

    def _of_arm(self, name: str) -> Yes:
        own: Yes = np.isin(self.kind, [place for place, (_, arm) in enumerate(self.kinds) if arm == name])
        return own


def of_playbook(asked: Asked, playbook: str, outcome: Outcome) -> Assigned:
    """Everybody that the playbook let in or held out."""
    e = enrollments.c
    rows = sa.select(e.contact_id, e.entered_at.label("at"), e.arm.label("arm"), e.version.label("version"))
    return _counted(asked, rows.where(e.playbook == playbook, e.entered_at <= asked.as_of), outcome)


def of_split(asked: Asked, playbook: str, step: str, outcome: Outcome) -> Assigned:
    """Everybody who drew an arm of a split."""
    d = decisions.c
    drew = (d.playbook == playbook, d.step == step, d.action == "split", d.branch.is_not(None), d.at <= asked.as_of)
    rows = sa.select(d.contact_id, d.at.label("at"), d.branch.label("arm"), d.version.label("version"))
    return _counted(asked, rows.where(*drew), outcome)


def _counted(asked: Asked, assigned: sa.Select[Any], outcome: Outcome) -> Assigned:
    customer, at, kind, kinds = _first(asked, assigned)
    bought, within = asked.always(every_order), _microseconds(outcome)
    done = bought if outcome.event == ORDER else _doings(asked, outcome.event, at, within)
    _, spent = bought.between(customer, at, at + within)
    until = np.minimum(at + within, instant(asked.as_of))
    first = done.first_after(customer, at)
    when = np.where(first <= until, first, NOTHING)
    return Assigned(at, kind, kinds, at + within <= instant(asked.as_of), when != NOTHING, until, when, spent)


def _first(asked: Asked, assigned: sa.Select[Any]) -> tuple[Ints, Ints, Ints, Sequence[tuple[str, str]]]:
    """Each customer's first assignment, of those in one arm only: whose, when, and the place of the arm and version."""
    told = apart(asked.connection, assigned, "arm", "version")
    if not told:
        nobody = np.empty(0, np.int64)
        return nobody, nobody, nobody, ()
    kinds = [(version, arm) for (arm, version), _ in told]
    contact, at = (np.concatenate([columns[place] for _, columns in told]) for place in (0, 1))
    kind = np.repeat(np.arange(len(kinds)), [len(columns[0]) for _, columns in told])
    customer = whose(asked, contact)
    order = np.lexsort((kind, at, customer))
    order = order[customer[order] > 0]
    customer, at, kind = customer[order], at[order], kind[order]
    begins = np.flatnonzero(np.diff(customer, prepend=-1))
    names = sorted({arm for _, arm in kinds})
    arm = np.array([names.index(arm) for _, arm in kinds])[kind]
    in_one = arm == np.repeat(arm[begins], np.diff([*begins, len(arm)]))
    first = begins[np.logical_and.reduceat(in_one, begins)] if len(begins) else begins
    first = first[np.argsort(at[first], kind="stable")]
    return customer[first], at[first], kind[first], kinds


def _doings(asked: Asked, event: str, at: Ints, within: int) -> Orders:
    """Who did something else than to order, and when: in the time that counts for anybody."""
    if not len(at):
        return by_customer(asked, *[np.empty(0, np.int64)] * 3)
    done = activity(event).subquery().c
    since, until = (instant_of(int(end)) for end in (at.min(), at.max() + within))
    rows = sa.select(done.contact_id, done.at).where(
        done.at > since, done.at <= until, done.at <= asked.as_of, asked.known(done.seen_at)
    )
    contact, then = numbers(asked.connection, rows)
    return by_customer(asked, contact, then, np.zeros_like(then))


def base_rate(asked: Asked, outcome: Outcome, at: datetime) -> tuple[int, int]:
    """Of the customers there were, how many did it in as many days before an instant: what is planned by."""
    bought, within = asked.always(every_order), _microseconds(outcome)
    since = np.array([instant(at) - within])
    known = bought.customers[bought.first <= since] if len(bought) else bought.customers
    done = bought if outcome.event == ORDER else _doings(asked, outcome.event, since, within)
    did, _ = done.between(known, since.repeat(len(known)), since.repeat(len(known)) + within)
    return len(known), int(np.count_nonzero(did))


def _microseconds(outcome: Outcome) -> int:
    return outcome.within // timedelta(microseconds=1)
