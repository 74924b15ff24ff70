"""The one way to call out: keeps within a provider's rate limits, and tries again what was certainly not done.

    caller = Caller({"general": Rate(100, 10.0), "search": Rate(5, 1.0)})
    contact = caller.call(lambda: fetch(contact_id), bucket="general")

A bucket is one rate of one account; whoever shares the account shares the caller.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from connectors.errors import Temporary

T = TypeVar("T")

#: Seconds added to a window: we count when a call starts, the provider when it arrives, and ways differ in length.
SLACK = 0.25
#: While others call on the same account, this share of a window is filled with their calls and ours, and evenly: each
#: answer then tells in time what they did since the one before. Room is left for what they do at the most, for so many
#: seconds after; a tenth of the window stays ours. Fewer than the last share may be our own calls, counted later there.
FILLED, REMEMBERED, OURS, OTHERS = 0.9, 60.0, 0.1, 0.05
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any stretch of `seconds`, as providers with rolling windows count them."""

    calls: int
    seconds: float


class Bucket:
    """Hands out the moments at which calls may start; for any number of threads.

    A bucket that refills drop by drop lets twice the calls through in the first stretch and is refused by a rolling
    window, so this one remembers its last `calls` moments.
    """

    def __init__(self, rate: Rate, *, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._sleep = sleep
        self._monotonic = monotonic
        self._given: deque[float] = deque(maxlen=rate.calls)
        #: Those of them that somebody else took; the most in one window, and when that was; when we took our last one.
        self._foreign: deque[float] = deque(maxlen=rate.calls)
        self._most, self._most_at, self._last = 0, 0.0, 0.0
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """How many the window holds today."""
        return self._given.maxlen or 0

    def allow(self, calls: int) -> None:
        """The provider says how many it takes: from now on that many."""
        with self._lock:
            if calls > 0 and calls != self._given.maxlen:
                self._given = deque(self._given, maxlen=calls)
                self._foreign = deque(self._foreign, maxlen=calls)

    def others(self, used: int) -> None:
        """The provider counts `used` calls in its window: what we did not make, somebody else did on our account."""
        with self._lock:
            now = self._monotonic()
            known = self._within(self._given, now)
            if used > known:
                latest = max(now, self._given[-1]) if self._given else now
                self._given.extend([latest] * (used - known))
                self._foreign.extend([latest] * (used - known))
            others = self._within(self._foreign, now)
            if others >= self._most or now - self._most_at > REMEMBERED:
                self._most, self._most_at = others, now

    def take(self) -> None:
        """Returns when a call may start."""
        wait = self._reserve()
        if wait > 0:
            self._sleep(wait)

    def _reserve(self) -> float:
        with self._lock:
            now = self._monotonic()
            start = now
            if len(self._given) == self._given.maxlen:
                start = max(now, self._given[0] + self._rate.seconds + SLACK)
            start = max(start, self._last + self._pace(now))
            self._given.append(start)
            self._last = start
            return start - now

    def _pace(self, now: float) -> float:
        """Seconds from one call to the next while others call too."""
        if self._most <= OTHERS * self.calls or now - self._most_at > REMEMBERED:
            return 0.0
        return self._rate.seconds / max(OURS * self.calls, FILLED * self.calls - self._most)

    def _within(self, moments: deque[float], now: float) -> int:
        """How many lie in the window that ends now."""
        return len(moments) - bisect_right(moments, now - self._rate.seconds - SLACK)


class Caller:
    """Calls an outside system within its limits, and calls again after `Temporary`, which means nothing was done.

    Every other error, and the last `Temporary`, reaches whoever called. A provider that asks for a longer pause than
    the `seconds` still left is not asked again: its error comes at once, with its `retry_after`.
    """

    def __init__(
        self,
        limits: Mapping[str, Rate] | None = None,
        *,
        tries: int = 5,
        seconds: float = 120.0,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._buckets = {name: Bucket(rate, sleep=sleep, monotonic=monotonic) for name, rate in (limits or {}).items()}
        self._seconds = seconds
        self._backoff = wait_exponential(multiplier=first_wait, max=longest_wait) + wait_random(0, first_wait)
        self._monotonic = monotonic
        # One for all calls, from any thread: making one costs more than what most of them ask of it.
        self._retrying = Retrying(
            retry=retry_if_exception_type(Temporary),
            wait=self._pause,
            stop=_either(stop_after_attempt(tries), self._is_too_late),
            sleep=sleep,
            before_sleep=_tell,
            reraise=True,
        )

    def bucket(self, name: str) -> Bucket:
        return self._buckets[name]

    def call(self, request: Callable[[], T], *, bucket: str | None = None) -> T:
        """What `request` returns; each try takes its turn in the bucket (None: no limit)."""
        told: T = self._retrying(self._attempt, request, bucket, self._monotonic() + self._seconds)
        return told

    def _attempt(self, request: Callable[[], T], bucket: str | None, _deadline: float) -> T:
        if bucket is not None:
            self._buckets[bucket].take()
        return request()

    def _is_too_late(self, state: RetryCallState) -> bool:
        _, _, deadline = state.args
        return bool(self._monotonic() + state.upcoming_sleep > deadline)

    def _pause(self, state: RetryCallState) -> float:
        """The provider's wish where it gave one, and never less than our own growing pause."""
        failure = _failure(state)
        return max(self._backoff(state), (failure.retry_after or 0.0) if failure else 0.0)


def _either(*rules: Callable[[RetryCallState], bool]) -> Callable[[RetryCallState], bool]:
    return lambda state: any(rule(state) for rule in rules)


def _failure(state: RetryCallState) -> Temporary | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Temporary) else None


def _tell(state: RetryCallState) -> None:
    # The provider's words stay out of the log: they may quote an address.
    failure = _failure(state)
    if failure:
        log.warning(
            "an outside system failed; trying again",
            action="retry",
            system=failure.system,
            request=failure.request,
            status=failure.status,
            attempt=state.attempt_number,
            seconds=round(state.upcoming_sleep, 1),
        )
