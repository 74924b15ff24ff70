"""MBG/NBD: from how often and how lately everybody ordered to the chance that each one does not order again soon.

Batislam, Denizel and Filiztekin (2007). While "alive" a customer orders at random with a rate of their own; after each
order, the first one too, they may be gone for good. Rates differ between customers by a gamma (r, α), the chances to be
gone by a beta (a, b). BG/NBD (Fader, Hardie and Lee 2005), in which nobody is gone after the first order, is kept for
comparison: it calls every one-time buyer alive, and so cannot rank them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from runner.churn.histories import Histories, Snapshot
from runner.store.arrays import Floats, Ints

#: Customers that are enough for a fit: all of a million change no score by more than 0.003.
SAMPLE = 50_000
#: The weak prior a customer on the parameters' logarithms: without one they run away where nobody is ever gone.
PRIOR = 1e-4
#: How far from 1 the scaled parameters' logarithms may go.
_BOUND = 8.0


@dataclass(frozen=True, slots=True)
class Fit:
    """The four parameters, in the unit of time of the data, and the log-likelihood at them, prior left aside."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


class MbgNbd:
    """The model in force unless the settings name another one."""

    name: ClassVar[str] = "mbg_nbd"

    def fit(self, before: Histories, day: int, horizon: int) -> dict[str, Any] | None:
        """The parameters from what was known on a morning; None where they were not found."""
        known = before.on(day)
        if len(known) > SAMPLE:
            known = known.of(np.sort(np.random.default_rng(day).choice(len(known), SAMPLE, replace=False)))
        x, t, age = (column.astype(float) for column in (known.repeats, known.last - known.first, known.known))
        found = fitted(x, t, age)
        return None if found is None else {"r": found.r, "alpha": found.alpha, "a": found.a, "b": found.b}

    def silent(self, parameters: Mapping[str, Any], known: Snapshot, horizon: int) -> Floats:
        """The chance of each customer not to order in the days that follow."""
        x, t, age = (column.astype(float) for column in (known.repeats, known.last - known.first, known.known))
        r, alpha, a, b = (float(parameters[name]) for name in ("r", "alpha", "a", "b"))
        found = Fit(r, alpha, a, b, log_likelihood=0)
        return no_order(found, x, t, age, horizon)


def fitted(x: Floats, t: Floats, age: Floats, *, drops_at_once: bool = True, prior: float = PRIOR) -> Fit | None:
    """The likeliest parameters: `x` repeat orders, the last of them `t` after the first one, known for `age`.

    `drops_at_once` False: BG/NBD. None where the search did not come to an end.
    """
    from scipy.optimize import minimize

    scale = float(age.max()) if len(age) else 0.0
    if scale <= 0:
        return None
    alike, counts = _alike(np.stack([x, t, age]))
    scaled = (alike[0], alike[1] / scale, alike[2] / scale)
    people = counts.sum()

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        each, slopes = _log_likelihoods(parameters, *scaled, drops_at_once=drops_at_once)
        down = -(slopes @ counts) * parameters / people + 2 * prior * logs
        return float(-(counts * each).sum() / people + prior * (logs**2).sum()), down

    bounds = [(-_BOUND, _BOUND)] * 4
    found = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    if not found.success or not np.isfinite(found.fun):
        return None
    r, alpha, a, b = map(float, np.exp(found.x))
    each, _ = _log_likelihoods((r, alpha, a, b), *scaled, drops_at_once=drops_at_once)
    total = float((counts * each).sum())
    # Scaled time makes a density per scaled unit of each order.
    return Fit(r, alpha * scale, a, b, total - float((counts * alike[0]).sum()) * float(np.log(scale)))


def _alike(people: Floats) -> tuple[Floats, Ints]:
    """Each column that occurs, in order, and how often."""
    ordered = people[:, np.lexsort(people[::-1])]
    another = np.ones(ordered.shape[1], bool)
    another[1:] = (np.diff(ordered) != 0).any(axis=0)
    return ordered[:, another], np.diff(np.flatnonzero(another), append=len(another))


def no_order(fit: Fit, x: Floats, t: Floats, age: Floats, horizon: float, *, drops_at_once: bool = True) -> Floats:
    """The chance of no order in the next `horizon`: a living customer can only be gone right after an order."""
    waits = ((fit.alpha + age) / (fit.alpha + age + horizon)) ** (fit.r + x)
    silent: Floats = 1 - alive(fit, x, t, age, drops_at_once=drops_at_once) * (1 - waits)
    return silent


def alive(fit: Fit, x: Floats, t: Floats, age: Floats, *, drops_at_once: bool = True) -> Floats:
    """The chance not to be gone yet. No score: nobody ever finds out."""
    odds = ((fit.alpha + age) / (fit.alpha + t)) ** (fit.r + x)
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = fit.a / (fit.b + x) if drops_at_once else np.where(x > 0, fit.a / (fit.b + x - 1), 0.0)
    there: Floats = 1 / (1 + gone * odds)
    return there


def _log_likelihoods(
    parameters: Any, x: Floats, t: Floats, age: Floats, *, drops_at_once: bool
) -> tuple[Floats, Floats]:
    """Of each customer, and how steep it is in each parameter.

    On the logarithmic scale throughout: the terms themselves overflow (Hardie's note on #NUM!). Gammas go by the number
    of orders alone, of which there are few different ones.
    """
    from scipy.special import betaln, digamma, gammaln

    r, alpha, a, b = parameters
    orders, place = np.unique(x, return_inverse=True)
    drops = orders + 1 if drops_at_once else orders
    fewer = np.maximum(drops - 1, 0)
    since_first, since_last = np.log(alpha + age), np.log(alpha + t)
    ordered = gammaln(r + orders) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    still_there = betaln(a, b + drops)[place] - (r + x) * since_first
    gone = betaln(a + 1, b + fewer)[place] - (r + x) * since_last
    both = (
        np.logaddexp(still_there, gone)
        if drops_at_once
        else np.where(x > 0, np.logaddexp(still_there, gone), still_there)
    )
    likelihoods: Floats = ordered[place] + both
    there = np.exp(still_there - both)
    left = 1 - there
    slopes = [
        (digamma(r + orders) - digamma(r) + np.log(alpha))[place] - there * since_first - left * since_last,
        r / alpha - (r + x) * (there / (alpha + age) + left / (alpha + t)),
        digamma(a + b) - digamma(a)
        + there * (digamma(a) - digamma(a + b + drops))[place]
        + left * (digamma(a + 1) - digamma(a + 1 + b + fewer))[place],
        digamma(a + b) - digamma(b)
        + there * (digamma(b + drops) - digamma(a + b + drops))[place]
        + left * (digamma(b + fewer) - digamma(a + 1 + b + fewer))[place],
    ]  # fmt: skip
    return likelihoods, np.stack(slopes)
