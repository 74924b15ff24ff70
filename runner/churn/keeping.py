"""Every night each contact's `churn_risk` is written anew where it has changed, with what it was before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner import clock
from runner.settings import Settings
from runner.store import Store
from runner.store.functions import json_of
from runner.store.memory import recall, remember
from runner.store.tables import contact_changes, contacts, facts
from runner.store.types import Id, Instant
from runner.sync import risk_is_told

if TYPE_CHECKING:
    from runner.churn.histories import Histories
    from runner.churn.models import Model
    from runner.churn.scale import Scale
    from runner.store.arrays import Floats, Ints

#: The scale in force, and the morning that was scored last.
SCALE, SCORED = "churn_scale", "churn_scored"
#: Contacts that one transaction writes: no writer shall wait long for this one.
CHUNK = 4_000


@dataclass(frozen=True, slots=True)
class Scored:
    """What a night's scoring came to."""

    day: date
    tier: str
    customers: int
    changed: int


def measured_since(connection: sa.Connection) -> datetime | None:
    """Since when scores are of the same kind: a rule's yes, or another model's chance, is no rise of this one's."""
    told = recall(connection, SCORED)
    return datetime.fromisoformat(told["measured_since"]) if told else None


def score(store: Store, settings: Settings, now: datetime) -> Scored | None:
    """The scores as of this local midnight; None where they are there, or a source tells them.

    A day that was missed is not made up for: the next one's scores are the same whether it was or not.
    """
    day = clock.local(now, settings.timezone).date()
    with store.read() as connection:
        told = recall(connection, SCORED)
        if (told and date.fromisoformat(told["day"]) >= day) or risk_is_told(connection):
            return None
    by, history, model = reckoned(store, settings, day, now)
    known, said = _said(by, history, model, day)
    with store.read() as connection:
        ending, how = subscribers(connection, settings, day, now)
        people, new = _contacts_of(connection, settings, *_joined(known, said, ending))
        whose, differing = _differing(connection, people, new)
    measure = [by.tier, by.horizon, by.model, *([how] if ending else ())]
    same = told is not None and told["measure"] == measure
    since = told["measured_since"] if told and same else now.isoformat()
    scored = {"day": day.isoformat(), "measure": measure, "measured_since": since}
    if len(whose) and not same:
        # Before the first of the new scores: or whoever is killed in between would take another measure for a rise.
        _remember(store, {SCORED: scored | {"day": told["day"] if told else date.min.isoformat()}})
    for start in range(0, len(whose), CHUNK):
        _write(store, whose[start : start + CHUNK], differing[start : start + CHUNK], now)
    _remember(store, {SCALE: by.document(), SCORED: scored})
    return Scored(day, str(by.tier), len(known), len(whose))


def reckoned(store: Store, settings: Settings, day: date, now: datetime) -> tuple[Scale, Histories, Model]:
    """The scale in force on a day, everybody's orders before it, and the model.

    The scale is learnt as of each Monday: a machine that was off learns the same.
    """
    from runner.churn.histories import histories, number_of
    from runner.churn.models import model_called
    from runner.churn.scale import Scale, scale

    name, horizon = settings.churn.model, settings.churn.horizon.days
    monday = number_of(day - timedelta(days=day.weekday()))
    model = model_called(name)
    with store.read() as connection:
        kept = recall(connection, SCALE)
        history = histories(connection, settings, day, now)
    if kept and (kept["day"], kept["model"], kept["horizon"]) == (monday, name, horizon):
        return Scale.read(kept), history, model
    return scale(history, monday, horizon=horizon, name=name, model=model), history, model


def subscribers(
    connection: sa.Connection, settings: Settings, day: date, now: datetime
) -> tuple[dict[int, float], str]:
    """The scores of those who pay a subscription, and whether their signs are weighed or counted."""
    if connection.scalar(sa.select(facts["subscriptions"].c.id).limit(1)) is None:
        return {}, ""
    from runner.churn.subscribers import morning, scores, weighed

    by = weighed(connection, settings, day - timedelta(days=day.weekday()), now)
    return scores(morning(connection, settings, day, now), by), "weighed" if by.coefficients else "counted"


