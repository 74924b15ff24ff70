"""Events that never came: a kind that is misspelt waits for ever."""

from __future__ import annotations

from collections.abc import Iterator

from runner.actions import Wait
from runner.app.advice.ground import Ground
from runner.errors import Fault
from runner.playbook import Playbook
from runner.steps import KeyPath
from runner.store.activity import KEPT
from runner.store.ours import KINDS
from runner.yaml_file import closest

#: What happens without an event of the kind.
_OURS = ("order", "any", *KEPT, *KINDS)
#: Kinds told of where none is like the one written.
_MOST = 8


def unknown_events(ground: Ground) -> Iterator[Fault]:
    """A kind of event that the store has none of, though it has others."""
    named = [(playbook, *place) for playbook in ground.playbooks for place in _named(playbook)]
    kinds = sorted(ground.fields.event_kinds)
    for playbook, path, kind in named:
        if kinds and kind not in (*_OURS, *kinds):
            advice = closest(kind, [*kinds, *_OURS]) or f"there are {', '.join(kinds[:_MOST])}"
            yield playbook.file.fault(path, f"no event of the kind {kind!r} has ever come", advice)


def _named(playbook: Playbook) -> Iterator[tuple[KeyPath, str]]:
    trigger = playbook.trigger
    if trigger.name == "event":
        yield ("trigger", "event", "kind"), str(getattr(trigger, "kind", "order"))
    elif (event := getattr(trigger, "event", None)) is not None:
        yield ("trigger", trigger.name, "event"), str(event)
    if playbook.keys.goal is not None:
        yield ("goal", "event"), playbook.keys.goal.event
    for step in playbook.steps:
        if isinstance(step.action, Wait) and (step.action.for_ or "").startswith("event:"):
            yield (*step.path, "wait", "for"), str(step.action.for_).partition(":")[2]
