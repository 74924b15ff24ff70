"""The store: one schema on SQLite and PostgreSQL."""

from __future__ import annotations

from runner.store.engine import Store, changed, look_by_index
from runner.store.migrate import migrate

__all__ = ["Store", "changed", "look_by_index", "migrate"]
