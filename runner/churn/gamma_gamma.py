"""Gamma-gamma: from how much each customer's repeat orders were worth to what their next ones will be.

Fader and Hardie (2013, "The Gamma-Gamma Model of Monetary Value"). An order's value varies around the customer's own
mean; means differ between customers. It takes for granted that who orders often does not order dearer: the correlation
says how far that is so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runner.store.arrays import Floats

#: How far from 1 the scaled parameters' logarithms may go.
_BOUND = 8.0


@dataclass(frozen=True, slots=True)
class Spending:
    """The three parameters; `gamma` is in the currency's unit."""

    p: float
    q: float
    gamma: float

    @property
    def mean(self) -> float:
        """Of an order of somebody of whom nothing is known."""
        return self.p * self.gamma / (self.q - 1)


def fitted(x: Floats, m: Floats, *, prior: float = 1e-4) -> Spending | None:
    """The likeliest parameters: `x` repeat orders worth `m` each on average, of those who have any.

    None where the search did not come to an end, or customers differ so much that a mean says nothing (q ≤ 1).
    """
    from scipy.optimize import minimize
    from scipy.special import gammaln

    if not len(x):
        return None
    scale = float(m.mean())
    value = m / scale

    def loss(logs: Floats) -> float:
        p, q, gamma = np.exp(logs)
        each = (
            gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
            + (p * x - 1) * np.log(value) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * value)
        )  # fmt: skip
        return float(-each.mean() + prior * (logs**2).sum())

    found = minimize(loss, np.zeros(3), method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 3, options={"maxiter": 500})
    p, q, gamma = map(float, np.exp(found.x))
    if not found.success or q <= 1:
        return None
    return Spending(p, q, gamma * scale)


def next_value(by: Spending, x: Floats, m: Floats) -> Floats:
    """Of each customer's next orders: between everybody's mean and their own, the nearer to that the more orders."""
    worth: Floats = by.p * (by.gamma + x * m) / (by.p * x + by.q - 1)
    return worth


def correlation(x: Floats, m: Floats) -> float:
    """Between how often and how dear; 0 where all do the same."""
    if len(x) < 3 or not x.std() or not m.std():
        return 0.0
    return float(np.corrcoef(x, m)[0, 1])
