"""Calling out: within the limits, and again only after what was certainly not done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from connectors.errors import AuthFailed, Permanent, Temporary
from connectors.limits import SLACK, Caller, Rate


class Clock:
    """Stands still save for those who sleep on it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


def caller(clock: Clock, limits: dict[str, Rate] | None = None, *, tries: int = 5, seconds: float = 120.0) -> Caller:
    return Caller(limits, tries=tries, seconds=seconds, sleep=clock.sleep, monotonic=clock.monotonic)


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def request() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return request


def away(retry_after: float | None = None) -> Temporary:
    return Temporary("away", system="HubSpot", status=503, retry_after=retry_after)


def test_no_rolling_window_ever_holds_more_calls_than_the_rate() -> None:
    clock = Clock()
    calling = caller(clock, {"general": Rate(10, 10.0)})
    moments = []
    for _ in range(35):
        calling.call(lambda: moments.append(clock.now), bucket="general")
        clock.now += 0.37
    for start in moments:
        assert sum(start <= moment < start + 10.0 for moment in moments) <= 10


def test_a_rate_is_used_in_full() -> None:
    clock = Clock()
    calling = caller(clock, {"search": Rate(5, 1.0)})
    for _ in range(50):
        calling.call(lambda: None, bucket="search")
    assert clock.now == pytest.approx(9 * (1.0 + SLACK))


def test_calls_that_take_longer_on_the_way_stay_within_the_rate_on_arrival() -> None:
    clock = Clock()
    calling = caller(clock, {"search": Rate(5, 1.0)})
    arrivals: list[float] = []
    for i in range(50):
        delay = 0.2 if i < 5 else 0.0
        calling.call(lambda delay=delay: arrivals.append(clock.now + delay), bucket="search")  # type: ignore[misc]
    for moment in arrivals:
        assert sum(moment <= other < moment + 1.0 for other in arrivals) <= 5


def test_threads_share_one_rate() -> None:
    waits: list[float] = []
    calling = Caller({"search": Rate(5, 1.0)}, sleep=waits.append, monotonic=lambda: 0.0)
    threads = [threading.Thread(target=lambda: calling.call(lambda: None, bucket="search")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    window = 1.0 + SLACK
    assert sorted(waits) == [window] * 5 + [2 * window] * 5 + [3 * window] * 5


def test_one_bucket_does_not_slow_another() -> None:
    clock = Clock()
    calling = caller(clock, {"general": Rate(100, 10.0), "search": Rate(1, 60.0)})
    calling.call(lambda: None, bucket="search")
    for _ in range(100):
        calling.call(lambda: None, bucket="general")
    assert clock.slept == []


def test_what_was_not_done_is_tried_again_with_growing_pauses() -> None:
    clock = Clock()
    assert caller(clock).call(failing(away(), away(), away())) == "done"
    assert len(clock.slept) == 3
    assert 0.5 <= clock.slept[0] <= 1.0 <= clock.slept[1] <= 1.5 < clock.slept[2] <= 2.5


def test_the_providers_wish_is_honoured() -> None:
    clock = Clock()
    caller(clock).call(failing(away(10.0)))
    assert clock.slept == [10.0]


def test_after_the_last_try_the_providers_own_words_come_through() -> None:
    clock = Clock()
    with pytest.raises(Temporary, match="HubSpot: 503 away"):
        caller(clock, tries=3).call(failing(*[away()] * 5))
    assert len(clock.slept) == 2


def test_a_pause_longer_than_the_time_left_is_told_at_once() -> None:
    clock = Clock()
    with pytest.raises(Temporary) as told:
        caller(clock).call(failing(away(3600.0)))
    assert told.value.retry_after == 3600.0
    assert clock.slept == []


def test_tries_end_when_the_time_is_up() -> None:
    clock = Clock()
    with pytest.raises(Temporary):
        caller(clock, tries=100, seconds=25.0).call(failing(*[away(10.0)] * 99))
    assert clock.slept == [10.0, 10.0]


@pytest.mark.parametrize("error", [Permanent("no", system="X"), AuthFailed("no", system="X"), ValueError("bug")])
def test_nothing_else_is_tried_again(error: Exception) -> None:
    clock = Clock()
    with pytest.raises(type(error), match=str(error)):
        caller(clock).call(failing(error))
    assert clock.slept == []


def test_each_try_takes_its_turn_in_the_bucket() -> None:
    clock = Clock()
    calling = caller(clock, {"search": Rate(1, 60.0)})
    calling.call(failing(away()), bucket="search")
    assert clock.now == pytest.approx(60.0 + SLACK)
