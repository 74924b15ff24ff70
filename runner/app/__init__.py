"""Where the pieces are put together: a workspace, opened, with everything its settings name."""

from __future__ import annotations

from runner.app.app import App
from runner.app.check import Checked, check
from runner.app.tick import Ticked, sync_all, tick

__all__ = ["App", "Checked", "Ticked", "check", "sync_all", "tick"]
