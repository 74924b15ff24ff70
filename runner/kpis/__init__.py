"""The figures that tell whether any of it worked, computed from the store as it was known at an instant.

`compute(connection, period=, as_of=, settings=, keys=, segment=)` measures; `kept` reads what was measured before.
"""

from __future__ import annotations

from runner.kpis.asked import Period, Segment, default_period
from runner.kpis.breakdown import breakdown
from runner.kpis.calculator import Calculated, calculate
from runner.kpis.cohorts import Cohort, cohorts
from runner.kpis.formulas import NAMES
from runner.kpis.goals import GOALS, shown_by_default
from runner.kpis.kept import keep, kept, refresh
from runner.kpis.measure import Direction, Measure, Reason, Unit
from runner.kpis.periods import Step, name_of, periods_before
from runner.kpis.quality import TableQuality, quality
from runner.kpis.segment import segment_of
from runner.kpis.set import KEYS, KPIS, compute, compute_each, mistakes
from runner.kpis.targets import Alarm, Status, Target, Warned
from runner.kpis.told import Kpi
from runner.kpis.trend import Trend, trend

__all__ = [
    "GOALS",
    "KEYS",
    "KPIS",
    "NAMES",
    "Alarm",
    "Calculated",
    "Cohort",
    "Direction",
    "Kpi",
    "Measure",
    "Period",
    "Reason",
    "Segment",
    "Status",
    "Step",
    "TableQuality",
    "Target",
    "Trend",
    "Unit",
    "Warned",
    "breakdown",
    "calculate",
    "cohorts",
    "compute",
    "compute_each",
    "default_period",
    "keep",
    "kept",
    "mistakes",
    "name_of",
    "periods_before",
    "quality",
    "refresh",
    "segment_of",
    "shown_by_default",
    "trend",
]
