"""The pages behind a login: how it runs, what waits for somebody, log, people, figures; and what a person decides."""

from __future__ import annotations

from runner.web.console.doors import open_doors
from runner.web.console.room import Room

__all__ = ["Room", "open_doors"]
