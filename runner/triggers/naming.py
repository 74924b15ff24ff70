"""Whether the fields that a trigger names are there and hold what it needs; every mistake a fault with advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runner.conditions import Fields, Kind
from runner.conditions.parts import faults_in
from runner.errors import Fault
from runner.triggers.base import Named, Trigger
from runner.yaml_file import YamlFile, closest


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A fault, and whether it may only be that no sync has told of the field yet."""

    fault: Fault
    learned: bool = False


#: Of whom there are fields without a trigger that brings them.
_ALWAYS = ("contact", "company")
#: What is needed, in words.
_NEEDED = {Kind.DATE: "a date", Kind.TIME: "a date", Kind.NUMBER: "a number", Kind.TEXT: "a text"}
_SAY = {Kind.DATE: "write contact.birthday, say", Kind.NUMBER: "write contact.churn_risk, say"}


def misnamed(file: YamlFile, path: Sequence[str | int], trigger: Trigger, fields: Fields) -> Iterator[Misnamed]:
    """Every field and condition below a trigger's keys, which stand at `path`, that cannot be meant."""
    for named in trigger.names():
        if (found := _misnamed(file, (*path, named.key), named, fields)) is not None:
            yield found
    for key, (source, known) in trigger.asks(fields).items():
        for _, error in faults_in(source, known):
            fault = file.fault((*path, key), error.message, error.advice)
            yield Misnamed(fault, error.unknown_field and not fields.complete)


def _misnamed(file: YamlFile, path: Sequence[str | int], named: Named, fields: Fields) -> Misnamed | None:
    name, (owner, _, attr) = named.name, named.name.partition(".")
    if owner not in named.owners or not attr:
        near = closest(owner, named.owners)
        advice = _SAY.get(named.kinds[0], "") if named.kinds and not near else near
        return Misnamed(file.fault(path, f"must be a field of the {_either(named.owners)}, is {name!r}", advice))
    known = fields.bringing(*(one for one in named.owners if one not in _ALWAYS))
    if name not in known:
        return _unknown(file, path, named, fields, known)
    if named.kinds and (kind := known[name].kind) not in named.kinds:
        return Misnamed(file.fault(path, f"{name!r} is a {kind}, {_NEEDED[named.kinds[0]]} is needed"))
    return None


def _unknown(file: YamlFile, path: Sequence[str | int], named: Named, fields: Fields, known: Fields) -> Misnamed:
    name, (owner, _, attr) = named.name, named.name.partition(".")
    fitting = [n for n in known.names if n.startswith(f"{owner}.") and known[n].kind in (named.kinds or Kind)]
    # Without what they all begin with, which would make any two look alike.
    near = closest(attr, [n.removeprefix(f"{owner}.") for n in fitting])
    learned = owner in (*_ALWAYS, "event") and not fields.complete
    if learned:
        return Misnamed(file.fault(path, f"there is no {name!r}", _LEARNS), True)
    what = _NEEDED[named.kinds[0]].removeprefix("a ") if named.kinds else "field"
    mapped = f"map it under fields: of the connector, or delete the playbook if you have no such {what}"
    listed = f"there are {', '.join(fitting)}"
    return Misnamed(file.fault(path, f"there is no {name!r}", near or (mapped if owner in _ALWAYS else listed)))


_LEARNS = "the first `regulars sync` learns the fields of your own"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
