"""How a person may go through a playbook: which steps are reached, and after how long at the earliest."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from datetime import timedelta

from runner.actions import Choose, Stop, Wait
from runner.duration import Duration
from runner.playbook import Playbook
from runner.steps import OTHERWISE, Step

#: A choose and one of its ways, by its place.
Way = tuple[str, int]


def at_least(duration: Duration | None) -> timedelta:
    """How long it is, business time counted as if the company never closed."""
    if duration is None:
        return timedelta()
    if duration.is_business:
        return timedelta(hours=duration.amount) if "hour" in duration.unit else timedelta(days=duration.amount)
    return duration.span


def lasts(step: Step) -> timedelta:
    """How long a step takes at the least."""
    return at_least(step.action.time) if isinstance(step.action, Wait) else timedelta()


def arrivals(playbook: Playbook, start: Step, closed: Collection[Way] = ()) -> dict[str, timedelta]:
    """When each step is reached at the earliest, from this one on; who is missing is not reached at all."""
    steps = {step.id: step for step in playbook.steps}
    found: dict[str, timedelta] = {}
    waiting = [(timedelta(), start.id)]
    while waiting:
        at, id = heapq.heappop(waiting)
        if id in found or id not in steps:
            continue
        found[id] = at
        for following in _onward(steps[id], closed):
            heapq.heappush(waiting, (at + lasts(steps[id]), following))
    return found


def _onward(step: Step, closed: Collection[Way]) -> Iterator[str]:
    if isinstance(step.action, Stop):
        return
    ways = [branch for index, branch in enumerate(step.branches) if (step.id, index) not in closed]
    nexts = [branch.first for branch in ways]
    if not step.branches or (isinstance(step.action, Choose) and all(way.name != OTHERWISE for way in step.branches)):
        nexts.append(step.next)
    yield from (id for id in nexts if id is not None)
