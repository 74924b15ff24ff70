"""Customers who pay a subscription: signs that they may end it, and where enough have ended, how much each sign weighs.

A subscription's end is seen, so it is not the model of orders that scores them. A sign is a fact of that morning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner import clock
from runner.settings import Settings
from runner.store.tables import answers, company_sources, contact_sources, contacts, facts

if TYPE_CHECKING:
    from runner.churn.proof import Proof
    from runner.store.arrays import Floats, Yes

#: What each sign says.
SIGNS: Mapping[str, str] = {
    "silent": "nothing used for 14 days",
    "falling": "used less than half as much as in the 60 days before",
    "empty": "uses less than 40 % of the licences bought",
    "unpaid": "an invoice more than 30 days late",
    "unhappy": "the last NPS was 6 or less, or fell by 2",
    "troubled": "three tickets in 30 days, and an answer of 2 or less",
    "ending": "a contract ends within 90 days, and nobody has talked for 30",
}
#: What is known of today alone, and can be weighed by no past.
_TODAY_ONLY = frozenset({"empty"})
#: So many signs call a customer at risk while they cannot be weighed.
RULE = 2
#: Subscriptions ended for each thing that is weighed.
ENDED_EACH = 10
MORNINGS = 4


@dataclass(frozen=True, slots=True)
class Morning:
    """The subscribers of a morning: their signs, and for how many days they have been."""

    day: date
    signs: Mapping[int, frozenset[str]]
    days: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the signs weigh: a base, each sign, and the logarithm of the days somebody has been a subscriber."""

    coefficients: tuple[float, ...] | None
    why: str
    proof: Proof | None = None


def morning(connection: sa.Connection, settings: Settings, day: date, known: datetime) -> Morning:
    """As it stood when a local day began."""
    look = _Look(connection, settings, day, known)
    since = look.live()
    found: dict[int, set[str]] = {customer: set() for customer in since}
    for sign in SIGNS:
        for customer in getattr(look, f"_{sign}")():
            if customer in found:
                found[customer].add(sign)
    days = {customer: (day - begun).days for customer, begun in since.items()}
    return Morning(day, {customer: frozenset(signs) for customer, signs in found.items()}, days)


def weighed(connection: sa.Connection, settings: Settings, day: date, known: datetime) -> Weighed:
    """What past mornings teach, whose days are over; tested on the last of them by what the earlier ones had taught."""
    from runner.churn.logistic import chance
    from runner.churn.proof import proof

    horizon = settings.churn.horizon.days
    days = [day - timedelta(days=horizon * number) for number in range(1, MORNINGS + 1)]
    pasts = [(past, _ended(connection, settings, past, known, horizon)) for past in
             (morning(connection, settings, one, known) for one in days) if past.signs]  # fmt: skip
    lessons, earlier = _learnt(pasts), _learnt(pasts[1:])
    ended = sum(int(over.sum()) for _, over in pasts)
    needed = ENDED_EACH * (len(_weighable()) + 1)
    if lessons is None or earlier is None:
        return Weighed(
            None, f"{ended} subscriptions have ended on record; weighing the signs needs {needed} and a test"
        )
    last, over = pasts[0]
    tested = proof(chance(_columns(last), earlier), over, on=last.day.isoformat(), horizon=horizon)
    if not tested.holds:
        return Weighed(None, f"on {tested.on} weighed signs were no better than one figure for everybody", tested)
    return Weighed(tuple(map(float, lessons)), f"weighed by {ended} subscriptions that have ended", tested)


def scores(now: Morning, by: Weighed) -> dict[int, float]:
    """Of each subscriber: a chance, or by the rule 1 with two signs or more and else 0."""
    import numpy as np

    from runner.churn.logistic import chance

    if by.coefficients is None:
        return {customer: float(len(signs) >= RULE) for customer, signs in now.signs.items()}
    said = np.clip(np.round(chance(_columns(now), np.array(by.coefficients)), 2), 0.01, 0.99)
    return dict(zip(now.signs, map(float, said), strict=True))


def _weighable() -> Sequence[str]:
    return [sign for sign in SIGNS if sign not in _TODAY_ONLY]


def _columns(at: Morning) -> Floats:
    import numpy as np

    signs = [[float(sign in own) for sign in _weighable()] for own in at.signs.values()]
    tenure = np.log1p([at.days[customer] for customer in at.signs])
    return np.column_stack([np.ones(len(signs)), np.array(signs), tenure])


def _learnt(pasts: Sequence[tuple[Morning, Yes]]) -> Floats | None:
    import numpy as np

    from runner.churn.logistic import weighed as fitted

    if not pasts or sum(int(over.sum()) for _, over in pasts) < ENDED_EACH * (len(_weighable()) + 1):
        return None
    return fitted(np.concatenate([_columns(past) for past, _ in pasts]), np.concatenate([over for _, over in pasts]))


def _ended(connection: sa.Connection, settings: Settings, past: Morning, known: datetime, horizon: int) -> Yes:
    """Who of a morning's subscribers was none any more when the days were over."""
    import numpy as np

    after = _Look(connection, settings, past.day + timedelta(days=horizon), known).live()
    return np.array([customer not in after for customer in past.signs])


