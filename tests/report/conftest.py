"""The worlds of the core, to report on."""

from __future__ import annotations

from tests.core.conftest import each_world, world, world_with

__all__ = ["each_world", "world", "world_with"]
