"""A company that does not exist: its past as CSV files, its next days, and what writing to people truly does."""

from __future__ import annotations

from runner.sample.company import Day, SampleCompany
from runner.sample.demand import EFFECT, EFFECT_DAYS
from runner.sample.reactions import Answered, Received
from runner.sample.truth import Effect, PersonTruth, Truth

__all__ = [
    "EFFECT",
    "EFFECT_DAYS",
    "Answered",
    "Day",
    "Effect",
    "PersonTruth",
    "Received",
    "SampleCompany",
    "Truth",
]
