"""Writes what docs/starters.md says of the starter playbooks anew from their YAML: `python tools/write_starters.py`.

Between `<!-- begin … -->` and `<!-- end … -->` stands what a playbook says of itself; why it is as it is and what to
change first is written by hand below it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.conditions import Field, Fields, Kind
from runner.conditions.fields import known_fields
from runner.playbook import Playbook, read_playbooks
from runner.steps import Step

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "starters.md"
WIDTH = 128
_MARKED = re.compile(r"<!-- begin (?P<name>[\w ]+) -->\n.*?<!-- end (?P=name) -->", re.DOTALL)
_OFF = re.compile(r"^# (Off until .+\n(?:# .+\n)*)enabled: false$", re.MULTILINE)


def starters() -> dict[str, Playbook]:
    """Every starter by its id. Raises ValueError where one is at fault."""
    found = read_playbooks(ROOT, _fields())
    if faults := [str(fault) for reading in found for fault in reading.faults]:
        raise ValueError("\n".join(faults))
    return {reading.id: reading.playbook for reading in found if reading.playbook}


def with_starters(page: str) -> str:
    """The page with all that stands between its marks written anew. Raises KeyError for a mark without a playbook."""
    known = starters()
    return _MARKED.sub(lambda found: _between_marks(found["name"], known), page)


def _between_marks(name: str, known: Mapping[str, Playbook]) -> str:
    text = _overview(known.values()) if name == "starters" else _section(known[name])
    return f"<!-- begin {name} -->\n\n{text}\n\n<!-- end {name} -->"


def _overview(playbooks: Iterable[Playbook]) -> str:
    return "\n".join(["| | who enters | | off until |", "| --- | --- | --- | --- |", *map(_row, playbooks)])


def _row(playbook: Playbook) -> str:
    enters = _code(playbook.trigger.says()).replace("|", r"\|")
    state = "on" if playbook.keys.enabled else "off"
    return f"| [{playbook.name}](#{playbook.id}) | {enters} | {state} | {_needs(playbook)} |"


def _section(playbook: Playbook) -> str:
    off = _off(playbook)
    name = playbook.name if playbook.name.endswith("?") else f"{playbook.name}."
    told = [f"## {playbook.id}", _wrapped(f"**{name}** {playbook.keys.description}")]
    told += [_wrapped(off, around="*")] if off else []
    steps = iter(playbook.steps)
    return "\n\n".join([*told, "\n".join(_terms(playbook)), "\n".join(_steps(playbook.keys.actions, steps))])


def _terms(playbook: Playbook) -> Iterator[str]:
    """When it begins and ends, and for whom."""
    keys = playbook.keys
    yield f"- when: {_code(playbook.trigger.says())}"
    if keys.audience:
        yield f"- who: {_code(keys.audience)}"
    if keys.reenter != "every occasion":
        yield f"- again: {keys.reenter}"
    if keys.holdout.share:
        yield f"- holdout: {keys.holdout.share:.0%}"
    if keys.goal:
        yield f"- goal: {_code(keys.goal.event)} within {keys.goal.within}"
    if keys.exit_when:
        yield f"- ends when: {_code(keys.exit_when)}"


def _steps(written: Sequence[Any], steps: Iterator[Step], depth: int = 0) -> Iterator[str]:
    """The steps as an outline; `steps` has them in the order in which they are written."""
    for number, entry in enumerate(written, 1):
        step = next(steps)
        (name, below), pad = next(iter(entry.items())), "   " * depth
        ways = list(_ways(name, below))
        yield f"{pad}{number}. {f'`{name}`' if ways else _code(step.action.says())}"
        for way, actions in ways:
            yield f"{pad}   - {way}"
            yield from _steps(actions, steps, depth + 2)


def _ways(name: str, below: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    """Of a `choose` or `split` each way, in words, and its steps."""
    if name == "choose":
        for way in below:
            yield (f"when {_code(way['when'])}", way["actions"]) if "when" in way else ("otherwise", way["otherwise"])
    elif name == "split":
        for arm in below["arms"]:
            yield f"{arm['share']} of them, {_code(arm['name'])}", arm["actions"]


def _off(playbook: Playbook) -> str:
    """The comment that says what a playbook needs which is off."""
    source = (ROOT / playbook.file.name).read_text(encoding="utf-8")
    found = _OFF.search(source)
    return " ".join(found[1].replace("\n# ", " ").split()) if found else ""


def _needs(playbook: Playbook) -> str:
    """In short: the beginning of that comment."""
    return re.split(r"[.:,](?= |$)", _off(playbook).removeprefix("Off until "))[0]


def _wrapped(text: str, *, around: str = "") -> str:
    """On lines as long as those written by hand."""
    words = " ".join(text.split())
    return textwrap.fill(f"{around}{words}{around}", WIDTH, break_long_words=False, break_on_hyphens=False)


def _code(text: str) -> str:
    return f"`{' '.join(text.split())}`"


def _fields() -> Fields:
    """Those of a store whose contacts have a renewal_date."""
    known = known_fields(None)
    renewal = Field("contact.renewal_date", Kind.DATE, known["contact.birthday"].column)
    return replace(known, by_name={**known.by_name, renewal.name: renewal})


if __name__ == "__main__":
    PAGE.write_text(with_starters(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
