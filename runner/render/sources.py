"""What stands in a template's source: what it names, extends and sets, and what Jinja cannot read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import jinja2
from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates, find_undeclared_variables

from runner.render.environment import Environment
from runner.yaml_file import closest

_OUTPUT = re.compile(r"\{\{.*?\}\}")


@dataclass(frozen=True, slots=True)
class Used:
    """What a template asks of those for whom it is rendered; each with its line."""

    #: Names that it does not set itself.
    names: tuple[tuple[str, int], ...] = ()
    #: Fields of them: name, field.
    fields: tuple[tuple[str, str, int], ...] = ()
    #: Templates that it extends, includes or imports by name and cannot do without.
    references: tuple[tuple[str, int], ...] = ()
    #: Names that it sets.
    sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A template as far as it can be read."""

    used: Used
    #: Templates that it extends, includes or imports by name.
    named: tuple[str, ...] = ()
    #: Filters and tests that there are not: kind, name, line, advice.
    words: tuple[tuple[str, str, int, str], ...] = ()
    #: What Jinja cannot read: line, message, advice.
    broken: tuple[tuple[int, str, str], ...] = ()


@lru_cache(maxsize=1024)
def read(environment: Environment, file: str, source: str) -> Source:
    """What cannot be read is left out, and the rest read on."""
    readable, broken = source, list[tuple[int, str, str]]()
    while True:
        try:
            tree = environment.parse(readable, file)
            words = unknown_words(environment, tree)
            used, named = used_in(tree), tuple(name for name in find_referenced_templates(tree) if name)
            if not words and readable is source:
                environment.compile_read(tree, source, file)
            elif not words:
                environment.compile(tree, file)
            return Source(used, named, tuple(words), tuple(broken))
        except TemplateSyntaxError as error:
            broken.append((error.lineno, *in_words(error)))
            rest = without_outputs(source, {line for line, *_ in broken})
            if rest == readable:
                return Source(Used(), broken=tuple(broken))
            readable = rest


def used_in(tree: nodes.Template) -> Used:
    free = find_undeclared_variables(tree)
    names = list(tree.find_all(nodes.Name))
    accesses: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    return Used(
        names=tuple((name.name, name.lineno) for name in names if name.ctx == "load" and name.name in free),
        fields=tuple(
            (access.node.name, field, access.lineno)
            for access in accesses
            if isinstance(access.node, nodes.Name) and access.node.name in free and (field := _field_of(access))
        ),
        references=tuple(_references(tree)),
        sets=tuple(name.name for name in names if name.ctx == "store"),
    )


def unknown_words(environment: jinja2.Environment, tree: nodes.Template) -> list[tuple[str, str, int, str]]:
    """Filters and tests that Jinja has not; inside an `if` it would only notice when rendering.

    They are taken out of the tree, since Jinja's own analysis stops at the first.
    """
    found = []
    for used in tree.find_all(nodes.Filter):
        if used.name not in (known := environment.filters):
            found.append(("filter", used.name, used.lineno, closest(used.name, known)))
            used.name = "_shown"
    for asked in tree.find_all(nodes.Test):
        if asked.name not in (known := environment.tests):
            found.append(("test", asked.name, asked.lineno, closest(asked.name, known)))
            asked.name = "none"
    return found


def in_words(error: TemplateError) -> tuple[str, str]:
    """Jinja's words, and what usually is behind them."""
    message = str(error.message)
    if "got '='" in message or "expected token 'end of statement block', got '='" in message:
        return message, "compare with =="
    if "Unexpected end of template" in message or "was looking for" in message:
        return message, "close each {% if %}, {% for %} and {% block %} with its {% end… %}"
    return message, ""


def without_outputs(source: str, lines: Collection[int]) -> str:
    """The source with what these lines print left out; the rest stands where it stood."""
    written = source.splitlines(keepends=True)
    for line in lines:
        if 0 < line <= len(written) and "{%" not in written[line - 1]:
            written[line - 1] = _OUTPUT.sub(lambda found: " " * len(found.group()), written[line - 1])
    return "".join(written)


def _field_of(access: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(access, nodes.Getattr):
        return access.attr
    named = access.arg
    return named.value if isinstance(named, nodes.Const) and isinstance(named.value, str) else None


def _references(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        named = getattr(node, "template", None)
        if (
            isinstance(named, nodes.Const)
            and isinstance(named.value, str)
            and not getattr(node, "ignore_missing", False)
        ):
            yield named.value, node.lineno
