"""Business time of many spans at once: the calendar is walked once, each span looked up in it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from runner.business import Calendar
from runner.store.arrays import Floats, Ints


def worked(calendar: Calendar, begins: Ints, ends: Ints) -> Floats:
    """The seconds of work in each span, which is told in seconds since 1970."""
    if not len(begins):
        return np.empty(0)
    opens, closes, last = [], [], int(ends.max())
    for opening, closing in calendar.open_spans(datetime.fromtimestamp(int(begins.min()), UTC)):
        opens.append(opening.timestamp())
        closes.append(closing.timestamp())
        if closes[-1] >= last:
            break
    opened, closed = np.array([-np.inf, *opens]), np.array([-np.inf, *closes])
    before = np.concatenate(([0.0, 0.0], np.cumsum(closed[1:] - opened[1:])))

    def upto(at: Ints) -> Floats:
        place = np.searchsorted(opened, at, "right") - 1
        within = np.where(place > 0, np.minimum(at, closed[place]) - np.where(place > 0, opened[place], 0), 0.0)
        told: Floats = before[place] + within
        return told

    return upto(ends) - upto(begins)
