"""The workspace's playbooks in a store of their own, at times of our choosing: what tests and backtests run in."""

from __future__ import annotations

from runner.trial.junit import junit
from runner.trial.run import Ran, Tested, run
from runner.trial.suite import Suite, suite_of, tested, without_secrets
from runner.trial.world import World

__all__ = ["Ran", "Suite", "Tested", "World", "junit", "run", "suite_of", "tested", "without_secrets"]
