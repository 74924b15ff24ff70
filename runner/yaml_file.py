"""Reads a user's YAML file, knows where each key stands, and turns every mistake in it into a fault."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

from runner.errors import Fault
from runner.yaml_unread import in_words, no_day, no_text, not_for_us

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file; `name` is how faults call it (relative to the workspace)."""

    name: str
    document: Any
    #: As it was written, where it was read from a file.
    text: str = field(default="", repr=False, compare=False)

    def locate(self, path: Sequence[str | int], *, value: bool = False) -> tuple[int, int]:
        """Line and column (from 1) of the deepest part of the path that is in the file: of the key, or of its value."""
        node: Any = self.document
        place = (1, 1)
        for index, part in enumerate(path):
            try:
                last = index == len(path) - 1
                marks = node.lc
                if isinstance(node, list):
                    line, column = marks.item(part)
                else:
                    # What is left empty stands nowhere.
                    line, column = marks.value(part) if value and last and node[part] is not None else marks.key(part)
                node = node[part]
            except (KeyError, IndexError, TypeError, AttributeError):
                break
            place = (line + 1, column + 1)
        return place

    def begins_at(self, line: int) -> int:
        """The column (from 1) at which a line's words begin."""
        lines = self.text.splitlines()
        written = lines[line - 1] if line <= len(lines) else ""
        return len(written) - len(written.lstrip()) + 1

    def fault(self, path: Sequence[str | int], message: str, advice: str = "", *, value: bool = True) -> Fault:
        line, column = self.locate(path, value=value)
        return Fault(self.name, line, column, dotted(path), message, advice)


def read_yaml(path: Path, name: str) -> YamlFile | Fault:
    """The file's document, or the fault that kept it from being read."""
    yaml = YAML(typ="rt")
    yaml.allow_duplicate_keys = False
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return no_text(name, error)
    except OSError as error:
        return Fault(name, 1, 1, "", f"cannot be read: {error.strerror}", "look whether it is there, and whose it is")
    if (strange := not_for_us(name, text)) is not None:
        return strange
    try:
        return YamlFile(name, yaml.load(text), text)
    except YAMLError as error:
        return in_words(name, error, text)
    except ValueError:  # the reader makes days of what looks like them
        line, column, written = no_day(text)
        return Fault(name, line, column, "", f"there is no day {written}", "put it in quotes if it is a text")


def validate(file: YamlFile, model: type[M], document: Any, *, at: Sequence[str | int] = ()) -> M | list[Fault]:
    """The document, which stands `at` this path of the file, as the model; or every fault pydantic finds in it."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        return faults_in(file, model, document, error, at=at)


def faults_in(
    file: YamlFile, model: type[BaseModel], document: Any, error: ValidationError, *, at: Sequence[str | int] = ()
) -> list[Fault]:
    """What pydantic found in the document, in our words."""
    return [_as_fault(file, detail, at, model, document) for detail in error.errors(include_url=False)]


def salvaged(model: type[M], document: Any, instead: Mapping[str, Any] | None = None) -> M | None:
    """What remains of a document without what is at fault, for a look at the rest; `instead` fills what is missing."""
    filled = deepcopy(document)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(filled)
        except ValidationError as error:
            before = deepcopy(filled)
            for detail in sorted(error.errors(), key=lambda found: str(found["loc"]), reverse=True):
                filled = _without(filled, _in_document(filled, detail["loc"]), instead or {})
            if filled == before:
                return None
    return None


#: Faults within faults that are looked behind.
_ROUNDS = 5


def _without(document: Any, path: Sequence[str | int], instead: Mapping[str, Any]) -> Any:
    """The document without what stands at the path, or with something else in its place."""
    if len(path) == 1 and path[0] in instead:
        return {**document, path[0]: instead[str(path[0])]} if isinstance(document, Mapping) else document
    node = document
    for part in path[:-1]:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return document
    try:
        node.pop(path[-1])
    except (KeyError, IndexError, TypeError, AttributeError):
        # It is missing: then what lacks it goes.
        return _without(document, path[:-1], instead) if path[:-1] else document
    return document


def line_breaks(text: str) -> bool:
    """Whether a text begins below its key, as `audience: >` and `audience: |` do."""
    return isinstance(text, FoldedScalarString | LiteralScalarString)


def with_lines(text: str) -> str:
    """The text with the line breaks it had in the file, where it was folded."""
    if not isinstance(text, FoldedScalarString):
        return text
    signs = list(text)
    for place in getattr(text, "fold_pos", ()):
        if signs[place : place + 1] == [" "]:
            signs[place] = "\n"
    return "".join(signs)


def closest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'renewal'?` or nothing."""
    near = difflib.get_close_matches(word, list(known), 1, cutoff=0.7)
    return f"did you mean {near[0]!r}?" if near else ""


