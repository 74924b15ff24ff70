"""Business time of many spans at once: the calendar is walked once, each span looked up in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from runner.business import Calendar


def worked(calendar: Calendar, spans: Sequence[tuple[int, int]]) -> Iterator[float]:
    """The seconds of work in each span, which is told in seconds since 1970."""
    if not spans:
        return
    first, last = min(begin for begin, _ in spans), max(end for _, end in spans)
    opens, before, total = [], [], 0.0
    closes = []
    for opening, closing in calendar.open_spans(datetime.fromtimestamp(first, UTC)):
        opens.append(opening.timestamp())
        closes.append(closing.timestamp())
        before.append(total)
        total += closes[-1] - opens[-1]
        if closes[-1] >= last:
            break

    def upto(at: int) -> float:
        place = bisect_right(opens, at) - 1
        return 0.0 if place < 0 else before[place] + min(at, closes[place]) - opens[place]

    for begin, end in spans:
        yield upto(end) - upto(begin)
