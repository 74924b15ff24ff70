"""Where the pieces are put together: a workspace, opened, with everything its settings name."""

from __future__ import annotations

from runner.app.app import App

__all__ = ["App"]
