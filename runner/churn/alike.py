"""People like this one: of past customers with about as many orders, as long silent, how many did not order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from runner.churn.histories import Snapshot
from runner.store.arrays import Yes

#: Where a band of days since the last order ends, and one of numbers of orders; the last ones have no end.
SILENCE = (30, 60, 90, 120, 180, 270)
ORDERS = (1, 2, 4, 8)
#: Rows are bands of silence, columns bands of orders; of each cell the cases and those who did not order.
Cells: TypeAlias = "tuple[tuple[tuple[int, int], ...], ...]"


@dataclass(frozen=True, slots=True)
class Alike:
    """A cell: the past cases and how many of them did not order."""

    orders: str
    silence: str
    n: int
    silent: int

    def document(self) -> dict[str, Any]:
        return {"orders": self.orders, "silent_days": self.silence, "cases": self.n, "did_not_order": self.silent}


def cells(pasts: Sequence[tuple[Snapshot, Yes]]) -> Cells:
    """Counted over past mornings; a customer of several counts once each."""
    shape = (len(SILENCE) + 1, len(ORDERS) + 1)
    cases, quiet = np.zeros(shape, int), np.zeros(shape, int)
    for known, silent in pasts:
        place = (np.searchsorted(SILENCE, known.silent), np.searchsorted(ORDERS, known.repeats + 1))
        np.add.at(cases, place, 1)
        np.add.at(quiet, place, silent)
    rows = zip(cases.tolist(), quiet.tolist(), strict=True)
    return tuple(tuple(zip(all_, some, strict=True)) for all_, some in rows)


def alike(told: Cells, *, orders: int, silent: int) -> Alike:
    """The cell of somebody with so many orders, silent for so many days."""
    row, column = _band(silent, SILENCE), _band(orders, ORDERS)
    n, quiet = told[row][column]
    return Alike(_words(column, ORDERS, 1), _words(row, SILENCE, 0), n, quiet)


def bands() -> Mapping[str, Sequence[str]]:
    """What the rows and columns are called."""
    return {
        "silence": [_words(place, SILENCE, 0) for place in range(len(SILENCE) + 1)],
        "orders": [_words(place, ORDERS, 1) for place in range(len(ORDERS) + 1)],
    }


def _band(number: int, ends: Sequence[int]) -> int:
    return next((place for place, end in enumerate(ends) if number <= end), len(ends))


def _words(place: int, ends: Sequence[int], lowest: int) -> str:
    """`91–120`, `2`, `9 or more`"""
    first = ends[place - 1] + 1 if place else lowest
    if place == len(ends):
        return f"{first} or more"
    return str(first) if first == ends[place] else f"{first}–{ends[place]}"
