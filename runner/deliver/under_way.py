"""Calls that are under way side by side, where a mailer takes several at once; what comes back is settled here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from runner.deliver.outcomes import Delivered

T = TypeVar("T")


class UnderWay:
    """The calls of one step to one mailer, and what they have come to so far.

    They go out in threads of their own and are settled in the order they went, in ours. The first goes alone: until
    one was taken nobody knows whether the provider is there, and every lost answer leaves a call's letters in doubt.
    """

    def __init__(self, at_once: int) -> None:
        self.did = Delivered()
        self._at_once = at_once
        self._taken = False
        self._threads = ThreadPoolExecutor(at_once, "call") if at_once > 1 else None
        self._calls: deque[Callable[[], Delivered]] = deque()

    @property
    def in_trouble(self) -> bool:
        """Whether nothing more should go out for now."""
        return bool(self.did.failures or self.did.refusals)

    def wait_for_a_place(self) -> None:
        """Until the next call may go; what has come back is settled meanwhile."""
        while len(self._calls) >= (self._at_once if self._taken else 1):
            self._land()

    def go(self, call: Callable[[], T], settle: Callable[[T], Delivered]) -> None:
        """Calls now; `settle` writes down what came back and tells of it."""
        if self._threads is None:
            self._add(settle(call()))
            return
        future: Future[T] = self._threads.submit(call)
        self._calls.append(lambda: settle(future.result()))

    def _land(self) -> None:
        self._add(self._calls.popleft()())

    def _add(self, did: Delivered) -> None:
        self._taken = self._taken or did.accepted > 0
        self.did += did

    def __enter__(self) -> UnderWay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Whatever happened meanwhile: what went out is settled."""
        try:
            while self._calls:
                self._land()
        finally:
            if self._threads is not None:
                self._threads.shutdown()
