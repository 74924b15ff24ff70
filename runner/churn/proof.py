"""Whether scores held: what was said one morning against what everybody did in the days that followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from runner.store.arrays import Floats, Yes

#: Bins of the reliability chart, a tenth of the scale each.
BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Customers of whom about the same was said."""

    n: int
    #: The mean of what was said, and the share that it came true of.
    said: float
    came_true: float


@dataclass(frozen=True, slots=True)
class Proof:
    """A test out of time: nothing that it judges was learnt from the days it is judged by."""

    #: The morning on which it was said.
    on: str
    horizon: int
    n: int
    #: The share that did not order.
    base_rate: float
    #: Chance that of two customers, one silent and one not, the silent one had the higher score.
    auc: float | None
    #: Mean squared error; and that of saying the base rate of everybody, as if it had been known.
    brier: float
    brier_of_base_rate: float
    bins: tuple[Bin, ...]
    #: Whether it is judged across customers alone, because there is one past morning only.
    across_customers: bool = False

    @property
    def holds(self) -> bool:
        """Better than one figure for everybody, though that one is allowed to know the outcome."""
        return self.brier < self.brier_of_base_rate

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"holds": self.holds}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Proof:
        told = {name: value for name, value in document.items() if name not in ("holds", "bins")}
        return cls(**told, bins=tuple(Bin(**one) for one in document["bins"]))


def proof(said: Floats, silent: Yes, *, on: str, horizon: int, across_customers: bool = False) -> Proof:
    base = float(silent.mean())
    return Proof(
        on=on,
        horizon=horizon,
        n=len(silent),
        base_rate=base,
        auc=area(said, silent),
        brier=float(((said - silent) ** 2).mean()),
        brier_of_base_rate=base * (1 - base),
        bins=tuple(_bins(said, silent)),
        across_customers=across_customers,
    )


def area(said: Floats, silent: Yes) -> float | None:
    """The area under the ROC curve, ties counting half; None where everybody did the same."""
    quiet = int(silent.sum())
    if not 0 < quiet < len(silent):
        return None
    _, place, ties = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return float((ranks[silent].sum() - quiet * (quiet + 1) / 2) / (quiet * (len(silent) - quiet)))


def _bins(said: Floats, silent: Yes) -> Sequence[Bin]:
    places = np.minimum((said * BINS).astype(int), BINS - 1)
    found = []
    for place in range(BINS):
        here = places == place
        if n := int(here.sum()):
            found.append(Bin(n, float(said[here].mean()), float(silent[here].mean())))
    return found
