"""What writing to people changed: the rate of those who were let in, less that of the random holdout.

By assignment, not by what was sent; with an interval; and no verdict before the number of people that was fixed ahead.
"""

from __future__ import annotations

from runner.effect.effect import Effect, Effects, effects
from runner.effect.verdict import Verdict
from runner.kpis.contrasts import Contrast

__all__ = ["Contrast", "Effect", "Effects", "Verdict", "effects"]
