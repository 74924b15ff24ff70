"""The language of the templates: Jinja in a sandbox, where a missing value is empty and an unknown name is a fault.

Each output of a template can also be recorded: a key is printed in its place and the value kept aside, so that
people whose texts differ in values alone share one skeleton. An outline is the same render without the text that
stands in the template itself: who have the same outline have the same text around their values.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial, wraps
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Undefined, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from runner.render import habits
from runner.yaml_file import closest

#: The name under which a render's recorder stands in its context.
RECORDER = "_recorder"

#: Filters that pass a missing value on instead of printing "None" or failing.
_OF_A_VALUE = (
    "abs", "capitalize", "center", "e", "escape", "filesizeformat", "forceescape", "indent", "lower", "replace",
    "round", "safe", "string", "striptags", "title", "trim", "truncate", "upper", "urlencode", "urlize", "wordwrap",
)  # fmt: skip

#: A day or a time as JSON keeps it.
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")


class KeyTaken(Exception):
    """Somebody's text contains the key itself; the batch is rendered again with another one."""


class Fields:
    """A contact, an order, a sender as a template sees it: its fields and nothing else."""

    __slots__ = ("called", "values")

    def __init__(self, called: str, values: Mapping[str, Any]) -> None:
        self.called = called
        self.values = values

    def __bool__(self) -> bool:
        """A company of which nothing is known is none."""
        return any(value is not None for value in self.values.values())

    def __str__(self) -> str:
        raise TypeError(
            f"{self.called} has many fields; name one, such as {self.called}.{next(iter(self.values), 'name')}"
        )


class Unknown(StrictUndefined):
    """A name that nothing has. Using it fails with the name and what may have been meant."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        if isinstance(self._undefined_obj, Fields):
            return unknown_field(self._undefined_obj.called, str(self._undefined_name), self._undefined_obj.values)
        return (
            f"nothing here is called {self._undefined_name!r}" if self._undefined_name else super()._undefined_message
        )


def unknown_field(called: str, name: str, known: Iterable[str]) -> str:
    """`contact has no 'nmae'; did you mean 'name'?`"""
    near = closest(name, known)
    return f"{called} has no {name!r}" + (f"; {near}" if near else "")


class Keys:
    """The keys of a batch, `-r<nonce>.<number>-`, made once and shared by its people."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self._made: list[str] = []

    def __getitem__(self, number: int) -> str:
        while number >= len(self._made):
            self._made.append(f"-r{self.nonce}.{len(self._made)}-")
        return self._made[number]


class Recorder:
    """What one person's render put out, by the number of the key that was printed instead."""

    __slots__ = ("exact", "keys", "plain_text", "values")

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.values: list[str] = []
        #: Whether a text part is rendered, in which nothing is escaped.
        self.plain_text = False
        #: False once something was met that keys cannot stand for, such as a filter over a whole inherited block.
        self.exact = True

    def record(self, value: Any, autoescape: bool) -> str:
        """What is printed for a value: a key, or itself where another in its place could change what surrounds it."""
        text = shown(value)
        if not self.exact:  # the letter is rendered again without keys
            return printed(text, autoescape)
        if self.keys.nonce in text:
            raise KeyTaken
        # White space must be kept as it is: visible signs with single spaces between them.
        if not text or not text.isprintable() or text[0] == " " or text[-1] == " " or "  " in text:
            return printed(text, autoescape)
        escaped = autoescape and not isinstance(text, Markup)
        # A key stands for what HTML escapes, or in a text part for what nobody does.
        if escaped == self.plain_text and any(sign in text for sign in "<>&\"'"):
            return printed(text, autoescape)
        self.values.append(str(text))
        return self.keys[len(self.values) - 1]


def shown(value: Any) -> Any:
    """How a value is printed: nothing when missing, whole numbers without `.0`, no control characters."""
    if isinstance(value, str):
        return value if value.isprintable() else _without_control(value)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if hasattr(value, "__html__") and not isinstance(value, Undefined):
        return shown(Markup(value))
    return shown(str(value))


def _without_control(text: str) -> str:
    kept = "".join(sign for sign in text if sign in "\t\n\r" or unicodedata.category(sign) not in _UNSHOWN)
    return Markup(kept) if isinstance(text, Markup) else kept


#: Control characters, halves of signs, and code points that are no characters.
_UNSHOWN = ("Cc", "Cs", "Cn", "Co")


def printed(value: Any, autoescape: bool) -> str:
    """A value as a plain render prints it."""
    text = shown(value)
    return escape(text) if autoescape else str(text)


