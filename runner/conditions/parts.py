"""Every mistake of a condition, and not its first alone: each of its parts is looked at by itself."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser

from runner.conditions.condition import _JINJA, TOO_DEEP, Condition
from runner.conditions.faults import ConditionFault
from runner.conditions.fields import Fields
from runner.conditions.words import show


def faults_in(source: str, fields: Fields) -> list[tuple[int, ConditionFault]]:
    """What is wrong, each with its line within the source, from 1."""
    try:
        Condition(source, fields)
    except ConditionFault as error:
        if error.message == TOO_DEEP:
            return [(1, error)]
        tree, line = _read(source)
        parts = list(_parts(tree)) if tree is not None else []
        found = [(_line(part), wrong) for part in parts for wrong in _fault(show(part), fields)] if parts[1:] else []
        return found or [(line, error)]
    return []


def _read(source: str) -> tuple[nodes.Node | None, int]:
    """The tree and where it begins; None and the line where it cannot be read on."""
    try:
        parser = Parser(_JINJA, source, state="variable")
        tree = parser.parse_expression()
    except TemplateSyntaxError as error:
        return None, error.lineno
    except (RecursionError, ValueError):
        return None, 1
    return (tree, _line(tree)) if parser.stream.eos else (None, parser.stream.current.lineno)


def _line(node: nodes.Node) -> int:
    """Where it begins: Jinja numbers a comparison by what comes after it."""
    # Some of its nodes have no number.
    return min(line for line in (node.lineno, *(part.lineno for part in node.find_all(nodes.Node))) if line)


def _fault(source: str, fields: Fields) -> Iterator[ConditionFault]:
    try:
        Condition(source, fields)
    except ConditionFault as error:
        yield error


def _parts(node: nodes.Node) -> Iterator[nodes.Node]:
    """What stands between `and`, `or` and `not`."""
    match node:
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            yield from _parts(left)
            yield from _parts(right)
        case nodes.Not(node=inner) if isinstance(inner, nodes.And | nodes.Or):
            yield from _parts(inner)
        case _:
            yield node
