"""While a batch is under way Python's collector of circles rests: it would walk through all letters again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """What nobody refers to goes all the same; circles, of which a batch makes few, wait for its end."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()
