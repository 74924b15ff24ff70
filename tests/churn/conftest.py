"""The worlds of the core, to score their people in."""

from __future__ import annotations

from tests.core.conftest import each_world, world, world_with

__all__ = ["each_world", "world", "world_with"]