def dotted(path: Sequence[str | int]) -> str:
    """`actions[1].wait` for `("actions", 1, "wait")`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _as_fault(
    file: YamlFile, detail: ErrorDetails, at: Sequence[str | int], model: type[BaseModel], document: Any
) -> Fault:
    path = (*at, *_in_document(document, detail["loc"]))
    path = path[:-1] if path[-1:] == ("[key]",) else path
    context, given = detail.get("ctx", {}), detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            known = _keys_at(model, detail["loc"][:-1])
            advice = closest(str(path[-1]), known) or (f"there are {', '.join(known)}" if len(known) <= _FEW else "")
            return file.fault(path, f"there is no key {str(path[-1])!r} here", advice, value=False)
        case "missing":
            return file.fault(path[:-1], f"{path[-1]!r} is missing", "add it", value=False)
        case "string_type" | "value_error" if isinstance(given, dict) and any(
            isinstance(key, Mapping) for key in given
        ):
            return file.fault(
                path, "braces at the start of a text", 'put the text in quotes: "{{ contact.first_name }}"'
            )
        case "value_error" | "assertion_error":
            return file.fault(path, str(context.get("error", detail["msg"])))
        case "literal_error":
            expected = str(context["expected"])
            near = (
                closest(given, expected.replace("'", "").replace(" or ", ", ").split(", "))
                if isinstance(given, str)
                else ""
            )
            return file.fault(path, f"must be {expected}, is {short(given)}", near)
        case "union_tag_invalid":
            known = re.findall(r"'(\w+)'", str(context["expected_tags"]))
            key, tag = str(context["discriminator"]).strip("'"), str(context["tag"])
            return file.fault(
                (*path, key), f"there is no {tag!r}", closest(tag, known) or f"there are {', '.join(known)}"
            )
        case "union_tag_not_found":
            return file.fault(path, f"{context['discriminator']!s} is missing", "add it", value=False)
        case "none_required" | "is_instance_of":
            return file.fault(path, f"is not understood: {short(given)}")
        case "string_type" if isinstance(given, int | float | date):
            return file.fault(path, f"must be a text, is {short(given)}", f'put it in quotes: "{short(given)}"')
        case "invalid_key":
            quoted = given is not None and not isinstance(given, Mapping | tuple)
            advice = f'put it in quotes: "{short(given)}"' if quoted else "write a word"
            line, column = file.locate((*path[:-1], given))
            return Fault(file.name, line, column, dotted(path[:-1]), f"a key must be a word, is {short(given)}", advice)
    if (wanted := _WANTED.get(detail["type"])) is not None:
        return file.fault(path, f"must be {wanted.format(**context)}, is {short(given)}")
    return file.fault(path, f"{_lower_first(detail['msg']).removeprefix('input ')}, is {short(given)}")


#: So many keys are named where none is close.
_FEW = 8
#: What a value must be, by pydantic's name for the mistake.
_WANTED = {
    "string_type": "a text",
    "string_pattern_mismatch": "small letters, digits and _, beginning with a letter",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "tuple_type": "a list, such as [1, 2]",
    "too_short": "a list with at least {min_length} in it",
    "too_long": "a list of at most {max_length}",
    "string_too_long": "a text of at most {max_length:,} characters",
    "timezone_aware": "a time with its zone, such as 2026-11-27T10:00:00Z",
    "datetime_type": "a time with its zone, such as 2026-11-27T10:00:00Z",
    "datetime_parsing": "a time with its zone, such as 2026-11-27T10:00:00Z",
    "datetime_from_date_parsing": "a time with its zone, such as 2026-11-27T10:00:00Z",
    "dict_type": "keys with values below it",
    "mapping_type": "keys with values below it",
    "model_type": "keys with values below it",
}


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that the model has below this path."""
    found: list[type[BaseModel]] = [model]
    for part in path:
        fields = [f for m in found for name, f in m.model_fields.items() if part in (name, f.alias)]
        below = [m for f in fields for m in _models_in(f.annotation)]
        found = below or [m for m in found if _is_tagged(m, part)] or found
    return [field.alias or name for name, field in found[0].model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _is_tagged(model: type[BaseModel], tag: str | int) -> bool:
    """Whether it is the one of several that is written with this word: `type: order`."""
    return any(get_args(field.annotation) == (tag,) for field in model.model_fields.values())


def short(value: Any) -> str:
    """A value as YAML has it, or the beginning of a long one: `'soon'`, `true`, `empty`."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case date():
            return value.isoformat()
        case Mapping():
            text = f"{{{', '.join(f'{_plain(key)}: {_plain(below)}' for key, below in value.items())}}}"
        case list() | tuple():
            text = f"[{', '.join(map(_plain, value))}]"
        case _:
            text = repr(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


#: So many signs of a value are shown.
_LONG = 80


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else short(value)


def _in_document(document: Any, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """Pydantic's path without the union tags it puts in; the last part stays even when it is not there (yet)."""
    node, path = document, []
    for index, part in enumerate(loc):
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            if index < len(loc) - 1 or not isinstance(node, dict | list):
                continue
        path.append(part)
    return tuple(path)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
