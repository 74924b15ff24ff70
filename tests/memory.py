"""Where tests write what they throw away: in memory where the machine has room, else on its disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SHARED = Path("/dev/shm")
_ROOM = 2 * 2**30


def in_memory() -> str | None:
    """A folder in memory with room enough; None where there is none."""
    if not (_SHARED.is_dir() and os.access(_SHARED, os.W_OK)):
        return None
    return str(_SHARED) if shutil.disk_usage(_SHARED).free >= _ROOM else None
