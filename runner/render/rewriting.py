"""A template is rewritten before it is compiled: what prints a value is recorded, what is missing is unordered.

An outline prints nothing: it notes which pieces of the template's own text it passes, and records the values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from jinja2 import nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from runner.render.recording import RECORDER, shown

if TYPE_CHECKING:
    from runner.render.environment import Environment


@pass_context
def _marks_output(context: Context, value: Any) -> Any:
    """Marks an output that the code generator writes in a way of its own."""
    return value


@pass_context
def _not_exact(context: Context, value: Any) -> Any:
    recorder = context.parent.get(RECORDER)
    if recorder is not None:
        recorder.exact = False
    return value


class _Never:
    """A missing value beside `<` or `>`: neither is true of it, as in conditions."""

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__


def _ordered(value: Any) -> Any:
    return _Never() if value is None else value


class Code(CodeGenerator):
    """Jinja's code, in which a recorded output costs one call; an outline's prints nothing and notes its way."""

    environment: Environment

    def write_commons(self) -> None:
        super().write_commons()
        names = "record, passes, prints" if self.environment.outlines else "record"
        self.writeline(f"{names} = environment.recording(context)")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if _is_recorded(node):
            self.write("record(")
        else:
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if _is_recorded(node):
            self.write(f", {_autoescape(frame)})")
        else:
            super()._output_child_post(node, frame, finalize)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802
        if node.name not in _MARKS or node.node is None:
            super().visit_Filter(node, frame)
        elif self.environment.outlines:
            self._noted(node.name, node.node, frame)
        else:
            self.visit(node.node, frame)

    def _noted(self, mark: str, of: nodes.Expr, frame: Frame) -> None:
        """A statement of an outline: what it passes, records or prints."""
        if mark in _OF_ALL:
            # Unless a template has called something else so, all letters have the same here.
            self.write(f"environment.{_OF_ALL[mark]}(")
            self.visit(next(of.find_all(nodes.Name)), frame)
            self.write(") or ")
        self.write(f"{_MARKS[mark]}(")
        self.visit(of, frame)
        self.write(")" if mark == "_passes" else f", {_autoescape(frame)})")


def _is_recorded(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Filter) and node.name == "_recorded"


def _autoescape(frame: Frame) -> str:
    return "context.eval_ctx.autoescape" if frame.eval_ctx.volatile else repr(bool(frame.eval_ctx.autoescape))


#: Outputs that are the same in all letters, and what the environment asks of the name in them to be sure of that.
_OF_ALL = {"_of_sender": "is_sender", "_said": "is_words"}
#: What an outline calls at each mark.
_MARKS = {
    "_recorded": "record",
    "_passes": "passes",
    "_prints": "prints",
    "_of_sender": "prints",
    "_said": "prints",
}


class _Rewriting(NodeTransformer):
    """Outputs are recorded; a missing value is unordered and prints nothing.

    What is captured first and printed later (macros, `filter`, `set` and `call` blocks) is left as it is: a key inside
    would go through filters and comparisons instead of the value. A name that is settled once stands for its text.
    """

    def __init__(self, settled: Mapping[str, str], marks: Iterator[int] | None) -> None:
        self.captured = 0
        self._settled = settled
        self._marks = marks

    def visit(self, node: nodes.Node, *arguments: Any, **named: Any) -> Any:
        match node:
            case nodes.Output():
                node.nodes = [self._output(child) for child in node.nodes]
                return node if self._marks is None or self.captured else list(self._outline(node, self._marks))
            case nodes.CallBlock() | nodes.FilterBlock() if self._marks is not None and not self.captured:
                return _printing(self._capture(node))
            case nodes.Macro() | nodes.CallBlock() | nodes.FilterBlock() | nodes.AssignBlock():
                return self._capture(node)
            case nodes.Include() | nodes.Block():
                self.generic_visit(node)
                if self.captured:
                    return [_not_exact_mark(node), node]
                return node if self._marks is None else [*_named(node), node, _passes(next(self._marks), node)]
            case nodes.Import() if self._marks is not None:
                self.generic_visit(node)
                return [*_named(node), node]
            case nodes.Call() if _is_inherited(node):
                self.generic_visit(node)
                return _filtered(node, "_not_exact")
            case nodes.Compare() if any(operand.op in ("lt", "lteq", "gt", "gteq") for operand in node.ops):
                return self._compare(node)
            case nodes.Concat():
                self.generic_visit(node)
                node.nodes = [_filtered(part, "_shown") for part in node.nodes]
                return node
        return self.generic_visit(node)

    def _outline(self, output: nodes.Output, marks: Iterator[int]) -> Iterator[nodes.ExprStmt]:
        """That it was passed, then its values; behind a piece of the template also that it is over."""
        yield _passes(next(marks), output)
        for child in output.nodes:
            match child:
                case nodes.TemplateData() | nodes.Const():
                    continue
                case nodes.Filter(name="_recorded" | "_of_sender" | "_said"):
                    yield nodes.ExprStmt(child, lineno=child.lineno)
                case nodes.Call() if _is_inherited(child):
                    yield nodes.ExprStmt(child, lineno=child.lineno)
                    yield _passes(next(marks), output)
                case _:
                    yield nodes.ExprStmt(_filtered(child, "_prints"), lineno=child.lineno)

    def _output(self, child: nodes.Expr) -> nodes.Expr:
        if isinstance(child, nodes.TemplateData) or (_is_inherited(child) and not self.captured):
            return child
        if isinstance(child, nodes.Name) and child.name in self._settled:
            return nodes.Const(self._settled[child.name], lineno=child.lineno)
        rewritten: nodes.Expr = self.visit(child)
        if self.captured:
            return rewritten
        # Whoever reads it: printed as it is, it stands in the text that they share.
        if _is_of_all(child):
            match child:
                case nodes.Call():
                    return _filtered(rewritten, "_said")
                case nodes.Getattr() | nodes.Getitem() if _names_only_it(child):
                    return _filtered(rewritten, "_of_sender")
            return rewritten
        return _filtered(rewritten, "_recorded")

    def _compare(self, compare: nodes.Compare) -> nodes.Compare:
        self.generic_visit(compare)
        compare.expr = _filtered(compare.expr, "_ordered")
        for operand in compare.ops:
            operand.expr = _filtered(operand.expr, "_ordered")
        return compare

    def _capture(self, node: nodes.Node) -> nodes.Node:
        self.captured += 1
        self.generic_visit(node)
        self.captured -= 1
        return node


def _settled(template: nodes.Template) -> dict[str, str]:
    """The names that a template's file sets to a text at its head, and nowhere else to anything: a brand's colours."""
    head = list(takewhile(_sets_up, template.body))
    set_to = {
        node.target.name: node.node.value
        for node in head
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name)
        if isinstance(node.node, nodes.Const) and isinstance(node.node.value, str) and node.node.value.isprintable()
    }
    stored = Counter(name.name for name in template.find_all(nodes.Name) if name.ctx != "load")
    imported = {
        named if isinstance(named, str) else named[1]
        for node in template.find_all(nodes.FromImport)
        for named in node.names
    }
    taken = (
        imported
        | {node.target for node in template.find_all(nodes.Import)}
        | {m.name for m in template.find_all(nodes.Macro)}
    )
    return {name: text for name, text in set_to.items() if stored[name] == 1 and name not in taken}


def _sets_up(node: nodes.Node) -> bool:
    """Whether it stands before anything that a template could print."""
    if isinstance(node, nodes.Output):
        return all(isinstance(child, nodes.TemplateData) for child in node.nodes)
    return isinstance(node, nodes.Assign | nodes.Extends)


def _passes(mark: int, node: nodes.Node) -> nodes.ExprStmt:
    return nodes.ExprStmt(_filtered(nodes.Const(mark, lineno=node.lineno), "_passes"), lineno=node.lineno)


def _named(node: nodes.Node) -> Iterator[nodes.ExprStmt]:
    """What is read without the context, of which no piece is noted: by its name it is known what it prints."""
    if isinstance(node, nodes.Include | nodes.Import) and not node.with_context:
        yield nodes.ExprStmt(_filtered(node.template, "_prints"), lineno=node.lineno)


def _printing(captured: nodes.Node) -> list[nodes.Node]:
    """What prints a piece as a whole, as statements that note it."""
    line = captured.lineno
    kept = nodes.AssignBlock(nodes.Name("_piece", "store", lineno=line), None, [captured], lineno=line)
    noted = _filtered(nodes.Name("_piece", "load", lineno=line), "_prints")
    return [kept, nodes.ExprStmt(noted, lineno=line)]


def _not_exact_mark(node: nodes.Node) -> nodes.Output:
    return nodes.Output([_filtered(nodes.Const("", lineno=node.lineno), "_not_exact")], lineno=node.lineno)


def _is_inherited(node: nodes.Node) -> bool:
    """`super()`, `self.block()`, `loop(…)`: calls that give a piece of the template with recorded outputs in it."""
    if not isinstance(node, nodes.Call):
        return False
    called = node.node
    if isinstance(called, nodes.Getattr):
        return isinstance(called.node, nodes.Name) and called.node.name == "self"
    return isinstance(called, nodes.Name) and called.name in ("super", "loop")


def _is_of_all(node: nodes.Node) -> bool:
    """`sender.name` or a part of it, `lang`, and `say("…")` of nothing but words: the same to all who read the file."""
    if isinstance(node, nodes.Call):
        called = isinstance(node.node, nodes.Name) and node.node.name == "say"
        return called and all(isinstance(part, nodes.Const) for part in node.args) and not node.kwargs
    if isinstance(node, nodes.Name):
        return node.name == "lang"
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
        if isinstance(node, nodes.Name):
            return node.name == "sender"
    return False


def _names_only_it(node: nodes.Expr) -> bool:
    """Whether nothing of somebody else's has a part in what of the sender it is."""
    names = list(node.find_all(nodes.Name))
    return len(names) == 1 and next(node.find_all((nodes.Call, nodes.Filter, nodes.Test)), None) is None


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


#: The filters that a rewritten template calls.
CALLED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(_MARKS, _marks_output),
    "_not_exact": _not_exact,
    "_ordered": _ordered,
    "_shown": shown,
}


def rewrite(template: nodes.Template, marks: Iterator[int] | None) -> None:
    """In place; `marks` stand for the pieces of text that an outline passes."""
    _Rewriting(_settled(template), marks).visit(template)
