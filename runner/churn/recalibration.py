"""The model's chances set right by what the shop's own customers did at past mornings, by three coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from runner.churn.histories import Snapshot
from runner.churn.logistic import chance, log_odds, weighed
from runner.churn.mbg_nbd import SAMPLE
from runner.store.arrays import Floats, Yes

Coefficients: TypeAlias = "tuple[float, ...]"
#: Customers, and of either outcome, that a past morning needs.
CUSTOMERS, OF_EITHER = 300, 50


@dataclass(frozen=True, slots=True)
class Past:
    """A morning whose days to come are over: what the model said then, and what became of it."""

    known: Snapshot
    said: Floats
    silent: Yes

    @property
    def tells(self) -> bool:
        """Whether there is enough in it to learn from."""
        quiet = int(self.silent.sum())
        return len(self.silent) >= CUSTOMERS and min(quiet, len(self.silent) - quiet) >= OF_EITHER

    def of(self, which: Yes) -> Past:
        return Past(self.known.of(which), self.said[which], self.silent[which])


def learnt(pasts: Sequence[Past]) -> Coefficients | None:
    """The coefficients from past mornings, of each a sample."""
    if not pasts:
        return None
    some = [_sample(past) for past in pasts]
    columns = np.concatenate([_columns(past.known, past.said) for past in some])
    found = weighed(columns, np.concatenate([past.silent for past in some]))
    return None if found is None else tuple(map(float, found))


def recalibrated(known: Snapshot, said: Floats, coefficients: Coefficients) -> Floats:
    return chance(_columns(known, said), np.array(coefficients))


def _columns(known: Snapshot, said: Floats) -> Floats:
    return np.stack(
        [np.ones(len(known)), log_odds(said), np.log1p(known.silent), (known.repeats == 0).astype(float)], axis=1
    )


def _sample(past: Past) -> Past:
    if len(past.said) <= SAMPLE:
        return past
    chosen = np.zeros(len(past.said), bool)
    chosen[np.random.default_rng(past.known.day).choice(len(past.said), SAMPLE, replace=False)] = True
    return past.of(chosen)
