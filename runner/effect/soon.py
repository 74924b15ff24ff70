"""How soon they did it: Kaplan and Meier's curve of either arm, and whether chance alone parts the two (log-rank).

Whose days are not over counts as far as they have come. It is a second view, and gives no verdict.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runner.effect.verdict import HITS, PEOPLE
from runner.kpis.survival import HALF

if TYPE_CHECKING:
    from scipy.stats import CensoredData

    from runner.kpis.assigned import Assigned
    from runner.store.arrays import Floats, Yes

#: Parts of the time that counts, at whose ends the curves are told.
_MARKS = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """Of one arm who had done it by when."""

    #: Days → the share; days that nobody has reached are left out.
    by_day: dict[int, float]
    #: The day by which half of them had; None where fewer than half have.
    median: float | None


@dataclass(frozen=True, slots=True)
class Soon:
    """Two arms."""

    one: Curve
    other: Curve
    #: The chance of curves so far apart if there were no difference (Mantel 1966).
    p: float

    def document(self) -> dict[str, Any]:
        return asdict(self)


def how_soon(people: Assigned, names: tuple[str, str], within_days: int) -> Soon | None:
    """None where either arm has too few people, or too few who did it."""
    from scipy.stats import logrank

    arms = [people.days_to_it(name) for name in names]
    if any(len(days) < PEOPLE or did.sum() < HITS for days, did in arms):
        return None
    one, other = (_censored(*arm) for arm in arms)
    first, second = (
        _curve(sample, float(days.max()), within_days) for sample, (days, _) in zip((one, other), arms, strict=True)
    )
    return Soon(first, second, float(logrank(one, other).pvalue))


def _censored(days: Floats, did: Yes) -> CensoredData:
    from scipy.stats import CensoredData

    return CensoredData(uncensored=days[did], right=days[~did])


def _curve(sample: CensoredData, longest: float, within_days: int) -> Curve:
    import numpy as np
    from scipy.stats import ecdf

    still = ecdf(sample).sf
    marks = {round(within_days * part / _MARKS) for part in range(1, _MARKS + 1)} - {0}
    gone = np.flatnonzero(still.probabilities <= HALF)
    return Curve(
        {day: 1 - float(still.evaluate(day)) for day in sorted(marks) if day <= longest + 1e-9},
        float(still.quantiles[gone[0]]) if len(gone) else None,
    )
