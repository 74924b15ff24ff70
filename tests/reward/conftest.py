from __future__ import annotations

from tests.core.conftest import each_world, world

__all__ = ["each_world", "world"]