def recording(context: Context) -> Callable[[Any, bool], str]:
    """How this render prints its values: with a recorder by keys. What it begins with, no template can set."""
    recorder: Recorder | None = context.parent.get(RECORDER)
    return printed if recorder is None else recorder.record


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


class _Code(CodeGenerator):
    """Jinja's code, where an output that is recorded costs one call, and in outlines the sender's nearly none."""

    environment: Environment

    def write_commons(self) -> None:
        super().write_commons()
        self.writeline("record = environment.recording(context)")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if _is_recorded(node):
            self.write("record(")
            return
        if self.environment.outlines and isinstance(node, nodes.Filter) and node.name == "_of_sender":
            # Unless a template has called something else so, all letters have the same here.
            self.write(f"{_SENDERS_OWN!r} if ")
            self.visit(next(node.find_all(nodes.Name)), frame)
            self.write(" is environment.sender else ")
        super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if not _is_recorded(node):
            super()._output_child_post(node, frame, finalize)
        elif frame.eval_ctx.volatile:
            self.write(", context.eval_ctx.autoescape)")
        else:
            self.write(f", {bool(frame.eval_ctx.autoescape)})")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802
        if node.name in ("_recorded", "_of_sender") and node.node is not None:
            self.visit(node.node, frame)
        else:
            super().visit_Filter(node, frame)


def _is_recorded(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Filter) and node.name == "_recorded"


#: What stands in an outline for something of the sender's: no value has a control character.
_SENDERS_OWN = "\1"

#: What Jinja hands to a call besides its arguments.
_JINJAS_OWN = ("_loop_vars", "_block_vars")


