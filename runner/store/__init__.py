"""The store: one schema on SQLite and PostgreSQL."""

from __future__ import annotations

from runner.store.engine import Store
from runner.store.migrate import migrate

__all__ = ["Store", "migrate"]
