"""Ways that nobody takes, and waits that outlast what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from jinja2 import nodes

from runner.actions import Choose, Wait
from runner.app.advice.ground import Ground
from runner.app.advice.passing import Way, arrivals, lasts
from runner.conditions import Condition, Today
from runner.conditions.words import show
from runner.errors import Fault
from runner.playbook import Playbook
from runner.steps import KeyPath, Step


def unreachable(ground: Ground) -> Iterator[Fault]:
    """A way after one that is always taken, and steps to which no way leads."""
    for playbook in ground.playbooks:
        closed: dict[Way, KeyPath] = {}
        for step in playbook.steps:
            for index, why in _closed(step, Today(ground.now, [])) if isinstance(step.action, Choose) else ():
                place = (*step.path, "choose", index)
                closed[step.id, index] = place
                key = "when" if step.branches[index].when is not None else "otherwise"
                yield playbook.file.fault((*place, key), f"is never taken: {why}", "leave it out, or move it up")
        reached = arrivals(playbook, playbook.steps[0], closed)
        for step in _first_lost(playbook, reached, list(closed.values())):
            yield playbook.file.fault(
                (*step.path, step.action.name),
                "is never reached: everybody stops before it",
                "leave it out",
                value=False,
            )


def _closed(step: Step, today: Today) -> Iterator[tuple[int, str]]:
    """The ways that nobody takes, and why."""
    earlier: list[Condition] = []
    for index, branch in enumerate(step.branches):
        always = next((one for one in earlier if _constant(one, today) is True), None)
        if always is not None:
            yield index, f"{always.source} is always so"
        elif branch.when is not None:
            same = next((one for one in earlier if _covers(one.tree, branch.when.tree)), None)
            if same is not None:
                yield index, f"whoever it is for took the way of {same.source} before"
            elif _constant(branch.when, today) is False:
                yield index, "its condition is never so"
        if branch.when is not None:
            earlier.append(branch.when)


def _constant(condition: Condition, today: Today) -> bool | None:
    """What it comes to where it asks nothing of anybody."""
    asks = condition.used or any(True for _ in condition.tree.find_all((nodes.Name, nodes.Call)))
    return None if asks else condition.holds({}, today)


_LOWER, _UPPER = ("lt", "lteq"), ("gt", "gteq")


def _covers(wide: nodes.Node, narrow: nodes.Node) -> bool:
    """Whether the first holds wherever the second does: the same question, or `score <= 6` for `score <= 3`."""
    if show(wide) == show(narrow):
        return True
    match wide, narrow:
        case (
            nodes.Compare(expr=one, ops=[nodes.Operand(op=op, expr=nodes.Const(value=int() | float() as bound))]),
            nodes.Compare(
                expr=other, ops=[nodes.Operand(op=other_op, expr=nodes.Const(value=int() | float() as value))]
            ),
        ) if show(one) == show(other):
            if op in _LOWER and other_op in (*_LOWER, "eq"):
                return value < bound or (value == bound and (op == "lteq" or other_op == "lt"))
            if op in _UPPER and other_op in (*_UPPER, "eq"):
                return value > bound or (value == bound and (op == "gteq" or other_op == "gt"))
    return False


def _first_lost(playbook: Playbook, reached: dict[str, timedelta], told: list[KeyPath]) -> Iterator[Step]:
    """Of the steps that are not reached those with which it begins; ways that were told of are left out."""
    lost: list[KeyPath] = list(told)
    for step in playbook.steps:
        if step.id in reached:
            continue
        block = step.path[:-1]
        if not any(step.path[: len(path)] == path or path[:-1] == block for path in lost):
            yield step
        lost.append(step.path)


def beyond_the_goal(ground: Ground) -> Iterator[Fault]:
    """A wait at whose end the goal is not looked for any more."""
    for playbook in ground.playbooks:
        if (goal := playbook.keys.goal) is None:
            continue
        reached = arrivals(playbook, playbook.steps[0])
        for step in playbook.steps:
            if step.id not in reached or not isinstance(step.action, Wait):
                continue
            before, after = reached[step.id], reached[step.id] + lasts(step)
            if before <= goal.within.span < after:
                words = f"is over {after.days} days after entering, and the goal is looked for within {goal.within}"
                advice = "what follows cannot reach it: wait less, or make within longer"
                yield playbook.file.fault((*step.path, "wait"), words, advice, value=False)