class _Look:
    """What one morning's signs are read from."""

    def __init__(self, connection: sa.Connection, settings: Settings, day: date, known: datetime) -> None:
        self._connection, self._settings, self._day, self._known = connection, settings, day, known
        self._at = clock.midnight(day, settings.timezone)

    def live(self) -> dict[int, date]:
        """Who pays a subscription, and since when."""
        s = facts["subscriptions"].c
        begun = (s.started_on <= self._day, sa.or_(s.trial_end.is_(None), s.trial_end <= self._day))
        rows, customer = self._whose(facts["subscriptions"])
        on = sa.func.sum(sa.case((sa.or_(s.ended_on.is_(None), s.ended_on > self._day), 1), else_=0))
        chosen = sa.select(customer, sa.func.min(s.started_on)).select_from(rows)
        found = chosen.where(*begun, self._there(s), customer.is_not(None)).group_by(customer).having(on > 0)
        return dict(self._connection.execute(found).all())

    def _silent(self) -> set[int]:
        return set(self._used(365)) - set(self._used(14))

    def _falling(self) -> Iterator[int]:
        lately, before = self._used(30), self._used(90, until=30)
        return (who for who, times in before.items() if times >= 8 and 2 * lately.get(who, 0) < times / 2)

    def _used(self, days: int, *, until: int = 0) -> dict[int, int]:
        u = facts["usage"].c
        rows, customer = self._whose(facts["usage"])
        times = sa.select(customer, sa.func.count()).select_from(rows).where(*self._within(u.at, days, until))
        return dict(self._connection.execute(times.where(self._there(u)).group_by(customer)).all())

    def _empty(self) -> set[int]:
        c = facts["licences"].c
        return self._those(facts["licences"], c.purchased > 0, c.assigned < 0.4 * c.purchased)

    def _unpaid(self) -> set[int]:
        i = facts["invoices"].c
        late = i.due_on < self._day - timedelta(days=30)
        return self._those(facts["invoices"], late, sa.or_(i.paid_on.is_(None), i.paid_on >= self._day))

    def _unhappy(self) -> Iterator[int]:
        for who, scores_ in self._answers("nps").items():
            fell = len(scores_) > 1 and scores_[-1] <= scores_[-2] - 2
            if scores_[-1] <= 6 or fell:
                yield who

    def _troubled(self) -> Iterator[int]:
        t = facts["tickets"].c
        rows, customer = self._whose(facts["tickets"])
        many = sa.select(customer).select_from(rows).where(*self._within(t.created_at, 30), self._there(t))
        troubled = set(self._connection.scalars(many.group_by(customer).having(sa.func.count() >= 3)))
        annoyed = self._answers("csat", days=30)
        return (who for who in troubled if min(annoyed.get(who, [5])) <= 2)

    def _ending(self) -> set[int]:
        c, m = facts["contracts"].c, facts["messages"].c
        soon = (c.ends_on >= self._day, c.ends_on < self._day + timedelta(days=90))
        open_ = sa.or_(c.renewed_on.is_(None), c.renewed_on >= self._day)
        talked = self._those(facts["messages"], *self._within(m.at, 30))
        return self._those(facts["contracts"], *soon, open_) - talked

    def _answers(self, kind: str, *, days: int = 3650) -> dict[int, list[float]]:
        """The scores that each gave, oldest first."""
        s, a = facts["surveys"].c, answers.c
        rows, customer = self._whose(facts["surveys"])
        told = sa.select(customer.label("who"), s.responded_at.label("at"), s.score.label("score")).select_from(rows)
        told = told.where(s.kind == kind, s.score.is_not(None), *self._within(s.responded_at, days), self._there(s))
        person = self._customer(contacts)
        ours = sa.select(person, a.answered_at, a.score).join_from(answers, contacts, contacts.c.id == a.contact_id)
        ours = ours.where(a.kind == kind, a.score.is_not(None), *self._within(a.answered_at, days))
        given: dict[int, list[float]] = {}
        both = sa.union_all(told, ours).subquery()
        for who, _, score in self._connection.execute(sa.select(both).order_by(both.c.at)):
            given.setdefault(who, []).append(score)
        return given

    def _those(self, table: sa.Table, *where: Any) -> set[int]:
        rows, customer = self._whose(table)
        return set(self._connection.scalars(sa.select(customer).select_from(rows).where(*where, self._there(table.c))))

    def _whose(self, table: sa.Table) -> tuple[Any, Any]:
        """The rows of a table, and the customer each belongs to."""
        if self._settings.customers == "company" and "company_source" in table.c:
            source = table.join(company_sources, company_sources.c.id == table.c.company_source)
            return source, company_sources.c.company_id
        source = table.join(contact_sources, contact_sources.c.id == table.c.contact_source)
        return source.join(contacts, contacts.c.id == contact_sources.c.contact_id), self._customer(contacts)

    def _customer(self, person: Any) -> Any:
        if self._settings.customers == "company":
            return person.c.company_id
        return sa.func.coalesce(person.c.merged_into, person.c.id)

    def _within(self, at: Any, days: int, until: int = 0) -> Sequence[Any]:
        first, last = self._at - timedelta(days=days), self._at - timedelta(days=until)
        return at >= first, at < last

    def _there(self, row: Any) -> Any:
        return sa.and_(row.seen_at <= self._known, sa.or_(row.deleted_at.is_(None), row.deleted_at > self._known))
