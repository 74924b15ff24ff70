"""The workspace's playbooks in a store of their own, at times of our choosing: what tests and backtests run in."""

from __future__ import annotations

from runner.trial.backtest import backtest
from runner.trial.junit import junit
from runner.trial.outcome import Backtest
from runner.trial.run import Ran, Tried, run
from runner.trial.suite import Suite, suite_of, try_all, without_secrets
from runner.trial.world import World

__all__ = [
    "Backtest",
    "Ran",
    "Suite",
    "Tried",
    "World",
    "backtest",
    "junit",
    "run",
    "suite_of",
    "try_all",
    "without_secrets",
]
