"""A logistic regression with a weak ridge: what recalibrates the model, and weighs the signs of subscribers."""

from __future__ import annotations

import numpy as np

from runner.store.arrays import Floats, Yes

#: The penalty on every coefficient but the first, which is the base rate's.
RIDGE = 0.1
_STEPS, _CLOSE = 50, 1e-9


def chance(columns: Floats, coefficients: Floats) -> Floats:
    """The chance of each row; `columns` begin with a column of ones."""
    chances: Floats = 1 / (1 + np.exp(-np.clip(columns @ coefficients, -35, 35)))
    return chances


def weighed(columns: Floats, happened: Yes, *, ridge: float = RIDGE) -> Floats | None:
    """The coefficients, by Newton's method; None where it does not come to an end."""
    penalty = np.full(columns.shape[1], ridge)
    penalty[0] = 0.0
    coefficients = np.zeros(columns.shape[1])
    for _ in range(_STEPS):
        chances = chance(columns, coefficients)
        slope = columns.T @ (happened - chances) - penalty * coefficients
        curve = (columns.T * (chances * (1 - chances))) @ columns + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curve, slope)
        coefficients = coefficients + np.clip(step, -5, 5)
        if np.abs(step).max() < _CLOSE:
            return coefficients if np.isfinite(coefficients).all() else None
    return None


def log_odds(chances: Floats) -> Floats:
    kept = np.clip(chances, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(kept / (1 - kept))
    return odds
