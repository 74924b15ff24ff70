"""Two playbooks that write to the same people in the same hour: two mails side by side are one too many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import time, timedelta
from itertools import combinations
from typing import Any

from jinja2 import nodes

from runner.actions import MailAction, Wait
from runner.app.advice.ground import Ground
from runner.app.advice.passing import arrivals
from runner.errors import Fault
from runner.playbook import Playbook
from runner.steps import Step

#: What a mail's day hangs on, the days between, and the hour: equal ones meet.
Moment = tuple[str, int, int]


def same_hour(ground: Ground) -> Iterator[Fault]:
    """Mails that by their triggers fall on the same day and hour of the same person, with no cap between them."""
    meeting: defaultdict[Moment, list[tuple[Playbook, Step, MailAction]]] = defaultdict(list)
    for playbook in ground.playbooks:
        for step, mail, moment in _moments(playbook):
            meeting[moment].append((playbook, step, mail))
    for mails in meeting.values():
        for one, other in combinations(mails, 2):
            if one[0] is other[0] or _kept_apart(ground, one, other) or not _overlap(one[0], other[0]):
                continue
            words = f"goes to the same people in the same hour as {other[1].id!r} of {other[0].file.name}"
            advice = "move one of them, or set caps: {per_day: 1}"
            yield one[0].file.fault((*one[1].path, one[2].name), words, advice, value=False)


def _moments(playbook: Playbook) -> Iterator[tuple[Step, MailAction, Moment]]:
    """The mails whose moment the trigger and plain waits of whole days decide."""
    base = _base(playbook.trigger)
    if base is None or not playbook.steps:
        return
    field, days, at = base
    reached = arrivals(playbook, playbook.steps[0])
    moved = any(isinstance(step.action, Wait) and step.action.time is None for step in playbook.steps)
    for step, mail in playbook.mails() if not moved else ():
        after = reached.get(step.id)
        if after is not None and after % timedelta(days=1) == timedelta():
            yield step, mail, (field, days + after.days, at.hour)


def _base(trigger: Any) -> tuple[str, int, time] | None:
    """What the trigger's day hangs on, how many days it lies from it, and the hour."""
    match trigger.name:
        case "anniversary":
            return f"every year {trigger.of}", 0, trigger.at
        case "date":
            return f"{'every year ' if trigger.yearly else ''}{trigger.of}", trigger.offset, trigger.at
        case "onboarding":
            return "contact.customer_since", trigger.day, trigger.at
        case "schedule" if getattr(trigger, "every", None) is not None and not getattr(trigger, "stagger", None):
            return f"every {trigger.every.days} days", 0, trigger.at
    return None


def _kept_apart(ground: Ground, *mails: tuple[Playbook, Step, MailAction]) -> bool:
    """Whether a cap of one mail a day holds for both."""
    capped = all(playbook.keys.limits.cap and mail.purpose == "marketing" for playbook, _, mail in mails)
    return capped and ground.settings.caps.per_day == 1


def _overlap(one: Playbook, other: Playbook) -> bool:
    """Whether somebody may be in both audiences: false where they ask the same field for different values."""
    first, second = _asked(one), _asked(other)
    return all(first[name] & second[name] for name in first.keys() & second.keys())


def _asked(playbook: Playbook) -> dict[str, frozenset[Any]]:
    """By field the values that the audience lets in, as far as its parts say so: `==`, `in`."""
    found: dict[str, frozenset[Any]] = {}
    for part in _parts(playbook.audience.tree) if playbook.audience else ():
        match part:
            case nodes.Compare(expr=nodes.Getattr(node=nodes.Name(name=owner), attr=attr), ops=[operand]):
                values = operand.expr.items if isinstance(operand.expr, nodes.List | nodes.Tuple) else [operand.expr]
                if operand.op in ("eq", "in") and all(isinstance(value, nodes.Const) for value in values):
                    allowed = frozenset(value.value for value in values if isinstance(value, nodes.Const))
                    found[f"{owner}.{attr}"] = found.get(f"{owner}.{attr}", allowed) & allowed
            case nodes.Getattr(node=nodes.Name(name=owner), attr=attr):
                found[f"{owner}.{attr}"] = frozenset([True])
            case nodes.Not(node=nodes.Getattr(node=nodes.Name(name=owner), attr=attr)):
                found[f"{owner}.{attr}"] = frozenset([False])
    return found


def _parts(tree: nodes.Node) -> Iterator[nodes.Node]:
    if isinstance(tree, nodes.And):
        yield from _parts(tree.left)
        yield from _parts(tree.right)
    else:
        yield tree
