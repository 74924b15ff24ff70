"""Values that some have not: "Hi ," is worse than "Hello,"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import sqlalchemy as sa
from jinja2 import Environment, TemplateError, nodes

from runner.actions import MailAction
from runner.app.advice.ground import Ground
from runner.app.advice.words import Text
from runner.errors import Fault
from runner.playbook import Playbook
from runner.steps import Step

_JINJA = Environment(autoescape=False)
#: What gives a missing value something in its place.
_FALLBACKS = ("default", "d")


def missing_values(ground: Ground) -> Iterator[Fault]:
    """A field that is printed as it is, and that a share of the playbook's people lack."""
    if ground.connection is None:
        return
    for playbook in ground.playbooks:
        bare = [found for step, mail in playbook.mails() for found in _bare_of(ground, playbook, step, mail)]
        names = sorted({name for _, name, _ in bare})
        missing, people = _missing(ground, playbook, names) if names else ({}, 0)
        for text, name, line in bare:
            if lacking := missing[name]:
                attr = name.partition(".")[2]
                words = f"{_share(lacking, people)} of {people:,} contacts have no {attr}"
                advice = f'write {{{{ {name} or "…" }}}}, or ask first: {{% if {name} %}}'
                yield text.fault(_place(text.source, name, line), words, advice)


def _bare_of(ground: Ground, playbook: Playbook, step: Step, mail: MailAction) -> Iterator[tuple[Text, str, int]]:
    told = _brought(playbook, ground)
    for text in ground.texts(playbook, step, mail):
        for name, line in bare_fields(text.source):
            if name in ground.fields and name not in told and ground.fields[name].column is not None:
                yield text, name, line


def _brought(playbook: Playbook, ground: Ground) -> set[str]:
    """The fields that nobody lacks for whom the trigger fires."""
    trigger = playbook.trigger
    told = set(trigger.looks_at(ground.fields))
    if "order" in trigger.brings:
        told.add("contact.last_order_at")
    if "answer" in trigger.brings:
        told.add(f"contact.{getattr(trigger, 'kind', 'nps')}_at")
    return told | {name for together in _TOGETHER if told & together for name in together}


#: Fields of which somebody has all or none.
_TOGETHER = (
    frozenset({"contact.first_order_at", "contact.last_order_at", "contact.revenue"}),
    frozenset({"contact.nps_score", "contact.nps_at"}),
    frozenset({"contact.csat_score", "contact.csat_at"}),
)


def _missing(ground: Ground, playbook: Playbook, names: list[str]) -> tuple[dict[str, int], int]:
    """How many of the playbook's people lack each field, and how many people these are."""
    lacking = [sa.func.sum(sa.case((ground.fields[name].column.is_(None), 1), else_=0)) for name in names]
    count, *sums = ground.of_people(playbook, sa.func.count(), *lacking)
    return {name: int(number or 0) for name, number in zip(names, sums, strict=True)}, int(count)


@lru_cache(maxsize=256)
def bare_fields(source: str) -> Sequence[tuple[str, int]]:
    """The contact's and company's fields that are printed without a fallback, with their lines."""
    try:
        return tuple(_bare(_JINJA.parse(source), frozenset(), printed=False))
    except TemplateError:
        return ()


def _bare(node: nodes.Node, asked: frozenset[str], *, printed: bool) -> Iterator[tuple[str, int]]:
    """`asked` are the fields of the questions around: who answers them knows of the missing."""
    match node:
        case nodes.Getattr(node=nodes.Name(name="contact" | "company" as owner), attr=attr):
            if printed and (name := f"{owner}.{attr}") not in asked:
                yield name, node.lineno
            return
        case nodes.Or() | nodes.Compare() | nodes.Test() | nodes.Assign():
            return
        case nodes.Filter(name=name) if name in _FALLBACKS:
            return
        case nodes.If(test=test) | nodes.CondExpr(test=test):
            asked |= set(_fields_in(test))
        case nodes.Output():
            printed = True
    for child in node.iter_child_nodes(exclude=("test",)):
        yield from _bare(child, asked, printed=printed)


def _fields_in(test: nodes.Node) -> Iterator[str]:
    for field in (*([test] if isinstance(test, nodes.Getattr) else []), *test.find_all(nodes.Getattr)):
        if isinstance(field.node, nodes.Name):
            yield f"{field.node.name}.{field.attr}"


def _place(source: str, name: str, line: int) -> int:
    start = sum(len(each) for each in source.splitlines(keepends=True)[: line - 1])
    return max(source.find(name, start), start)


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 1 else "under 1 %"
