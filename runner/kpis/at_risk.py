"""What hangs on each active customer's risk: how likely they are to be lost, and what they brought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.customers import window_before
from runner.kpis.orders import instant, orders
from runner.kpis.scored import with_risk
from runner.store.arrays import Floats, Ints, arrays
from runner.store.tables import contacts
from runner.store.types import Id

#: From this probability on a risk is high.
HIGH_RISK = 0.66
#: Chances travel as whole numbers of this part: to write a fraction as text takes a database longer than to read it.
_FINE = 10_000_000


@dataclass(frozen=True, slots=True)
class AtRisk:
    """The customers active at the period's end that have a score."""

    risk: Floats
    #: Net revenue of each in the repeat window, in the account's currency; None where an order has no exchange rate.
    brought: Floats | None

    def __len__(self) -> int:
        return len(self.risk)

    @property
    def high(self) -> int:
        return int(np.count_nonzero(self.risk >= HIGH_RISK))


def at_risk(asked: Asked) -> AtRisk:
    """As scored when the period ended."""
    told, kpis = asked.once(orders), asked.settings.kpis
    active = told.last >= instant(window_before(asked, asked.end, kpis.activity_window))
    year = told.at >= instant(window_before(asked, asked.end, kpis.repeat_window))
    risk = _risks(asked, told.customers[active])
    scored = ~np.isnan(risk)
    if told.unpriced is not None and (told.unpriced & year).any():
        return AtRisk(risk[scored], None)
    return AtRisk(risk[scored], told.each(np.where(year, told.value, 0))[active][scored] / 10_000)


def _risks(asked: Asked, people: Ints) -> Floats:
    """How likely each contact is not to order again; not a number without a score."""
    rows, risk = with_risk(asked, contacts, contacts.c.id)
    fine = sa.cast(risk * _FINE + 0.5, Id).label("risk")
    known = sa.select(contacts.c.id, fine).select_from(rows).where(risk.is_not(None))
    scored, said = arrays(asked.connection, known, by=contacts.c.id)
    if not len(scored):
        return np.full(len(people), np.nan)
    place = np.minimum(np.searchsorted(scored, people), len(scored) - 1)
    risks: Floats = np.where(scored[place] == people, said[place] / _FINE, np.nan)
    return risks