class _Files(FileSystemLoader):
    """Templates by their files; while a batch is rendered each is looked at once and not once a letter."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        #: Those that were as they had been read, during a batch.
        self._looked_at: set[str] | None = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        self._looked_at = set()
        try:
            yield
        finally:
            self._looked_at = None

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, file, unchanged = super().get_source(environment, template)

        def as_it_was_read() -> bool:
            looked_at = self._looked_at
            if looked_at is None:
                return unchanged()
            if file not in looked_at and unchanged():
                looked_at.add(file)
            return file in looked_at

        return source, file, as_it_was_read


class Environment(ImmutableSandboxedEnvironment):
    """Jinja with the fields, filters and functions that a template may name; renders outlines where asked to."""

    code_generator_class = _Code
    recording = staticmethod(recording)
    #: Whom the letters come from, in every context the same.
    sender: Fields | None = None

    def __init__(self, folder: Path, *, outlines: bool = False) -> None:
        super().__init__(
            loader=(files := _Files(folder)),
            undefined=Unknown,
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            finalize=shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=True,
        )
        self.files = files
        self.outlines = outlines
        #: Marks of an outline, in place of the template's own text: no value has a control character.
        self._marks = (f"\0{number}\0" for number in count()) if outlines else None
        for name in _OF_A_VALUE:
            self.filters[name] = _missing_stays_missing(self.filters[name])
        self.filters |= {"default": _default, "d": _default, "date": day, "money": money}
        self.filters |= {
            "_recorded": _marks_output,
            "_of_sender": _marks_output,
            "_not_exact": _not_exact,
            "_ordered": _ordered,
            "_shown": shown,
        }
        # Nothing of Jinja's own globals is wanted but counting: `lipsum` and friends only make mistakes quiet.
        self.globals = {"range": self.globals["range"], "days_since": _days_since, "days_until": _days_until}

    def call(__self, __context: Context, __obj: Any, *args: Any, **named: Any) -> Any:  # noqa: N805
        """A person's links are ours and safe to call; whatever else a template calls is looked at first."""
        if type(__obj) is partial:
            # What Jinja adds within loops and blocks is for functions that ask for the context.
            return __obj(*args, **{name: value for name, value in named.items() if name not in _JINJAS_OWN})
        if __obj is _days_since and not named:
            return _days_since(__context, *args)
        return super().call(__context, __obj, *args, **named)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """One dict for all templates: each render begins with a copy of it, which a chain of them makes dear."""
        return self.globals if d is None else {**self.globals, **d}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is Fields:
            return self._field(obj, obj.values, attribute)
        if obj is None:
            return None
        if isinstance(obj, Mapping):
            return self._field(obj, obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if obj is None:
            return None
        if isinstance(obj, Fields | Mapping):
            return self._field(obj, obj.values if isinstance(obj, Fields) else obj, argument)
        return super().getitem(obj, argument)

    def _field(self, obj: object, values: Mapping[str, Any], name: Any) -> Any:
        try:
            return values[name]
        except KeyError:
            return self.undefined(obj=obj, name=name)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        _Rewriting(_settled(template), self._marks).visit(template)
        return template.set_environment(self)  # type: ignore[return-value]


@lru_cache(maxsize=8)
def environment_of(folder: Path, *, outlines: bool = False) -> Environment:
    """The one of a folder: what was compiled for a check is not compiled once more for a look at something else."""
    return Environment(folder, outlines=outlines)


class _Rewriting(NodeTransformer):
    """Outputs are recorded; a missing value is unordered and prints nothing.

    What is captured first and printed later (macros, `filter`, `set` and `call` blocks) is left as it is: a key inside
    would go through filters and comparisons instead of the value. A name that is settled once stands for its text.
    """

    def __init__(self, settled: Mapping[str, str], marks: Iterator[str] | None) -> None:
        self.captured = 0
        self._settled = settled
        self._marks = marks

    def visit(self, node: nodes.Node, *arguments: Any, **named: Any) -> Any:
        match node:
            case nodes.Output():
                node.nodes = [self._output(child) for child in node.nodes]
                if self._marks is not None and not self.captured:
                    node.nodes = list(self._outline(node, self._marks))
                return node
            case nodes.Macro() | nodes.CallBlock() | nodes.FilterBlock() | nodes.AssignBlock():
                return self._capture(node)
            case nodes.Include() | nodes.Block():
                self.generic_visit(node)
                return [_not_exact_mark(node), node] if self.captured else node
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

    def _outline(self, output: nodes.Output, marks: Iterator[str]) -> Iterator[nodes.Expr]:
        """Its values, a mark before each: one that prints nothing leaves it open which of them did."""
        yield nodes.TemplateData(next(marks), lineno=output.lineno)
        for child in output.nodes:
            if not isinstance(child, nodes.TemplateData | nodes.Const):
                yield nodes.TemplateData("\0", lineno=output.lineno)
                yield child

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
            senders = isinstance(child, nodes.Getattr | nodes.Getitem) and _names_only_it(child)
            return _filtered(rewritten, "_of_sender") if senders else rewritten
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


class _Never:
    """A missing value beside `<` or `>`: neither is true of it, as in conditions."""

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__


def _ordered(value: Any) -> Any:
    return _Never() if value is None else value


def _missing_stays_missing(of_value: Callable[..., Any]) -> Callable[..., Any]:
    position = 1 if hasattr(of_value, "jinja_pass_arg") else 0

    @wraps(of_value)
    def of_value_or_none(*arguments: Any, **named: Any) -> Any:
        return None if arguments[position] is None else of_value(*arguments, **named)

    return of_value_or_none


def _default(value: Any, instead: Any = "", boolean: bool = False) -> Any:
    """Jinja's own knows undefined names alone; here missing values get the default too."""
    if value is None or isinstance(value, Undefined) or (boolean and not value):
        return instead
    return value


def _in_zone(context: Context, value: Any) -> Any:
    """The local day of a time: of the zone that the letter's `now` is in. Custom fields bring days as `2026-12-22`."""
    now = context.resolve_or_missing("now")
    if isinstance(value, str) and _ISO.fullmatch(value):
        with suppress(ValueError):
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    if isinstance(value, datetime):
        zone = now.tzinfo if isinstance(now, datetime) else None
        return (value.astimezone(zone) if value.tzinfo and zone else value).date()
    return value


@pass_context
def day(context: Context, value: Any) -> Any:
    """A day in words as the letter's language has it, `22 November 2026`; of a time, the local day."""
    local = _in_zone(context, value)
    if not isinstance(local, date):
        return local
    return habits.day(local, habits.language(context))


@pass_context
def money(context: Context, value: Any, currency: str | None = None) -> Any:
    """An amount with its currency, `€1,234.50` or `1.234,50 €`; without one named, in the account's."""
    if value is None or isinstance(value, Undefined):
        return value
    known = context.resolve_or_missing("currency")
    return habits.money(value, currency or (known if isinstance(known, str) else ""), habits.language(context))


@pass_context
def _days_since(context: Context, value: Any) -> int | None:
    """Local days from then to today; None where there is no date."""
    local, today = _in_zone(context, value), context.resolve_or_missing("today")
    return (today - local).days if isinstance(local, date) and isinstance(today, date) else None


@pass_context
def _days_until(context: Context, value: Any) -> int | None:
    days: int | None = _days_since(context, value)
    return None if days is None else -days


def fields(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A person's context with each mapping wrapped, so that a template reads fields and never methods."""
    for name, value in context.items():
        yield name, Fields(name, value) if isinstance(value, Mapping) else value