def _joined(customers: Ints, said: Floats, ending: Mapping[int, float]) -> tuple[Ints, Floats]:
    """Whose subscription may end is scored by that, whatever they order; in order of the customers' numbers."""
    import numpy as np

    if not ending:
        return customers, said
    others = ~np.isin(customers, list(ending))
    everybody = np.concatenate([customers[others], np.fromiter(ending, np.int64, len(ending))])
    scores = np.concatenate([said[others], np.fromiter(ending.values(), float, len(ending))])
    order = np.argsort(everybody)
    return everybody[order], scores[order]


def _said(by: Scale, history: Histories, model: Model, day: date) -> tuple[Ints, Floats]:
    from runner.churn.histories import number_of
    from runner.churn.scale import scores

    known = history.on(number_of(day))
    return known.customers, scores(by, known, model)


def _contacts_of(connection: sa.Connection, settings: Settings, customers: Ints, said: Floats) -> tuple[Ints, Floats]:
    """Whose contact has which score: the people of a company have the company's. In order of their numbers."""
    import numpy as np

    if settings.customers == "contact":
        return customers, said
    employed = sa.select(contacts.c.id, contacts.c.company_id).where(
        contacts.c.company_id.is_not(None), contacts.c.merged_into.is_(None)
    )
    rows = np.array(connection.execute(employed.order_by(contacts.c.id)).all(), np.int64).reshape(-1, 2)
    place = np.searchsorted(customers, rows[:, 1])
    there = (place < len(customers)) & (customers[np.minimum(place, len(customers) - 1)] == rows[:, 1])
    return rows[there, 0], said[place[there]]


def _differing(connection: sa.Connection, people: Ints, said: Floats) -> tuple[Ints, Floats]:
    """Whose score is another one now, and which; who is no customer any more has none: not a number."""
    import numpy as np

    from runner.store.arrays import arrays

    c = contacts.c
    scored = sa.select(c.id, c.churn_risk).where(c.churn_risk.is_not(None))
    before, had = arrays(connection, scored, by=c.id)
    everybody = np.union1d(before, people)
    old, new = np.full(len(everybody), np.nan), np.full(len(everybody), np.nan)
    old[np.searchsorted(everybody, before)] = had
    new[np.searchsorted(everybody, people)] = said
    others = (old != new) & ~(np.isnan(old) & np.isnan(new))
    return everybody[others], new[others]


def _write(store: Store, whose: Ints, scores: Floats, now: datetime) -> None:
    """The scores of some, and what each one's was before."""
    told = [None if score != score else score for score in scores.tolist()]
    row = sa.func.json_pairs(sa.bindparam("said", type_=sa.Text)).table_valued("key", "value")
    said = sa.select(sa.cast(row.c.key, Id).label("id"), sa.cast(row.c.value, sa.Float).label("score")).subquery()
    c = contacts.c
    before = sa.select(
        c.id, sa.literal("churn_risk"), json_of(c.churn_risk), json_of(said.c.score), *[sa.literal(now, Instant())] * 2
    ).join(said, said.c.id == c.id)
    history = sa.insert(contact_changes).from_select(
        ["contact_id", "field", "old", "new", "at", "seen_at"], before, include_defaults=False
    )
    scored = sa.update(contacts).where(c.id == said.c.id).values(churn_risk=said.c.score)
    document = {"said": json.dumps(dict(zip(whose.tolist(), told, strict=True)))}
    with store.write() as connection:
        connection.execute(history, document)
        connection.execute(scored, document)


def _remember(store: Store, told: Mapping[str, Any]) -> None:
    with store.write() as connection:
        for key, value in told.items():
            remember(connection, store, key, value)
