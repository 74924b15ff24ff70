"""How many orders each customer will make in a time ahead, by the parameters of MBG/NBD or BG/NBD."""

from __future__ import annotations

import numpy as np

from runner.churn.mbg_nbd import Fit, alive
from runner.store.arrays import Floats

#: Points at which the chance to be gone after an order is looked at.
_POINTS = 24


def orders_ahead(fit: Fit, x: Floats, t: Floats, age: Floats, horizon: float, *, drops_at_once: bool = True) -> Floats:
    """The mean number in the next `horizon`.

    The textbook's form has a hypergeometric function, which is what breaks in practice. This is the same as a mean over
    what is known of a living customer: with rate λ and chance p to be gone after each order, (1 − exp(−λ p h)) / p
    orders are to be expected. The mean over λ (gamma) is exact, the one over p (beta) a sum over Gauss's points.
    """
    expected = np.zeros(len(x))
    for orders in np.unique(x):
        those = x == orders
        chances, weights = _beta_points(fit.a, fit.b + orders + drops_at_once)
        known = (fit.alpha + age[those])[:, None]
        stays = (known / (known + chances * horizon)) ** (fit.r + orders)
        expected[those] = ((1 - stays) / chances) @ weights
    there: Floats = expected * alive(fit, x, t, age, drops_at_once=drops_at_once)
    return there


def _beta_points(a: float, b: float) -> tuple[Floats, Floats]:
    """Points in (0, 1) and their weights for means over a beta distribution: Gauss and Jacobi's, by the eigenvalues of
    their recurrence (Golub and Welsch 1969), which stay sound where the weights' own formula overflows."""
    from scipy.linalg import eigh_tridiagonal

    down, up = b - 1, a - 1
    n = np.arange(_POINTS, dtype=float)
    both = 2 * n + down + up
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (up**2 - down**2) / (both * (both + 2))
    middle[0] = (up - down) / (down + up + 2)
    k, last = n[1:], both[1:]
    # Where a + b = 1 the general form of the first one is 0 / 0.
    aside = 4 * k * (k + down) * (k + up) * (k + down + up) / (last**2 * np.where(k > 1, last**2 - 1, 1))
    aside[0] = 4 * (1 + down) * (1 + up) / ((2 + down + up) ** 2 * (3 + down + up))
    points, vectors = eigh_tridiagonal(middle, np.sqrt(aside))
    chances: Floats = np.clip((points + 1) / 2, 1e-12, 1.0)
    return chances, vectors[0] ** 2
