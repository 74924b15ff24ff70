"""How long subscribers stay, where churn falls with tenure: sBG, and what they are worth by it.

Fader and Hardie (2007, "How to Project Customer Retention"). Each month a subscriber leaves by a chance of their own;
the chances differ by a beta (α, β). Those most likely to leave leave first, so that whoever has stayed for long stays
on: a value by one churn rate for everybody says too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from runner.kpis.asked import Asked
from runner.kpis.lifespan import tenures
from runner.kpis.measure import Figure, Reason, nothing
from runner.kpis.paying import paying

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Days of a month on average.
MONTH = 365.25 / 12
#: Subscribers who have left, below which nothing is fitted; and how far the parameters' logarithms may go.
LEFT, _BOUND = 20, 8.0
#: Months after which discounted money is nothing any more.
_END = 1_200


@dataclass(frozen=True, slots=True)
class Staying:
    """The two parameters of sBG, by the month, and the log-likelihood at them."""

    alpha: float
    beta: float
    log_likelihood: float

    def share(self, months: Floats) -> Floats:
        """Of new subscribers who is there after so many months."""
        import numpy as np
        from scipy.special import betaln

        there: Floats = np.exp(betaln(self.alpha, self.beta + months) - betaln(self.alpha, self.beta))
        return there


def fitted(counted: Iterable[tuple[int, bool, int]]) -> Staying | None:
    """From whole months stayed, whether left in the one after, and how many of these; None where it did not end."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import betaln

    months, left, many = (np.array(column, float) for column in zip(*counted, strict=True))

    def total(logs: Floats) -> float:
        a, b = np.exp(logs)
        there = betaln(a, b + months)
        each = np.where(left > 0, betaln(a + 1, b + months), there) - betaln(a, b)
        return float((many * each).sum())

    people = many.sum()
    found = minimize(lambda logs: -total(logs) / people, np.zeros(2), method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 2)
    if not found.success:
        return None
    alpha, beta = map(float, np.exp(found.x))
    return Staying(alpha, beta, total(found.x))


def of_subscribers(asked: Asked, margin: Decimal) -> Mapping[str, Figure]:
    """The value of the year ahead of those who pay, and that of a new subscriber."""
    pays = asked.once(paying)
    counted = _by_month(asked)
    left = sum(many for _, ended, many in counted if ended)
    if left < LEFT or not pays.ending:
        few = nothing(Reason.NO_DENOMINATOR, n=pays.ending, note=f"By tenure: needs {LEFT} subscribers who have left.")
        return {"model": few, "by_tenure": few}
    staying = fitted(counted)
    if staying is None:
        none = nothing(n=pays.ending, note="By tenure: no parameters were found that fit.")
        return {"model": none, "by_tenure": none}
    month = float(pays.end / pays.ending * margin)
    note = f"By {left:,} subscribers who have left: α {staying.alpha:.2f}, β {staying.beta:.2f}."
    ahead, new = _months_ahead(staying, counted, asked.settings.kpis.discount)
    return {"model": Figure(month * ahead, pays.ending, note=note), "by_tenure": Figure(month * new, left, note=note)}


def _by_month(asked: Asked) -> list[tuple[int, bool, int]]:
    return [(int(days / MONTH), ended, many) for days, ended, many in asked.once(tenures)]


def _months_ahead(staying: Staying, counted: Iterable[tuple[int, bool, int]], discount: float) -> tuple[float, float]:
    """Discounted months that those who are there pay in a year, on average; and that a new one ever pays."""
    import numpy as np

    here = [(months, many) for months, ended, many in counted if not ended]
    tenure, many = (np.array(column, float) for column in zip(*here, strict=True))
    worth = (1 - discount) ** (np.arange(_END) / 12)
    ahead = sum(staying.share(tenure + month) * worth[month] for month in range(12)) / staying.share(tenure)
    return float((ahead * many).sum() / many.sum()), float(staying.share(np.arange(float(_END))) @ worth)
