"""What an effect comes to in money where the highest amounts are cut: one large order alone proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runner.kpis.contrasts import means
from runner.kpis.intervals import Interval

if TYPE_CHECKING:
    from runner.kpis.assigned import Assigned

#: Of all people of both arms, those who spent nothing included, so many spent no more than the cut.
SHARE = 0.99


class Winsorised(NamedTuple):
    """In the account's currency."""

    #: What whoever spent more is counted with.
    cut: float
    #: More a person, and its interval.
    spent: float
    interval: Interval


def winsorised(people: Assigned, names: tuple[str, str]) -> Winsorised | None:
    """Of those whose days are over; None where nobody spent more than the cut, or so few spent that it is nothing."""
    import numpy as np

    told = people.finished.of_arms(names)
    cut = round(float(np.quantile(told.spent, SHARE))) if len(told) else 0
    found = means(*told.spending_at_most(cut).arms(names)) if cut and cut < told.spent.max() else None
    return None if found is None else Winsorised(cut / 10_000, *found)
