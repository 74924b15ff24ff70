"""How often a login may be tried: from one place, and for one address from anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Places and addresses remembered at the most.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many tries at once, and another one every so many seconds."""

    at_once: int
    seconds: float


#: A person mistypes a few times; whoever guesses waits half a minute a guess.
FROM_ONE_PLACE = Allowance(10, 30)
#: Many places together may not guess much faster, nor lock anybody out for long.
FOR_ONE_ADDRESS = Allowance(30, 30)


class Attempts:
    """Token buckets in memory; an address that nobody has is counted as any other is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: Whose, with the tries left, and when they were counted; the longest unseen first.
        self._left: dict[tuple[str, str], tuple[float, float]] = {}

    def allows(self, place: str, address: str) -> bool:
        """Whether this try may be looked at; it counts."""
        with self._lock:
            here = self._takes(("place", place), FROM_ONE_PLACE)
            return here and self._takes(("address", address.strip().lower()[:254]), FOR_ONE_ADDRESS)

    def forget(self, place: str, address: str) -> None:
        """Somebody came in: what they mistyped before is nobody's guessing."""
        with self._lock:
            self._left.pop(("place", place), None)
            self._left.pop(("address", address.strip().lower()[:254]), None)

    def _takes(self, whose: tuple[str, str], allowance: Allowance) -> bool:
        now = self._clock()
        left, counted = self._left.pop(whose, (float(allowance.at_once), now))
        left = min(float(allowance.at_once), left + (now - counted) / allowance.seconds)
        allowed = left >= 1
        self._left[whose] = (left - allowed, now)
        if len(self._left) > REMEMBERED:
            del self._left[next(iter(self._left))]
        return allowed
